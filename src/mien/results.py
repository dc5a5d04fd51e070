"""`Faces`: the faces of one picture as a struct of arrays."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, MissingExtraError, describe_value
from mien.face import VOTE_NUMBERS, Estimate, Face
from mien.labels import UNCERTAIN, LabelSet, color

FloatArray = npt.NDArray[np.float32]


SET_SEPARATOR = "|"
"""Between the emotions of a set in a table."""

_ARRAYS = (
    "boxes",
    "scores",
    "landmarks",
    "probabilities",
    "vote_shares",
    "track_ids",
    "reported",
    "fused",
    "sets",
    *VOTE_NUMBERS,
)
"""The fields of `Faces` that have a row for each face."""

UNCERTAINTY_COLUMNS = (
    "emotion_set",
    *(column for name in VOTE_NUMBERS for column in (name, f"{name}_low", f"{name}_high")),
)
"""Columns of tables after the emotions; None where the model does not know its errors or no votes."""


def uncertainty_columns(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of UNCERTAINTY_COLUMNS of a face's document."""
    found: dict[str, Any] = dict.fromkeys(UNCERTAINTY_COLUMNS)
    if values.get("emotion_set") is not None:
        found["emotion_set"] = SET_SEPARATOR.join(values["emotion_set"])
    for name in VOTE_NUMBERS:
        estimate = values.get(name)
        if estimate is not None:
            found |= {name: estimate["value"], f"{name}_low": estimate["low"], f"{name}_high": estimate["high"]}
    return found


