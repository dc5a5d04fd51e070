"""Does a file answer what the network that it was made from answers? On real faces, head by head."""

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
    """What a format may change at most: a logit by `difference`; the likeliest emotion must stay for a share of
    `agreement` of the faces; and the accuracy, where there are labels, may fall by `accuracy`."""

    difference: float
    agreement: float
    accuracy: float


@dataclass(frozen=True)
class HeadComparison:
    """One head over `faces` faces: the largest difference of a logit, the share of faces with the same likeliest
    emotion, and the accuracy before and after, where there are labels for it."""

    head: str
    faces: int
    difference: float
    agreement: float
    accuracy_before: float | None = None
    accuracy_after: float | None = None


@dataclass(frozen=True)
class ExportComparison:
    """All heads."""

    heads: tuple[HeadComparison, ...]

    def to_dict(self) -> list[dict[str, Any]]:
        return [asdict(head) for head in self.heads]

    def beyond(self, bound: Tolerance) -> str:
        """What is beyond the bound, in words; "" where nothing is."""
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
    """Both on crops uint8 (N, 48, 48); `labels` are columns (N,) of the head that is named."""
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


def faces_of_the_sample() -> npt.NDArray[np.uint8]:
    """Crops uint8 (N, 48, 48) of the faces in the sample picture of the service's page, each also mirrored."""
    from mien.images import load_image
    from mien.recognizer import EmotionRecognizer

    recognizer = EmotionRecognizer(threads=1)
    picture = load_image(Path(str(resources.files("mien"))) / "serve" / "static" / "sample.jpg")
    crops = recognizer.crop(picture, recognizer.find(picture))
    return np.concatenate([crops, crops[:, :, ::-1]])
