"""The recipe of a voice network: everything that decides a run but the data, as a validated TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from mien.errors import RecipeError
from mien.training.recipe import RecipeSection

SHIPPED = Path(__file__).with_name("mien-voice.toml")


class SpectrogramRecipe(RecipeSection):
    """The log-mel spectrogram, which is part of the network."""

    rate: int = Field(12_000, ge=8_000, description="samples per second that the network takes")
    window: int = Field(300, ge=16, description="samples of one frame; 300 are 25 ms")
    hop: int = Field(150, ge=8, description="samples from one frame to the next; 150 are 12.5 ms")
    bands: int = Field(64, ge=8, description="mel bands")
    lowest: float = Field(60.0, ge=0, description="lower edge of the lowest band in Hz")
    highest: float = Field(5400.0, gt=0, description="upper edge of the highest band in Hz")
    floor: float = Field(
        50.0, gt=0, description="dB below the clip's mean power at which a band counts as silent; gain has no effect"
    )
    band_mean: float = Field(
        0.5, ge=0, le=1, description="share of each band's mean over time that is taken away; 1: the channel's response"
    )


class VoiceNetworkRecipe(RecipeSection):
    """Channels and layers."""

    stem: int = Field(24, ge=1, description="channels of the first layer, 5x5 with stride 2, and of the 3x3 layer after")
    stages: tuple[int, int, int] = Field((48, 96, 160), description="channels of the stages of two 3x3 layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of the pooled features left out in training")


class VoiceAugmentRecipe(RecipeSection):
    """How training clips are varied; chances are per clip."""

    shortest: float = Field(1.0, gt=0, description="seconds of a batch's clips at least")
    longest: float = Field(2.0, gt=0, description="seconds of a batch's clips at most")
    speed: float = Field(0.12, ge=0, lt=1, description="largest change of speed, and with it of pitch")
    noise: float = Field(0.5, ge=0, le=1, description="chance of noise, white to red, or of other voices, 5 to 35 dB below")
    reverberation: float = Field(0.25, ge=0, le=1, description="chance of an echo of 0.1 to 0.6 s")
    band_limit: float = Field(0.4, ge=0, le=1, description="chance of a low-pass at 2.5 to 5.4 kHz")
    telephone: float = Field(0.12, ge=0, le=1, description="chance of the telephone's band, 300 to 3400 Hz")
    tilt: float = Field(4.0, ge=0, description="largest slope of the spectrum in dB per octave")
    codec: float = Field(0.1, ge=0, le=1, description="chance of the 8-bit mu-law codec")
    clipped: float = Field(0.1, ge=0, le=1, description="chance of clipping")
    time_masks: int = Field(2, ge=0, description="SpecAugment: masked stretches of time")
    time_share: float = Field(0.12, ge=0, lt=1, description="the longest of them, as a share of the clip")
    band_masks: int = Field(2, ge=0, description="SpecAugment: masked ranges of bands")
    band_share: float = Field(0.15, ge=0, lt=1, description="the widest of them, as a share of all bands")
    mixup: float = Field(0.3, ge=0, description="alpha of the Beta distribution that mixes two clips; 0: no mixup")


class VoiceLossRecipe(RecipeSection):
    """How much each loss counts."""

    votes: float = Field(1.0, ge=0, description="of the cross-entropy with the shares of votes")
    intended: float = Field(1.0, ge=0, description="of the cross-entropy with the intended emotion")
    strength: float = Field(0.3, ge=0, description="of the smooth L1 loss of the strength, in tenths")
    label_smoothing: float = Field(0.05, ge=0, lt=1, description="share of the intended emotion given to all")


class VoiceRecipe(RecipeSection):
    """A whole run."""

    name: str = Field("mien-voice", description="name of the bundle")
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    batch_size: int = Field(32, ge=2, description="clips a step")
    epochs: int = Field(14, ge=1, description="passes over the training clips")
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


def load_voice_recipe(path: str | Path = SHIPPED) -> VoiceRecipe:
    """Read a recipe's TOML file; what is unknown or out of range is a RecipeError."""
    try:
        values: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return VoiceRecipe(**values)
    except OSError as error:
        raise RecipeError(f"{path}: expected a recipe's TOML file, got no readable file ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: expected TOML, got {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise RecipeError(f"{path}: {problems}. See the descriptions in mien.training.voice.recipe") from error