def _check(name: str, array: Any, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        raise InputError(f"Faces.{name}: expected {dtype.__name__} {shape}, got {describe_value(array)}")


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one picture, n of them, ordered from the largest to the smallest.

    A picture without faces has the length 0; it is no error. A wrong shape or dtype raises InputError. Iteration and
    integer indices give `Face`s; slices, masks and index arrays give `Faces`.

    Attributes:
        boxes: float32 (n, 4), xyxy in pixels of the original picture.
        scores: detection scores, float32 (n,), 0 to 1.
        landmarks: float32 (n, 5, 2), x and y of the left eye, right eye, nose, left and right mouth corner as they lie
            in the picture; NaN where the detector gives none.
        probabilities: calibrated, float32 (n, K), over `labels`; rows sum to 1.
        vote_shares: estimated share of people who would choose the face's emotion, float32 (n,), 0 to 1; NaN where
            unknown.
        labels: the label set of the columns of `probabilities`.
        size: width and height of the picture in pixels.
        source: the picture's path, or a description.
        track_ids: numbers of the persons in a video, int64 (n,), or None.
        fused: probabilities of faces and voice together, float32 (n, K), where the sound was asked for; else None.
        reported: columns of the reported emotions, int64 (n,); None: the most probable ones. In a video an emotion is
            reported until another is likelier by a margin.
        min_confidence: probability, 0 to 1, below which a face's emotion is reported as "uncertain".
        sets: which emotions are in the set that holds the right one with the promised share of cases, bool (n, K), or
            None where the model does not know its errors.
        expressiveness: share of people who see any emotion at all, with the interval of nine in ten cases, float32
            (n, 3): the estimate, the least, the greatest; None if the model was not trained on votes.
        valence: how pleasant people find what they see, -1 to 1, in the same form.
        arousal: how aroused people find what they see, -1 to 1, in the same form.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray
    probabilities: FloatArray
    vote_shares: FloatArray
    labels: LabelSet
    size: tuple[int, int]
    source: str = "image"
    track_ids: npt.NDArray[np.int64] | None = None
    reported: npt.NDArray[np.int64] | None = None
    min_confidence: float = 0.0
    fused: FloatArray | None = None
    sets: npt.NDArray[np.bool_] | None = None
    expressiveness: FloatArray | None = None
    valence: FloatArray | None = None
    arousal: FloatArray | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes) if isinstance(self.boxes, np.ndarray) else 0
        expected = {
            "boxes": (n, 4),
            "scores": (n,),
            "landmarks": (n, 5, 2),
            "probabilities": (n, len(self.labels)),
            "vote_shares": (n,),
        }
        for name, shape in expected.items():
            _check(name, getattr(self, name), shape, np.float32)
        if n and not (self.probabilities.min() >= 0 and np.allclose(self.probabilities.sum(axis=1), 1, atol=1e-3)):
            raise InputError("Faces.probabilities: expected rows from 0 that sum to 1")
        optional: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "fused": ((n, len(self.labels)), np.float32),
            "track_ids": ((n,), np.int64),
            "reported": ((n,), np.int64),
            "sets": ((n, len(self.labels)), np.bool_),
            **dict.fromkeys(VOTE_NUMBERS, ((n, 3), np.float32)),
        }
        for name, (shape, dtype) in optional.items():
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), shape, dtype)
        last = len(self.labels) - 1
        if self.reported is not None and n and not (self.reported.min() >= 0 and self.reported.max() <= last):
            raise InputError(f"Faces.reported: expected columns 0 to {last}, got {self.reported}")

    @classmethod
    def none(
        cls, labels: LabelSet, size: tuple[int, int] = (0, 0), source: str = "image", *, with_tracks: bool = False
    ) -> Faces:
        """Return the result of a picture without faces.

        Args:
            labels: the label set.
            size: width and height of the picture in pixels.
            source: the picture's path, or a description.
            with_tracks: have an empty array of track_ids, as in a video.
        """
        empty = np.zeros(0, np.float32)
        return cls(
            boxes=empty.reshape(0, 4),
            scores=empty,
            landmarks=empty.reshape(0, 5, 2),
            probabilities=empty.reshape(0, len(labels)),
            vote_shares=empty,
            labels=labels,
            size=size,
            source=source,
            track_ids=np.zeros(0, np.int64) if with_tracks else None,
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Face]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice | npt.NDArray[Any]) -> Faces: ...
    def __getitem__(self, index: int | slice | npt.NDArray[Any]) -> Face | Faces:
        """Return one `Face` by its number, or the `Faces` of a slice, a mask or an array of numbers."""
        if not isinstance(index, int | np.integer):
            arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
            chosen: dict[str, Any] = {name: None if each is None else each[index] for name, each in arrays.items()}
            return replace(self, **chosen)
        probabilities = self.probabilities[index]
        best = int(self._columns[index])
        points = self.landmarks[index]
        left, top, right, bottom = map(float, self.boxes[index])
        return Face(
            box=(left, top, right, bottom),
            score=float(self.scores[index]),
            landmarks=None if np.isnan(points).any() else tuple((float(x), float(y)) for x, y in points),
            emotion=self._name(best, float(probabilities[best])),
            confidence=float(probabilities[best]),
            probabilities=dict(zip(self.labels.names, map(float, probabilities), strict=True)),
            vote_share=None if np.isnan(self.vote_shares[index]) else float(self.vote_shares[index]),
            track=None if self.track_ids is None else int(self.track_ids[index]),
            fused=None
            if self.fused is None
            else dict(zip(self.labels.names, map(float, self.fused[index]), strict=True)),
            emotion_set=None if self.sets is None else self._set(self.sets[index], probabilities),
            **{name: self._estimate(name, index) for name in VOTE_NUMBERS},
        )

    def _estimate(self, name: str, index: int) -> Estimate | None:
        values = getattr(self, name)
        return None if values is None else Estimate(*map(float, values[index]))

    def _set(self, members: npt.NDArray[np.bool_], probabilities: FloatArray) -> tuple[str, ...]:
        return tuple(self.labels.names[column] for column in np.argsort(-probabilities) if members[column])

    @property
    def emotions(self) -> list[str]:
        """The emotion of each face: the reported or the most probable one; "uncertain" below `min_confidence`."""
        return [self._name(best, sure) for best, sure in zip(self._columns, self.confidences, strict=True)]

    @property
    def confidences(self) -> FloatArray:
        """The calibrated probability of each face's emotion, float32 (n,), 0 to 1."""
        return self.probabilities[np.arange(len(self)), self._columns]

    def _name(self, column: int, confidence: float) -> str:
        return self.labels.names[column] if confidence >= self.min_confidence else UNCERTAIN

    @property
    def _columns(self) -> npt.NDArray[np.int64]:
        return self.probabilities.argmax(axis=1) if self.reported is None else self.reported

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "source": self.source,
            "width": self.size[0],
            "height": self.size[1],
            "labels": self.labels.name,
            "faces": [face.to_dict() for face in self],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a flat dict per face, with the keys of `columns`."""
        return [
            {
                "source": self.source,
                "face": number,
                **dict(zip(("left", "top", "right", "bottom"), values["box"], strict=True)),
                "score": values["score"],
                "emotion": values["emotion"],
                "confidence": values["confidence"],
                "vote_share": values["vote_share"],
                **values["probabilities"],
                **uncertainty_columns(values),
            }
            for number, values in enumerate(face.to_dict() for face in self)
        ]

    @staticmethod
    def columns(labels: LabelSet) -> list[str]:
        """Return the keys of `to_rows`, in order, for a label set."""
        fixed = [
            "source",
            "face",
            "left",
            "top",
            "right",
            "bottom",
            "score",
            "emotion",
            "confidence",
            "vote_share",
        ]
        return [*fixed, *labels.names, *UNCERTAINTY_COLUMNS]

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise MissingExtraError("Faces.to_pandas", "pandas") from error
        return pandas.DataFrame(self.to_rows(), columns=self.columns(self.labels))

    def to_supervision(self) -> Any:
        """Return the faces as `supervision.Detections`.

        Boxes are in `xyxy`, the emotion's probability is in `confidence`, its column in `class_id`, the person's number
        in `tracker_id`; `data` has "class_name", "score" (the detector's), "landmarks" and "probabilities".

        Raises:
            MissingExtraError: supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise MissingExtraError("Faces.to_supervision", "supervision") from error
        return Detections(
            xyxy=self.boxes,
            confidence=self.confidences,
            class_id=self._columns.astype(int),
            tracker_id=self.track_ids,
            data={
                "class_name": np.array(self.emotions),
                "score": self.scores,
                "landmarks": self.landmarks,
                "probabilities": self.probabilities,
            },
        )

    def show(self, image: Any = None, top: int = 3) -> None:
        """Show the picture with its faces, in a notebook's output or in the system's picture viewer.

        Args:
            image: the picture, as `predict` takes it; None: the file of `source`.
            top: number of emotions shown per face, the most probable first.

        Raises:
            ImageError: the picture cannot be read.
            InputError: there is no file, or the picture has another size.
        """
        from PIL import Image

        if image is None and self.source in ("array", "bytes", "image", "crops"):
            raise InputError(f"show: expected the picture, since these faces are of no file ({self.source}), got none")
        picture = Image.fromarray(self.draw(self.source if image is None else image, top))
        try:
            shell = get_ipython()  # type: ignore[name-defined]
        except NameError:
            shell = None
        if shell is not None and "IPKernelApp" in shell.config:
            from IPython.display import display

            display(picture)
        else:
            picture.show()

    def draw(self, image: Any, top: int = 3) -> npt.NDArray[np.uint8]:
        """Return a copy of the picture with a box and a caption for each face, RGB uint8 (H, W, 3).

        Args:
            image: the picture that these faces are of, as `predict` takes it.
            top: number of emotions in a caption, the most probable first.

        Raises:
            InputError: the picture has another size.
        """
        from mien.drawing import draw_faces
        from mien.images import load_image

        pixels = load_image(image)
        if (pixels.shape[1], pixels.shape[0]) != self.size:
            raise InputError(
                f"draw: expected the picture that these faces are of, {self.size[0]}x{self.size[1]}, "
                f"got one of {pixels.shape[1]}x{pixels.shape[0]}"
            )
        return draw_faces(pixels, self, top=top)

    def __str__(self) -> str:
        return "\n".join([self._headline(), *(f"  {number}. {face}" for number, face in enumerate(self, 1))])

    def __repr__(self) -> str:
        return f"<Faces: {self._headline()}>"

    def _headline(self) -> str:
        count = {0: "no face", 1: "1 face"}.get(len(self), f"{len(self)} faces")
        return f"{count} in {self.source} ({self.size[0]}x{self.size[1]})"

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the emotion of each face and a bar of its distribution."""
        rows = []
        for number, face in enumerate(self, 1):
            strip = "".join(
                f'<span title="{html.escape(name)} {value:.0%}" style="display:inline-block;height:14px;'
                f'width:{200 * value:.1f}px;background:rgb{color(name)}"></span>'
                for name, value in face.top(len(self.labels))
            )
            seen = "" if face.vote_share is None else f"{face.vote_share:.0%}"
            box = " ".join(f"{value:.0f}" for value in face.box)
            cells = (
                str(number),
                f"<b>{html.escape(face.emotion)}</b>",
                f"{face.confidence:.0%}",
                seen,
                strip,
                box,
            )
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{title}</th>" for title in ("", "emotion", "confidence", "seen by", "all", "box"))
        table = f"<table><tr>{head}</tr>{''.join(rows)}</table>" if len(self) else ""
        return f"<p>{html.escape(self._headline())}</p>{table}"
