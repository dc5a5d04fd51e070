"""Compare the predictions of an exported file with those of the original bundle on real faces, head by head."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle


@dataclass(frozen=True)
class Tolerance:
    """Define how much a format may differ from the original.

    Attributes:
        difference: largest difference of a logit.
        agreement: least share of faces with the same predicted emotion, 0 to 1.
        accuracy: largest loss of accuracy, 0 to 1, where there are labels.
    """

    difference: float
    agreement: float
    accuracy: float


@dataclass(frozen=True)
class HeadComparison:
    """Hold the comparison of one head.

    Attributes:
        head: name of the head.
        faces: number of faces.
        difference: largest difference of a logit.
        agreement: share of faces with the same predicted emotion, 0 to 1.
        accuracy_before: accuracy of the original; None without labels.
        accuracy_after: accuracy of the exported file; None without labels.
    """

    head: str
    faces: int
    difference: float
    agreement: float
    accuracy_before: float | None = None
    accuracy_after: float | None = None


@dataclass(frozen=True)
class ExportComparison:
    """Hold the comparisons of all heads."""

    heads: tuple[HeadComparison, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the comparisons as plain lists and dicts, for JSON."""
        return [asdict(head) for head in self.heads]

    def excess(self, bound: Tolerance) -> str:
        """Describe what exceeds the tolerance; "" if nothing does."""
        for head in self.heads:
            if not head.difference <= bound.difference:
                return (
                    f"head {head.head!r} should agree with the original within {bound.difference:g}, the largest "
                    f"difference of a logit is {head.difference:.3g}"
                )
            if head.agreement < bound.agreement:
                return (
                    f"head {head.head!r} should choose the same emotion for {bound.agreement:.1%} of the faces, "
                    f"it does for {head.agreement:.1%} of {head.faces}"
                )
            if head.accuracy_before is not None and head.accuracy_after is not None:
                lost = head.accuracy_before - head.accuracy_after
                if lost > bound.accuracy:
                    return f"head {head.head!r} should lose {bound.accuracy:.1%} of accuracy at most, not {lost:.1%}"
        return ""

    def __str__(self) -> str:
        lines = []
        for head in self.heads:
            accuracy = (
                ""
                if head.accuracy_after is None
                else f", accuracy {head.accuracy_before:.2%} before, {head.accuracy_after:.2%} after"
            )
            lines.append(
                f"{head.head}: {head.faces} faces, same emotion for {head.agreement:.2%}, logits differ by "
                f"{head.difference:.2g} at most{accuracy}"
            )
        return "\n".join(lines)


def compare(
    original: Bundle,
    exported: Bundle,
    faces: npt.NDArray[np.uint8],
    labels: tuple[str, npt.NDArray[np.integer]] | None = None,
) -> ExportComparison:
    """Compare two bundles.

    Args:
        original: the bundle before the export.
        exported: the exported bundle.
        faces: crops, gray, uint8 (N, 48, 48).
        labels: name of a head, and the labels of the faces for it, int (N,).
    """
    before, after = original.logits(faces), exported.logits(faces)
    heads = []
    for head, logits in before.items():
        chosen, now = logits.argmax(axis=1), after[head].argmax(axis=1)
        known = labels[1] if labels is not None and labels[0] == head else None
        heads.append(
            HeadComparison(
                head,
                len(faces),
                float(np.abs(logits - after[head]).max()),
                float((chosen == now).mean()),
                None if known is None else float((chosen == known).mean()),
                None if known is None else float((now == known).mean()),
            )
        )
    return ExportComparison(tuple(heads))


def sample_crops() -> npt.NDArray[np.uint8]:
    """Return the faces of the service's sample picture, and their mirror images, as crops uint8 (N, 48, 48)."""
    from mien.images import load_image
    from mien.recognizer import EmotionRecognizer

    recognizer = EmotionRecognizer(threads=1)
    picture = load_image(Path(str(resources.files("mien"))) / "serve" / "static" / "sample.jpg")
    crops = recognizer.crop(picture, recognizer.find(picture))
    return np.concatenate([crops, crops[:, :, ::-1]])
