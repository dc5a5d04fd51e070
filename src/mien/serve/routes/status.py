"""What a client asks before anything else: what can read here, is it alive, is it ready, what has it counted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from mien.labels import hex_color
from mien.results import SCHEMA
from mien.serve.engine import Engine
from mien.serve.middleware.metrics import CONTENT_TYPE
from mien.serve.schemas import ModelsDocument, StatusDocument
from mien.serve.state import engine_of, metrics_of
from mien.version import __version__

router = APIRouter()


@router.get("/v1/models", response_model=ModelsDocument, summary="What can read here, and within which limits")
async def models(request: Request) -> dict[str, Any]:
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


@router.get("/healthz", response_model=StatusDocument, summary="Is it alive?")
async def alive() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", response_model=StatusDocument, summary="Can it read?")
async def ready(request: Request) -> dict[str, str]:
    engine_of(request)
    return {"status": "ok"}


@router.get("/metrics", response_class=Response, summary="What was counted, for Prometheus")
async def metrics(request: Request) -> Response:
    return Response(metrics_of(request).text(), headers={"Content-Type": CONTENT_TYPE})
