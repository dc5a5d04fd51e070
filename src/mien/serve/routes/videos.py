"""`/v1/videos`: analyze an uploaded video as a job; query its progress, rows, summary and timeline."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from python_multipart.multipart import parse_options_header
from starlette.responses import FileResponse, Response, StreamingResponse

from mien.documents import SCHEMA
from mien.errors import MissingExtraError
from mien.labels import LabelSet
from mien.options import help_of
from mien.serve import uploads
from mien.serve.engine import RequestOptions
from mien.serve.job_files import DONE, TIMELINES, Job, rows_after
from mien.serve.problems import ProblemError
from mien.serve.routes.faces import (
    FORM,
    DetectorName,
    LabelsQuery,
    MinConfidence,
    MinFace,
    Prior,
    SetCoverage,
    SetKind,
)
from mien.serve.schemas import JobDocument, RowsDocument
from mien.serve.state import client_of, engine_of, jobs_of, settings_of
from mien.video.options import AnalysisOptions
from mien.video.rows import columns

router = APIRouter(prefix="/v1/videos")

FIELD = "video"
AT_ONCE = 1_000_000
"""Bytes of an upload that are collected before they are written to the disk."""
MOST_ROWS = 5000
"""Most rows of one response; `next` is where the following ones begin."""

TIMELINE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"
)
"""The timeline has inline styles and scripts; the sandbox gives it an opaque origin, without access to the service."""

_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "required": True,
    "content": {
        "video/*": _BINARY,
        "application/octet-stream": _BINARY,
        FORM: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        },
    },
}


class FileSink:
    """A sink that buffers an upload; `drain` writes it to a new file in a thread."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._buffer = bytearray()

    def write(self, data: bytes) -> None:
        """Append a piece to the buffer."""
        self._buffer += data

    async def drain(self, least: int = AT_ONCE) -> None:
        """Write the buffer to the file if it holds at least `least` bytes."""
        if len(self._buffer) >= least:
            buffer, self._buffer = self._buffer, bytearray()
            await asyncio.to_thread(self._file.write, buffer)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@router.post(
    "",
    status_code=202,
    response_model=JobDocument,
    openapi_extra={"requestBody": BODY},
    summary="Analyze a video as a job",
)
async def begin(
    request: Request,
    response: Response,
    labels: LabelsQuery = None,
    detector: DetectorName = None,
    min_face: MinFace = None,
    min_confidence: MinConfidence = None,
    prior: Prior = None,
    set_coverage: SetCoverage = None,
    set_kind: SetKind = None,
    every: Annotated[int, Query(ge=1, le=1000, description=help_of(AnalysisOptions, "every"))] = 1,
    name: Annotated[str, Query(max_length=1000, description="the video's name, if the body gives none")] = "",
) -> dict[str, Any]:
    """Begin to analyze the video of the body: the video itself, or a form with one file called `video`.

    The response comes at once; its header `Location` is the address of the job.
    """
    engine, jobs = engine_of(request), jobs_of(request)
    options = RequestOptions(labels, detector, min_face, min_confidence, False, prior, set_coverage, set_kind)
    emotions = engine.recognizer(options).labels
    folder = jobs.new_folder()
    try:
        label = await _receive(request, folder / "video") or uploads.printable_name(name) or "video"
        client = client_of(request)
        jobs.reserve(client)  # now, so that an upload that does not go on takes no place
        try:
            job = await asyncio.to_thread(jobs.submit, folder, label, emotions, options, every, client)
        except BaseException:
            jobs.release(client)
            raise
    except BaseException:
        jobs.discard(folder)
        raise
    response.headers["Location"] = f"{engine.settings.root_path}{request.scope['path']}/{job.id}"
    return job.document()


async def _receive(request: Request, path: Path) -> str:
    """Write the body's video to a file, and return the client's name for it, or ""."""
    settings = settings_of(request)
    kind = uploads.media_type(request)
    pieces = uploads.chunks(request, settings.max_video, settings.upload_seconds, "video")
    upload = FileSink(path)
    try:
        if kind == FORM:
            form = uploads.FormParser(request.headers["content-type"], FIELD, 1, lambda: upload)
            async for piece in pieces:
                form.write(piece)
                await upload.drain()
            (part,) = form.finish()
            name = part.name
        elif kind.startswith("video/") or kind == "application/octet-stream":
            async for piece in pieces:
                upload.write(piece)
                await upload.drain()
            name = _disposed(request)
        else:
            raise ProblemError(
                415,
                f"expected a video (Content-Type: video/mp4, application/octet-stream) or a form ({FORM}), got "
                f"{uploads.printable_name(kind) or 'no content type'}. Say what the body is",
                "media-type",
            )
        await upload.drain(least=0)
    finally:
        upload.close()
    return name


