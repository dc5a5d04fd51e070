"""The emotions: their names, order, spellings, merges and colours. No other module lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mien.errors import InputError, nearest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Spellings met in data sets, each with the name that mien uses.
_SPELLINGS = {
    "anger": "angry",
    "disgusting": "disgust",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "scared": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "suprise": "surprise",
    "contemptuous": "contempt",
}

# Where a label set has no such emotion, it counts as this one.
_FOLDS = {"contempt": "disgust"}

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart with any kind of colour vision; RGB.
_COLORS = {
    "angry": (213, 94, 0),
    "disgust": (0, 158, 115),
    "fear": (204, 121, 167),
    "happy": (240, 228, 66),
    "sad": (0, 114, 178),
    "surprise": (230, 159, 0),
    "neutral": (160, 160, 160),
    "contempt": (86, 180, 233),
}

UNCERTAIN = "uncertain"
"""What is answered in the place of an emotion that the model is not sure enough of."""


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of emotions: column k of every probability array is `names[k]`.

    name        its name: that of the head that answers with it, and of the option `labels`
    names       the emotions, in the order of the columns
    line_color  "#rrggbb" of its curves, readable on white and on black, and none of the emotions'
    """

    name: str
    names: tuple[str, ...]
    line_color: str = field(default="#7d62c9", compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names) or not self.names:
            raise InputError(f"label set {self.name!r}: expected distinct names, got {self.names}")

    def __len__(self) -> int:
        return len(self.names)

    def at(self, column: int) -> str:
        """The emotion of a column; UNCERTAIN for -1."""
        return self.names[column] if column >= 0 else UNCERTAIN

    def index(self, spelling: str) -> int:
        """The column of an emotion by any usual spelling ("happiness", "Happy"); folds what this set lacks."""
        name = spelling.strip().lower()
        name = _SPELLINGS.get(name, name)
        if name not in self.names:
            name = _FOLDS.get(name, name)
        if name not in self.names:
            raise InputError(f"{spelling!r} is no emotion of {self.name!r}; {nearest(name, self.names)}")
        return self.names.index(name)

    def fold(self, probabilities: npt.NDArray[np.floating], target: LabelSet) -> npt.NDArray[np.floating]:
        """Probabilities `(N, len(self))` as `(N, len(target))`: merged emotions add up, absent ones get 0."""
        import numpy as np  # here, so that the command line can list the label sets without loading it

        folded = np.zeros((len(probabilities), len(target)), probabilities.dtype)
        for column, name in enumerate(self.names):
            folded[:, target.index(name)] += probabilities[:, column]
        return folded


FER2013 = LabelSet("fer2013", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"), "#3b7dd8")
FERPLUS = LabelSet(
    "ferplus", ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"), "#b8508f"
)
AFFECTNET = LabelSet(
    "affectnet", ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt"), "#3b7dd8"
)

PLURALITY = "plurality of eight"
"""The test set that stands for FER+: faces for which one of its eight emotions has the most votes."""

LABEL_SETS = {labels.name: labels for labels in (FER2013, FERPLUS, AFFECTNET)}


def label_set_of(heads: Iterable[str]) -> LabelSet:
    """The labels in which data are read for a model with these heads: FER2013's, or those of the first known head."""
    known = [LABEL_SETS[name] for name in heads if name in LABEL_SETS]
    return FER2013 if FER2013 in known or not known else known[0]


def color(emotion: str) -> tuple[int, int, int]:
    """The emotion's RGB colour, 0 to 255, the same in every drawing; gray for names that mien does not know."""
    return _COLORS.get(emotion, (128, 128, 128))


def hex_color(emotion: str) -> str:
    """Return the emotion's colour as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*color(emotion))


def line_color(name: str) -> str:
    """Return the colour "#rrggbb" of a label set's curves, by its name; that of an unknown one is violet."""
    return LABEL_SETS[name].line_color if name in LABEL_SETS else LabelSet(name, (name,)).line_color
