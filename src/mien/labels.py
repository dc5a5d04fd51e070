"""Define the emotions: names, order, spellings, merges and colours. No other module lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mien.errors import InputError, suggest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Spellings in data sets -> the name that mien uses.
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

# Emotion -> the emotion that it counts as in a label set without it.
_FOLDS = {"contempt": "disgust"}

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), distinguishable with any kind of colour vision; RGB.
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

# How pleasant and how aroused each emotion is, -1 to 1: mean ratings of pleasure and arousal by Russell and Mehrabian
# (1977, Evidence for a three-factor theory of emotions, Journal of Research in Personality 11, 273-294). Neutral is
# their scales' middle; contempt has the values of disgust, as which it counts.
_RATINGS = {
    "angry": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "happy": (0.76, 0.48),
    "sad": (-0.63, -0.27),
    "surprise": (0.40, 0.67),
    "neutral": (0.0, 0.0),
    "contempt": (-0.60, 0.35),
}

NEUTRAL = "neutral"

UNCERTAIN = "uncertain"
"""The label of a face if the model's confidence is too low for an emotion."""

NO_SPEECH = "no speech"
"""The label of a stretch of sound in which nobody speaks."""


@dataclass(frozen=True)
class LabelSet:
    """Define an ordered set of emotions: column k of every probability array is `names[k]`.

    Attributes:
        name: name of the set, which is also the name of the head that predicts it and the value of the option `labels`.
        names: the emotions, in the order of the columns.
        line_color: "#rrggbb" of its curves, readable on white and on black, and different from the emotions' colours.

    Raises:
        InputError: there are no names, or two are the same.
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
        """Return the emotion of a column; UNCERTAIN for -1."""
        return self.names[column] if column >= 0 else UNCERTAIN

    def index(self, spelling: str) -> int:
        """Return the column of an emotion by any usual spelling ("happiness", "Happy").

        An emotion that this set lacks is folded into another one if there is one defined (contempt into disgust).

        Raises:
            InputError: it is no emotion of this set.
        """
        name = spelling.strip().lower()
        name = _SPELLINGS.get(name, name)
        if name not in self.names:
            name = _FOLDS.get(name, name)
        if name not in self.names:
            raise InputError(f"{spelling!r} is no emotion of {self.name!r}; {suggest(name, self.names)}")
        return self.names.index(name)

    def expressiveness(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the share of people who see any emotion at all: one minus that of "neutral", float32 (N,), 0 to 1.

        Args:
            shares: shares of people, (N, len(self)).

        Returns:
            NaN for a set without "neutral".
        """
        import numpy as np

        if NEUTRAL not in self.names:
            return np.full(len(shares), np.nan, np.float32)
        return np.asarray(1 - shares[:, self.names.index(NEUTRAL)], np.float32)

    def valence(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the mean valence of what people see, float32 (N,), -1 unpleasant to 1 pleasant.

        Each emotion counts with its share, and with the mean rating of its word by Russell and Mehrabian (1977).

        Args:
            shares: shares of people, (N, len(self)).

        Returns:
            NaN for a set with an emotion whose rating is not known.
        """
        return self._mean_rating(shares, 0)

    def arousal(self, shares: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the mean arousal of what people see, float32 (N,), -1 calm to 1 aroused; as `valence`."""
        return self._mean_rating(shares, 1)

    def _mean_rating(self, shares: npt.NDArray[np.floating], which: int) -> npt.NDArray[np.float32]:
        import numpy as np

        unknown = (np.nan, np.nan)
        ratings = np.array([_RATINGS.get(name, unknown)[which] for name in self.names])
        return np.asarray(np.asarray(shares, np.float64) @ ratings, np.float32)

    def fold(self, probabilities: npt.NDArray[np.floating], target: LabelSet) -> npt.NDArray[np.floating]:
        """Convert probabilities of this set to those of another set.

        Merged emotions are added, and emotions that this set lacks get 0.

        Args:
            probabilities: (N, len(self)).
            target: the other set.

        Returns:
            Probabilities, (N, len(target)), of the same dtype.

        Raises:
            InputError: an emotion cannot be folded into `target`.
        """
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

VOICE = LabelSet("voice", ("angry", "disgust", "fear", "happy", "neutral", "sad"), "#2a9d8f")
"""The emotions of voices, in the order of CREMA-D's votes. No face model has them, so they are not in LABEL_SETS."""

PLURALITY = "plurality of eight"
"""Name of the main test set of FER+: each face with the one of the eight emotions that has the most votes."""

LABEL_SETS = {labels.name: labels for labels in (FER2013, FERPLUS, AFFECTNET)}


def label_set_of(heads: Iterable[str]) -> LabelSet:
    """Return the label set in which data are read for these heads: FER2013, or that of the first known head."""
    known = [LABEL_SETS[name] for name in heads if name in LABEL_SETS]
    return FER2013 if FER2013 in known or not known else known[0]


def color(emotion: str) -> tuple[int, int, int]:
    """Return the emotion's RGB colour, 0 to 255, the same in every drawing; gray for unknown names."""
    return _COLORS.get(emotion, (128, 128, 128))


def hex_color(emotion: str) -> str:
    """Return the emotion's colour as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*color(emotion))


def line_color(name: str) -> str:
    """Return the colour "#rrggbb" of a label set's curves by its name; violet for an unknown one."""
    return LABEL_SETS[name].line_color if name in LABEL_SETS else LabelSet(name, (name,)).line_color
