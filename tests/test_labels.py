"""Emotions by any spelling, folded and coloured."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.labels import AFFECTNET, FER2013, FERPLUS, LABEL_SETS, LabelSet, color


def test_the_orders_that_data_sets_and_bundles_rely_on() -> None:
    assert FER2013.names == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert FERPLUS.names == ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
    assert AFFECTNET.names == ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
    assert {name: len(labels) for name, labels in LABEL_SETS.items()} == {"fer2013": 7, "ferplus": 8, "affectnet": 8}


@pytest.mark.parametrize(
    ("labels", "spelling", "name"),
    [
        (FER2013, "happy", "happy"),
        (FER2013, " Happiness ", "happy"),
        (FERPLUS, "ANGER", "angry"),
        (FERPLUS, "sadness", "sad"),
        (FERPLUS, "surprised", "surprise"),
        (FERPLUS, "fearful", "fear"),
        (FERPLUS, "disgusted", "disgust"),
        (AFFECTNET, "contemptuous", "contempt"),
        (FER2013, "contempt", "disgust"),  # folded, where there is no such emotion
        (FERPLUS, "contempt", "contempt"),  # not folded, where there is
    ],
)
def test_index(labels: LabelSet, spelling: str, name: str) -> None:
    assert labels.names[labels.index(spelling)] == name


def test_unknown_emotions_get_a_hint() -> None:
    with pytest.raises(InputError, match="'hapy' is no emotion of 'fer2013'; did you mean 'happy'"):
        FER2013.index("hapy")
    with pytest.raises(InputError, match="known: angry, disgust"):
        FER2013.index("zzz")


@pytest.mark.parametrize("names", [(), ("happy", "happy")])
def test_label_sets_are_checked(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="expected distinct names"):
        LabelSet("mine", names)


@pytest.mark.parametrize("source", LABEL_SETS.values(), ids=LABEL_SETS.keys())
@pytest.mark.parametrize("target", LABEL_SETS.values(), ids=LABEL_SETS.keys())
def test_fold_keeps_every_emotion_and_the_sum(source: LabelSet, target: LabelSet) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(source)), 5).astype(np.float32)
    folded = source.fold(probabilities, target)
    assert folded.shape == (5, len(target))
    assert folded.dtype == np.float32
    np.testing.assert_allclose(folded.sum(axis=1), 1, rtol=1e-6)
    for name in set(target.names) - {"disgust", "contempt"}:
        np.testing.assert_array_equal(folded[:, target.index(name)], probabilities[:, source.index(name)])


def test_fold_adds_contempt_to_disgust() -> None:
    probabilities = np.array([[0, 0, 0, 0, 0, 0.25, 0.25, 0.5]], np.float32)
    folded = FERPLUS.fold(probabilities, FER2013)[0]
    assert dict(zip(FER2013.names, folded.tolist(), strict=True)) == {
        **dict.fromkeys(FER2013.names, 0.0),
        "disgust": 0.75,
        "fear": 0.25,
    }


def test_colors_tell_emotions_apart() -> None:
    names = {name for labels in LABEL_SETS.values() for name in labels.names}
    assert len({color(name) for name in names}) == len(names) == 8
    assert all(0 <= value <= 255 for name in names for value in color(name))
    assert color("boredom") == (128, 128, 128)
