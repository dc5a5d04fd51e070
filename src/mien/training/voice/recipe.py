"""The recipe of a voice network: everything that decides a run but the data, as a validated TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from mien.errors import RecipeError
from mien.training.recipe_sections import RecipeSection

NAME = "mien-voice"
KIND = "voice"
SHIPPED = Path(__file__).with_name(f"{NAME}.toml")


class SpectrogramRecipe(RecipeSection):
    """The log-mel spectrogram, which is part of the network."""

    rate: int = Field(12_000, ge=8_000, description="samples per second that the network takes")
    window: int = Field(300, ge=16, description="samples of one frame; 300 are 25 ms")
    hop: int = Field(150, ge=8, description="samples from one frame to the next; 150 are 12.5 ms")
    bands: int = Field(64, ge=8, description="mel bands")
    lowest: float = Field(60.0, ge=0, description="lower edge of the lowest band in Hz")
    highest: float = Field(5400.0, gt=0, description="upper edge of the highest band in Hz")
    floor: float = Field(
        12.0, gt=0, description="dB below the clip's loud frames at which a band counts as silent; hides noise and gain"
    )


class VoiceNetworkRecipe(RecipeSection):
    """Channels and layers."""

    stem: int = Field(
        24, ge=1, description="channels of the first layer, 5x5 with stride 2, and of the 3x3 layer after"
    )
    stages: tuple[int, int, int] = Field((48, 96, 160), description="channels of the stages of two 3x3 layers")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of the pooled features left out in training")


class VoiceAugmentRecipe(RecipeSection):
    """How training clips are varied; chances are per clip."""

    shortest: float = Field(0.9, gt=0, description="seconds of a batch's clips at least")
    longest: float = Field(1.6, gt=0, description="seconds of a batch's clips at most")
    speed: float = Field(0.12, ge=0, lt=1, description="largest change of speed, and with it of pitch")
    noise: float = Field(
        0.7, ge=0, le=1, description="chance of noise, white to red, or of other voices, 5 to 35 dB below"
    )
    reverberation: float = Field(0.3, ge=0, le=1, description="chance of an echo of 0.1 to 0.6 s")
    band_limit: float = Field(0.4, ge=0, le=1, description="chance of a low-pass at 2.5 to 5.4 kHz")
    telephone: float = Field(0.12, ge=0, le=1, description="chance of the telephone's band, 300 to 3400 Hz")
    tilt: float = Field(4.0, ge=0, description="largest slope of the spectrum in dB per octave")
    codec: float = Field(0.1, ge=0, le=1, description="chance of the 8-bit mu-law codec")
    clipped: float = Field(0.1, ge=0, le=1, description="chance of clipping")
    time_masks: int = Field(2, ge=0, description="SpecAugment: masked stretches of time")
    time_share: float = Field(0.1, ge=0, lt=1, description="the longest of them, as a share of the clip")
    band_masks: int = Field(2, ge=0, description="SpecAugment: masked ranges of bands")
    band_share: float = Field(0.12, ge=0, lt=1, description="the widest of them, as a share of all bands")
    mixup: float = Field(0.0, ge=0, description="alpha of the Beta distribution that mixes two clips; 0: no mixup")


class VoiceLossRecipe(RecipeSection):
    """How much each loss counts."""

    votes: float = Field(1.0, ge=0, description="of the cross-entropy with the shares of votes")
    intended: float = Field(1.0, ge=0, description="of the cross-entropy with the intended emotion")
    strength: float = Field(0.3, ge=0, description="of the smooth L1 loss of the strength, in tenths")
    label_smoothing: float = Field(0.05, ge=0, lt=1, description="share of the intended emotion given to all")


class VoiceRecipe(RecipeSection):
    """A whole run."""

    kind: Literal["voice"] = Field("voice", description="what tells the file from a recipe for faces")
    name: str = Field(NAME, description="name of the bundle")
    initial: str = Field("", description="weights.pt of an earlier run to start from; empty: from scratch")
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    folds: int = Field(5, ge=2, description="parts of the speakers of the first corpus, alike in sex and age")
    fold: int = Field(0, ge=0, description="the part that is not learnt: it calibrates and evaluates the bundle")
    split_seed: int = Field(0, ge=0, description="of the division into parts")
    batch_size: int = Field(32, ge=2, description="clips a step")
    epochs: int = Field(26, ge=1, description="passes over the training clips")
    learning_rate: float = Field(3e-3, gt=0, description="the highest, after the warm-up")
    final_rate: float = Field(0.01, gt=0, le=1, description="the last learning rate as a share of the highest")
    warm_up: float = Field(0.08, ge=0, lt=1, description="share of the run in which the learning rate rises")
    weight_decay: float = Field(0.02, ge=0, description="of kernels only")
    gradient_clip: float = Field(5.0, gt=0, description="largest norm of all gradients")
    ema: float = Field(0.995, gt=0, lt=1, description="share that the averaged weights keep at each step")
    spectrogram: SpectrogramRecipe = SpectrogramRecipe()
    network: VoiceNetworkRecipe = VoiceNetworkRecipe()
    augment: VoiceAugmentRecipe = VoiceAugmentRecipe()
    loss: VoiceLossRecipe = VoiceLossRecipe()

    @model_validator(mode="after")
    def _fold_of_folds(self) -> VoiceRecipe:
        if self.fold >= self.folds:
            raise ValueError(f"fold: expected 0 to {self.folds - 1}, got {self.fold}")
        return self


def load_voice_recipe(
    recipe: str | Path = NAME, settings: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> VoiceRecipe:
    """Return a voice recipe, checked.

    Args:
        recipe: the shipped recipe's name, or the path of a TOML file.
        settings: keys and values, "augment.mixup=0.2", that replace those of the file.
        changes: values of keys at the top, which replace the former.

    Raises:
        RecipeError: a key is unknown, or a value is out of range.
    """
    path = SHIPPED if recipe == NAME else Path(recipe)
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for setting in settings:
            _set(values, setting)
        return VoiceRecipe(**{**values, **(changes or {})})
    except OSError as error:
        raise RecipeError(f"{path}: expected a recipe's TOML file, got no readable file ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: expected TOML, got {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise RecipeError(f"{path}: {problems}. See the descriptions in mien.training.voice.recipe") from error


def is_voice_recipe(recipe: str | Path) -> bool:
    """Return whether this is the shipped voice recipe, or a TOML file with `kind = "voice"`."""
    if recipe == NAME:
        return True
    path = Path(recipe)
    if path.suffix.lower() != ".toml" or not path.is_file():
        return False
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == KIND
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False


def _set(values: dict[str, Any], setting: str) -> None:
    """Set one key of a recipe, in place."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise RecipeError(f"--set {setting}: expected KEY=VALUE, such as augment.mixup=0.2")
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise RecipeError(f"--set {setting}: {section!r} is no section of the recipe")
    try:
        values[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = text  # a word without quotes
