"""Evaluate each head of a model on a split, as data for the figures and tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mien.bundle import Bundle
from mien.datasets import FaceDataset, plurality
from mien.evaluation.evaluate import WITHOUT_COPIES, EvalResult, Evaluation, evaluate_bundle
from mien.labels import FERPLUS, PLURALITY, LabelSet

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HeadEvaluation:
    """Hold the predictions and scores of one head on one set of labels.

    Attributes:
        head: name of the head.
        title: title for the page.
        label_set: the K emotions.
        p: probabilities, float32 (N, K).
        labels: int64 (N,).
        faces: gray, uint8 (N, 48, 48).
        result: the scores on all faces.
        without_copies: the scores on the faces without an exact copy in Training, or None.
    """

    head: str
    title: str
    label_set: LabelSet
    p: FloatArray
    labels: npt.NDArray[np.int64]
    faces: npt.NDArray[np.uint8]
    result: EvalResult
    without_copies: EvalResult | None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the emotions."""
        return self.label_set.names


def evaluate_heads(
    bundle: Bundle, dataset: FaceDataset, split: str, progress: Callable[[float], None]
) -> tuple[Evaluation, list[HeadEvaluation]]:
    """Evaluate a bundle on a split.

    Args:
        bundle: the model.
        dataset: the data.
        split: the split.
        progress: called with the share done, 0 to 1.

    Returns:
        The evaluation, and one `HeadEvaluation` for the label head and for the head of the votes' plurality, if the
        data
        has labels for them.
    """
    recorder = _Recorder(bundle)
    evaluation = evaluate_bundle(recorder, dataset, split, progress=progress)
    return evaluation, list(_views(recorder.probabilities(), dataset.split(split), evaluation))


def percent(share: float) -> str:
    """Format a share in percent: "69.2"."""
    return f"{100 * share:.1f}"


def interval(result: EvalResult, metric: str = "accuracy") -> str:
    """Format a metric's interval in percent: "[67.8, 70.7]"."""
    low, high = result.intervals[metric]
    return f"[{percent(low)}, {percent(high)}]"


class _Recorder:
    """Wrap a bundle and keep its logits, so that every face is predicted once."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._parts: list[dict[str, FloatArray]] = []

    def logits(self, crops: npt.NDArray[np.uint8], *, flip: bool = False) -> dict[str, FloatArray]:
        self._parts.append(self._bundle.logits(crops, flip=flip))
        return self._parts[-1]

    def calibrate(self, logits: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return self._bundle.calibrate(logits)

    def vote_shares(self, logits: Mapping[str, FloatArray]) -> FloatArray | None:
        return self._bundle.vote_shares(logits)

    def probabilities(self) -> dict[str, FloatArray]:
        heads = self._parts[0]
        return self._bundle.calibrate({head: np.concatenate([part[head] for part in self._parts]) for head in heads})


def _views(p: dict[str, FloatArray], faces: FaceDataset, evaluation: Evaluation) -> Iterator[HeadEvaluation]:
    found = {result.name: result for result in evaluation.results}
    labels = faces.label_set
    if labels.name in p and labels.name in found:
        title = f"{labels.name}: the label, {len(labels)} emotions"
        others = found.get(labels.name + WITHOUT_COPIES)
        yield HeadEvaluation(
            labels.name, title, labels, p[labels.name], faces.labels, faces.faces, found[labels.name], others
        )
    name = f"{FERPLUS.name}, {PLURALITY}"
    if faces.votes is not None and name in found:
        rows, most_voted = plurality(faces.votes)
        title = f"{FERPLUS.name}: the plurality of votes, {len(FERPLUS)} emotions"
        others = found.get(name + WITHOUT_COPIES)
        chosen = p[FERPLUS.name][rows]
        yield HeadEvaluation(FERPLUS.name, title, FERPLUS, chosen, most_voted, faces.faces[rows], found[name], others)