def _disposed(request: Request) -> str:
    """Return the file name of the header Content-Disposition as a label, or ""."""
    _, options = parse_options_header(request.headers.get("content-disposition", ""))
    return uploads.printable_name(options.get(b"filename", b"").decode(errors="replace"))


@router.get("/{id}", response_model=JobDocument, summary="Status and progress of a job")
async def status(request: Request, id: str) -> dict[str, Any]:
    """Return the state of a job."""
    _, job = await _find(request, id)
    return job.document()


@router.get(
    "/{id}/rows",
    response_model=RowsDocument,
    responses={200: {"content": {"application/jsonl": {}, "text/csv": {}}}},
    summary="Rows, one per face and frame, during the analysis and after it",
)
async def rows(
    request: Request,
    id: str,
    format: Annotated[
        Literal["json", "jsonl", "csv"], Query(description="jsonl and csv return all rows at once")
    ] = "json",
    after: Annotated[int, Query(ge=0, le=2**53, description="rows to skip: `next` of the previous response")] = 0,
) -> Response:
    """Return rows of a video, as JSON in parts, or all of them as JSON lines or CSV."""
    folder, job = await _find(request, id)
    labels = LabelSet(job.labels, tuple(job.emotions))
    path = folder / "rows.jsonl"
    if format == "json":
        lines = await asyncio.to_thread(lambda: list(rows_after(path, after, MOST_ROWS)))
        head = {
            "schema": SCHEMA,
            "labels": {"name": job.labels, "emotions": job.emotions},
            "columns": columns(labels),
            "next": after + len(lines),
        }
        text = (
            json.dumps(head, ensure_ascii=False)[:-1]
            + ', "rows": ['
            + ", ".join(line.rstrip() for line in lines)
            + "]}"
        )
        return Response(text, media_type="application/json")
    every = rows_after(path, after, 2**53)
    if format == "jsonl":
        return StreamingResponse(every, media_type="application/jsonl")
    return StreamingResponse(_as_csv(every, columns(labels)), media_type="text/csv")


def _as_csv(lines: Iterator[str], names: list[str]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(json.loads(line))
        if text.tell() > AT_ONCE:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


@router.get("/{id}/summary", response_class=FileResponse, summary="Summary per person")
async def summary(request: Request, id: str) -> Response:
    """Return the summary of an analyzed video."""
    return _file(await _done(request, id) / "summary.json", "application/json")


@router.get("/{id}/timeline", response_class=FileResponse, summary="Timeline, as a page or a picture")
async def timeline(request: Request, id: str, format: Annotated[Literal["png", "html"], Query()] = "html") -> Response:
    """Return the timeline of an analyzed video."""
    path = await _done(request, id) / TIMELINES[format]
    if format == "png":
        if find_spec("matplotlib") is None:
            raise ProblemError(501, str(MissingExtraError("a timeline as PNG", "report")), "missing-extra")
        if not path.exists():
            raise ProblemError(
                409, "expected a timeline that is drawn, got one that is not yet. Try again later", "not-done"
            )
        return _file(path, "image/png")
    return _file(path, "text/html", {"Content-Security-Policy": TIMELINE_POLICY})


@router.delete("/{id}", status_code=204, summary="Cancel a job and remove its files")
async def remove(request: Request, id: str) -> Response:
    """Cancel a job and remove its files."""
    await asyncio.to_thread(jobs_of(request).remove, id)
    return Response(status_code=204)


async def _find(request: Request, id: str) -> tuple[Path, Job]:
    return await asyncio.to_thread(jobs_of(request).find, id)


async def _done(request: Request, id: str) -> Path:
    """Return the folder of a job that is done; raise a 409 (ProblemError) if it is not."""
    folder, job = await _find(request, id)
    if job.status != DONE:
        raise ProblemError(
            409, f"expected a video that has been read, got one that is {job.status}. Try again later", "not-done"
        )
    return folder


def _file(path: Path, kind: str, headers: dict[str, str] | None = None) -> Response:
    return FileResponse(path, media_type=kind, headers=headers)
