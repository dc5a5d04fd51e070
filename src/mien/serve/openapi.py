"""Complete `/openapi.json` with what FastAPI does not derive from the routes: problems, keys and examples."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from mien.serve.problems import MEDIA_TYPE
from mien.serve.schemas import ProblemDocument

router = APIRouter(include_in_schema=False)

PROBLEMS = {
    400: "The request is not valid HTTP",
    401: "The API key is missing or unknown",
    403: "The request comes from a page of another origin",
    404: "There is no video with this id",
    408: "The body arrived too slowly",
    409: "The video is not analyzed yet",
    413: "The body, or the number of its files, is over the limit",
    415: "The media type of the body is not supported",
    422: "A parameter is wrong, or the body cannot be decoded",
    429: "Too many requests of this client; Retry-After says when to try again",
    501: "An optional dependency is not installed",
    503: "Busy, loading or stopping; Retry-After says when to try again",
    504: "The pictures took longer than a request may",
}
WITH_BODY = (408, 413, 415)
NOT_DONE = (409, 501)

DESCRIPTION = """Recognizes facial expressions in pictures, videos and live streams. An expression is not a feeling and
not an intention.

Errors are problem details (RFC 9457, `application/problem+json`). Live streams use the WebSocket `/v1/stream`: the
client sends JPEG frames and receives the `image` document of `/v1/faces` with `track` numbers; see docs/service.md."""

FACES_EXAMPLE = {
    "schema": 2,
    "mien": "0.1.0",
    "model": "mien",
    "labels": {
        "name": "ferplus",
        "emotions": ["neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"],
    },
    "images": [
        {
            "source": "eileen_collins.jpg",
            "width": 512,
            "height": 512,
            "labels": "ferplus",
            "faces": [
                {
                    "box": [181.8, 58.1, 269.7, 178.0],
                    "score": 0.9286,
                    "landmarks": [[203.4, 101.6], [247.2, 104.8], [223.3, 125.2], [203.3, 142.4], [241.2, 144.7]],
                    "emotion": "happy",
                    "confidence": 0.999,
                    "vote_share": 0.9822,
                    "probabilities": {
                        "neutral": 0.0009,
                        "happy": 0.999,
                        "surprise": 0.0001,
                        "sad": 0.0,
                        "angry": 0.0,
                        "disgust": 0.0,
                        "fear": 0.0,
                        "contempt": 0.0,
                    },
                    "track": None,
                    "emotion_set": ["happy"],
                    "expressiveness": {"value": 0.9866, "low": 0.7998, "high": 1.0},
                    "valence": {"value": 0.7436, "low": 0.5892, "high": 0.76},
                    "arousal": {"value": 0.4742, "low": 0.4101, "high": 0.4876},
                }
            ],
        }
    ],
    "errors": [{"source": "notes.txt", "reason": "expected a picture (JPEG, PNG, WebP, GIF, BMP, TIFF), got ..."}],
}
JOB_EXAMPLE = {
    "schema": 2,
    "id": "lC9F4-HgLJzA5BnrvCiSHT10",
    "name": "talk.mp4",
    "status": "running",
    "progress": 0.1839,
    "seconds": 0.44,
    "duration": 2.393,
    "frames": 12,
    "rows": 12,
    "faces": 1,
    "notes": [],
    "error": None,
    "created": "2026-11-21T17:46:40.482Z",
    "expires": None,
}
PROBLEM_EXAMPLE = {
    "type": "urn:mien:too-large",
    "title": "Request Entity Too Large",
    "status": 413,
    "detail": "body: expected at most 20,000,000 bytes, got 31,415,926. Send less, or raise the limit",
}
EXAMPLES = {
    ("/v1/faces", "post", "200"): FACES_EXAMPLE,
    ("/v1/videos", "post", "202"): JOB_EXAMPLE,
    ("/v1/videos/{id}", "get", "200"): {**JOB_EXAMPLE, "status": "done", "progress": 1.0, "seconds": 2.36},
}


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Return the description of the API."""
    return JSONResponse(request.app.openapi())


def install(app: FastAPI, keyed: bool, root: str = "") -> None:
    """Replace FastAPI's description of the API, and serve it.

    Args:
        app: the application.
        keyed: whether API keys are required.
        root: prefix of all paths behind a reverse proxy.
    """

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app, keyed)
            if root:
                app.openapi_schema["servers"] = [{"url": root}]
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    app.include_router(router)


def describe(app: FastAPI, keyed: bool) -> dict[str, Any]:
    """Return the OpenAPI document of the application; `keyed`: whether API keys are required."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.setdefault(
        "ProblemDocument", ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    )
    schemas["ProblemDocument"]["examples"] = [PROBLEM_EXAMPLE]
    if keyed:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation, keyed)
    return document


def _complete(path: str, method: str, operation: dict[str, Any], keyed: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status in sorted(_problems_of(path, method, operation, keyed)):
        responses[str(status)] = {
            "description": PROBLEMS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
    for (of_path, of_method, answered), example in EXAMPLES.items():
        if (of_path, of_method) == (path, method):
            responses[answered]["content"]["application/json"]["example"] = example
    if keyed and path not in ("/healthz", "/readyz"):
        operation["security"] = [{"bearer": []}, {"header": []}]


def _problems_of(path: str, method: str, operation: dict[str, Any], keyed: bool) -> set[int]:
    found = {401} if keyed and path not in ("/healthz", "/readyz") else set()
    if path == "/readyz":
        found.add(503)
    if not path.startswith("/v1/"):
        return found
    found |= {429, 503}
    if method != "get":
        found.add(403)
    if "requestBody" in operation:
        found |= {*WITH_BODY, 422, 501}
    if operation.get("parameters"):
        found.add(422)
    if "{id}" in path:
        found.add(404)
    if path == "/v1/faces":
        found.add(504)
    if path.endswith(("/summary", "/timeline")):
        found |= {*NOT_DONE}
    return found
