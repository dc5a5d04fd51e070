"""`POST /v1/faces`: predict uploaded pictures; the response is the document of `mien predict --json`."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from mien.documents import results_document
from mien.errors import ImageError
from mien.serve import uploads
from mien.serve.engine import MAX_MIN_FACE, Engine, PictureUpload, RequestOptions
from mien.serve.problems import ProblemError
from mien.serve.schemas import FacesDocument
from mien.serve.state import client_of, engine_of, memory_of

router = APIRouter()

FIELD = "images"
FORM = "multipart/form-data"

LabelsQuery = Annotated[str | None, Query(description="a head's name; by default the service's", examples=["ferplus"])]
DetectorName = Annotated[str | None, Query(description="one of those that /v1/models lists", examples=["mien-face"])]
MinConfidence = Annotated[
    float | None, Query(ge=0, le=1, description="report 'uncertain' below this probability of the emotion")
]
MinFace = Annotated[
    float | None, Query(ge=0, le=MAX_MIN_FACE, allow_inf_nan=False, description="leave out smaller faces, in pixels")
]
Prior = Annotated[
    str | None, Query(description="how frequent the emotions are: training, uniform, or weights like happy=3,sad=0.5")
]
SetCoverage = Annotated[
    float | None, Query(ge=0, le=1, description="share of cases in which a face's emotion_set holds the right emotion")
]
SetKind = Annotated[
    Literal["emotion", "all"] | None, Query(description="what that share holds for: each emotion's faces, or all")
]
Flip = Annotated[bool, Query(description="average each face with its mirror image")]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "required": True,
    "content": {
        "image/*": _BINARY,
        "application/octet-stream": _BINARY,
        FORM: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
    },
}


@router.post(
    "/v1/faces",
    response_model=FacesDocument,
    openapi_extra={"requestBody": BODY},
    summary="Predict the emotions of the faces in one or several pictures",
)
async def read_faces(
    request: Request,
    labels: LabelsQuery = None,
    detector: DetectorName = None,
    min_face: MinFace = None,
    min_confidence: MinConfidence = None,
    flip: Flip = False,
    prior: Prior = None,
    set_coverage: SetCoverage = None,
    set_kind: SetKind = None,
) -> Response:
    """Predict the pictures of the body: one picture, or a form with one or several files called `images`.

    A picture that cannot be decoded is listed in `errors`; if none can be decoded, the response is a problem with
    status 422.
    """
    engine = engine_of(request)
    options = RequestOptions(labels, detector, min_face, min_confidence, flip, prior, set_coverage, set_kind)
    recognizer = engine.recognizer(options)
    with memory_of(request).reserve() as reserve:
        pictures = await _pictures(request, engine, reserve)
        results = await engine.predict(pictures, options, client_of(request))
    unread = [result for result in results if isinstance(result, ImageError)]
    if len(unread) == len(results):
        errors = [{"source": error.source, "reason": error.reason} for error in unread]
        raise ProblemError(422, f"none of the pictures could be read: {unread[0]}", "unreadable", errors=errors)
    return Response(
        json.dumps(results_document(recognizer.bundle.name, recognizer.labels, results), ensure_ascii=False),
        media_type="application/json",
    )


async def _pictures(request: Request, engine: Engine, reserve: uploads.Reserve) -> list[PictureUpload]:
    """Return the pictures of a request's body, in memory."""
    settings = engine.settings
    kind = uploads.media_type(request)
    pieces = uploads.chunks(request, settings.max_body, settings.body_seconds, "body")
    if kind == FORM:
        form = uploads.FormParser(request.headers["content-type"], FIELD, settings.max_images, uploads.BytesSink)
        async for piece in pieces:
            reserve(len(piece))
            form.write(piece)
        return [PictureUpload(part.sink.content, part.name or "image") for part in form.finish()]
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise ProblemError(
            415,
            f"expected a picture (Content-Type: image/jpeg, application/octet-stream) or a form ({FORM}), got "
            f"{uploads.printable_name(kind) or 'no content type'}. Say what the body is",
            "media-type",
        )
    content = bytearray()
    async for piece in pieces:
        reserve(len(piece))
        content += piece
    return [PictureUpload(content, "image")]
