"""The documents of the service, for the OpenAPI description.

Responses are made by `mien.results`, `mien.video.rows` and `mien.video.summary`, as on the command line; the tests
compare them with these classes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LabelsDocument(_Document):
    """A head and its emotions."""

    name: str = Field(description="the head's name", examples=["ferplus"])
    emotions: list[str] = Field(description="its emotions, in the order of the model's outputs")


class EstimateDocument(_Document):
    """An estimated number, and the interval that holds the real one in nine of ten cases."""

    value: float
    low: float
    high: float


class FaceDocument(_Document):
    """One face."""

    box: tuple[float, float, float, float] = Field(
        description="left, top, right, bottom in pixels of the upright picture", examples=[[176.2, 71.0, 346.9, 304.3]]
    )
    score: float = Field(ge=0, le=1, description="the detector's certainty")
    landmarks: list[tuple[float, float]] | None = Field(
        description="x, y of both eyes, nose and mouth corners, from the picture's left to its right; null where the "
        "detector gives none"
    )
    emotion: str = Field(description="the likeliest emotion", examples=["happy"])
    confidence: float = Field(ge=0, le=1, description="the calibrated probability that it is right")
    vote_share: float | None = Field(
        description="the estimated share of people who would choose this emotion; null from models without votes"
    )
    probabilities: dict[str, float] = Field(description="the calibrated probability of each emotion")
    track: int | None = Field(description="the person's number in a video or stream, else null")
    emotion_set: list[str] | None = Field(
        None, description="the emotions of which one is right in the promised share of cases; absent if unknown"
    )
    expressiveness: EstimateDocument | None = Field(
        None, description="the share of people who see any emotion at all; absent from models without votes"
    )
    valence: EstimateDocument | None = Field(None, description="how pleasant people find what they see, -1 to 1")
    arousal: EstimateDocument | None = Field(None, description="how aroused people find what they see, -1 to 1")


class ImageDocument(_Document):
    """The faces of one picture or frame."""

    source: str = Field(description="the name that the client gave, or 'image'", examples=["party.jpg"])
    width: int = Field(description="pixels of the upright picture")
    height: int
    labels: str = Field(description="the head that was used")
    faces: list[FaceDocument] = Field(description="from the largest to the smallest; may be empty")


class UnreadDocument(_Document):
    """A picture that could not be decoded."""

    source: str
    reason: str = Field(description="what was expected, what was received, and how to fix it")


class FacesDocument(_Document):
    """The same document as `mien predict --json`."""

    schema_: Literal[2] = Field(alias="schema", description="the version of this document")
    mien: str = Field(description="the version of mien")
    model: str = Field(description="the bundle's name")
    labels: LabelsDocument
    images: list[ImageDocument]
    errors: list[UnreadDocument] = Field(description="pictures that could not be decoded")


class HeadDocument(_Document):
    """A head of a model."""

    name: str
    emotions: list[str]


class ModelDocument(_Document):
    """A model of the service."""

    name: str
    size_bytes: int
    heads: list[HeadDocument]
    labels: str = Field(description="the head that is used by default")
    card: dict[str, Any] = Field(description="how the model was trained and measured")


class LimitsDocument(_Document):
    """The limits of the service."""

    body_bytes: int
    pixels: int
    images: int
    frame_bytes: int
    streams: int
    video_bytes: int
    video_seconds: float
    kept_seconds: float
    jobs: int
    queue: int
    requests_per_minute: int = Field(description="0: any number")


class ModelsDocument(_Document):
    """The models, detectors and limits of the service."""

    schema_: Literal[2] = Field(alias="schema")
    mien: str
    default: str = Field(description="the model that is used")
    models: list[ModelDocument]
    detectors: list[str] = Field(description="the default first")
    emotions: dict[str, str] = Field(description="a colour for each emotion, #rrggbb")
    limits: LimitsDocument


class JobDocument(_Document):
    """The state of a video's analysis."""

    schema_: Literal[2] = Field(alias="schema")
    id: str
    name: str = Field(description="the name that the client gave, or 'video'")
    status: Literal["queued", "running", "done", "failed"]
    progress: float | None = Field(description="0 to 1; null where the duration is not known")
    seconds: float = Field(description="seconds of the video that were analyzed")
    duration: float | None = Field(description="seconds of the video; null if unknown")
    frames: int = Field(description="frames that were analyzed")
    rows: int = Field(description="rows that are available")
    faces: int = Field(description="persons that were seen")
    notes: list[str] = Field(description="what was wrong with the video")
    error: ProblemDocument | None
    created: str = Field(description="ISO 8601")
    expires: str | None = Field(description="when the job is removed, ISO 8601; null until it has ended")


class RowsDocument(_Document):
    """The rows of `mien video --out`: one per face and frame."""

    schema_: Literal[2] = Field(alias="schema")
    labels: LabelsDocument
    columns: list[str]
    rows: list[dict[str, Any]]
    next: int = Field(description="the value of `after` for the rows that follow")


class StatusDocument(_Document):
    """The answer of a probe."""

    status: Literal["ok"]


class ProblemDocument(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(description="a stable URN, or about:blank", examples=["urn:mien:too-large"])
    title: str
    status: int
    detail: str = Field(description="what was expected, what was received, and how to fix it")
    errors: list[UnreadDocument] | None = None


JobDocument.model_rebuild()
