"""The process that analyzes one video: `python -m mien.serve.video_worker FOLDER`.

What it shall do comes as a message on standard input, which stays open as long as the server lives. It writes the job's
state, rows, summary and timelines into the folder, so that the server never loads what draws them, and gives back all
its memory when it ends. When the job's folder is removed, it ends.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.errors import MienError, MissingExtraError, VideoError
from mien.recognizer import EmotionRecognizer
from mien.serve.children import become_child, end_with
from mien.serve.engine import RequestOptions, recognizer_arguments, usable_cores
from mien.serve.job_files import DONE, FAILED, RUNNING, TIMELINES, Job, RemovedError, ended, failure, update_job
from mien.serve.messages import receive
from mien.serve.problems import ProblemError
from mien.serve.settings import ServiceSettings
from mien.serve.video_probe import open_video
from mien.video.analysis import analyze
from mien.video.options import AnalysisOptions
from mien.video.rows import RowWriter
from mien.video.summary import Summary
from mien.video.timeline.writing import write_timeline

REPORT_SECONDS = 0.25
"""Seconds between two updates of a job's progress."""
MOST_RATE = 240
"""Frames per second: a file with more frames than this is not analyzed to its end."""


def main() -> None:
    """Analyze the video `FOLDER/video` as the message on standard input says."""
    head, _ = receive(sys.stdin.buffer)
    settings = ServiceSettings.from_environment(head["settings"])
    become_child(settings.analysis_memory)
    end_with(sys.stdin.buffer)
    run(Path(sys.argv[1]), Job(**head["job"]), settings, RequestOptions(**head["options"]), head["every"])


def run(folder: Path, job: Job, settings: ServiceSettings, options: RequestOptions, every: int) -> None:
    """Analyze a job's video; its state, and errors too, are written into its folder.

    Args:
        folder: the job's folder.
        job: its state.
        settings: the settings of the service.
        options: the options of the request.
        every: analyze each n-th frame.
    """
    try:
        recognizer = EmotionRecognizer(
            settings.model,
            detector=options.detector or settings.detector,
            size=settings.size,
            threads=settings.threads or usable_cores(),
            providers=settings.provider,
            **recognizer_arguments(settings, options),
        )
        summary = _analyze(folder, job, settings, recognizer, every)
    except RemovedError:
        return
    except MissingExtraError as error:
        problem = ProblemError(501, str(error), "missing-extra").to_dict()
    except VideoError as error:
        problem = ProblemError(422, f"{job.name}: {error.reason}", "unreadable").to_dict()
    except MemoryError:
        problem = failure(f"it needs more than the {settings.analysis_memory:,} bytes of memory of --analysis-memory")
    except Exception as error:
        problem = failure(str(error) if isinstance(error, MienError) else type(error).__name__)
    else:
        _draw(summary, folder / TIMELINES["png"])
        return
    _end(folder, job, settings, FAILED, problem)


def _analyze(folder: Path, job: Job, settings: ServiceSettings, recognizer: EmotionRecognizer, every: int) -> Summary:
    limit = settings.max_video_seconds
    summary = Summary(recognizer.labels, job.name)
    reported, notes = 0.0, list[str]()
    update_job(folder, job := replace(job, status=RUNNING))
    source = open_video(str(folder / "video"), job.name, settings.max_pixels)
    with (
        analyze(recognizer, source, AnalysisOptions(every=every)) as analysis,
        RowWriter(folder / "rows.jsonl", recognizer.labels) as rows,
    ):
        for moment in analysis:
            if moment.time >= limit or moment.frame >= limit * MOST_RATE:
                notes.append(f"is longer than {limit:g} s; what comes after that is not read")
                break
            rows.write(moment)
            summary.add(moment.time, moment.faces, moment.image)
            if time.monotonic() - reported >= REPORT_SECONDS or not (folder / "job.json").exists():
                update_job(folder, job := _progress(job, moment.time, summary, rows.count))
                reported = time.monotonic()
        notes = [*analysis.notes, *notes]
        job = _progress(job, summary.last, summary, rows.count)
    (folder / "video").unlink(missing_ok=True)
    update_job(folder, job := replace(job, notes=notes))
    summary.to_json(folder / "summary.json")
    write_timeline(summary, folder / TIMELINES["html"])
    _end(folder, replace(job, progress=1.0), settings, DONE)
    return summary


def _draw(summary: Summary, path: Path) -> None:
    """Draw the timeline as a picture, after the job is done, since it takes longest and is rarely requested."""
    if not path.parent.exists():  # the job was removed, and its folder must not come back
        return
    with suppress(MissingExtraError, OSError):  # matplotlib is missing, or the job was removed
        write_timeline(summary, path)


def _end(folder: Path, job: Job, settings: ServiceSettings, status: str, error: dict[str, Any] | None = None) -> None:
    with suppress(RemovedError):
        update_job(folder, ended(job, status, time.time() + settings.kept_seconds, error))


def _progress(job: Job, seconds: float, summary: Summary, rows: int) -> Job:
    share = min(1.0, seconds / job.duration) if job.duration else None
    return replace(
        job,
        progress=share if share is None else round(share, 4),
        seconds=round(seconds, 3),
        frames=summary.frames,
        rows=rows,
        faces=len(summary.people),
    )


if __name__ == "__main__":
    main()
