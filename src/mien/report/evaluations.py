"""A model's heads on a split, each against its labels: what the figures and tables of a report are drawn from."""

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
    """One head against one set of labels, and its scores.

    p: probabilities float32 `(N, K)`. labels: int64 `(N,)`. faces: uint8 `(N, 48, 48)`.
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
        return self.label_set.names


def evaluate_heads(
    bundle: Bundle, dataset: FaceDataset, split: str, progress: Callable[[float], None]
) -> tuple[Evaluation, list[HeadEvaluation]]:
    """The evaluation, and a view for each head that the data can judge: the label, and the votes' plurality."""
    recorder = _Recorder(bundle)
    evaluation = evaluate_bundle(recorder, dataset, split, progress=progress)
    return evaluation, list(_views(recorder.probabilities(), dataset.split(split), evaluation))


def percent(share: float) -> str:
    """ "69.2"."""
    return f"{100 * share:.1f}"


def interval(result: EvalResult, metric: str = "accuracy") -> str:
    """ "[67.8, 70.7]"."""
    low, high = result.intervals[metric]
    return f"[{percent(low)}, {percent(high)}]"


class _Recorder:
    """A bundle that remembers what it answered, so that every face is read once."""

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
