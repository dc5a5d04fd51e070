"""Routes about the service itself: its models and limits, probes and metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from mien.documents import SCHEMA
from mien.labels import hex_color
from mien.serve.engine import Engine
from mien.serve.middleware.metrics import CONTENT_TYPE
from mien.serve.schemas import ModelsDocument, StatusDocument
from mien.serve.state import engine_of, metrics_of
from mien.version import __version__

router = APIRouter()


@router.get("/v1/models", response_model=ModelsDocument, summary="List the models, detectors and limits")
async def models(request: Request) -> dict[str, Any]:
    """Return the models, detectors, colours and limits of the service."""
    engine = engine_of(request)
    bundle = engine.bundle
    heads = [head.labels for head in bundle.metadata.heads]
    return {
        "schema": SCHEMA,
        "mien": __version__,
        "default": bundle.name,
        "models": [
            {
                "name": bundle.name,
                "size_bytes": bundle.size,
                "heads": [{"name": labels.name, "emotions": list(labels.names)} for labels in heads],
                "labels": engine.default.labels.name,
                "card": bundle.metadata.card,
            }
        ],
        "detectors": list(engine.detectors),
        "emotions": {name: hex_color(name) for labels in heads for name in labels.names},
        "limits": limits(engine),
    }


def limits(engine: Engine) -> dict[str, float]:
    """Return the limits of the service by their names in the document."""
    settings = engine.settings
    return {
        "body_bytes": settings.max_body,
        "pixels": settings.max_pixels,
        "images": settings.max_images,
        "frame_bytes": settings.max_frame,
        "streams": settings.max_streams,
        "video_bytes": settings.max_video,
        "video_seconds": settings.max_video_seconds,
        "kept_seconds": settings.kept_seconds,
        "jobs": settings.max_jobs,
        "queue": settings.queue,
        "requests_per_minute": settings.rate,
    }


@router.get("/healthz", response_model=StatusDocument, summary="Liveness probe")
async def alive() -> dict[str, str]:
    """Return 200 while the process runs."""
    return {"status": "ok"}


@router.get("/readyz", response_model=StatusDocument, summary="Readiness probe")
async def ready(request: Request) -> dict[str, str]:
    """Return 200 once the model is loaded, 503 before."""
    engine_of(request)
    return {"status": "ok"}


@router.get("/metrics", response_class=Response, summary="Metrics for Prometheus")
async def metrics(request: Request) -> Response:
    """Return the metrics in the text format of Prometheus."""
    return Response(metrics_of(request).text(), headers={"Content-Type": CONTENT_TYPE})
