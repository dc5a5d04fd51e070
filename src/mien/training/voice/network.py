"""The voice network: sound to the logits of six emotions, twice, and the strength of the emotion.

The spectrogram is part of it: a framed DFT as a convolution, a mel matrix and a logarithm. Knows tensors; nothing of
files, labels or losses.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mien.training.voice.recipe import SpectrogramRecipe, VoiceNetworkRecipe

SILENT = 1e-9
"""Mean power of a frame's band below which a clip is digital silence: nothing is enlarged beyond it."""

DECIBEL = 10 / math.log(10)
"""Decibels of one unit of the natural logarithm of power."""

HALF_ACTIVE = 0.03
"""Power, as a share of the loud frames', of a frame that is half active: -15 dB."""

LEAST_ACTIVE = 0.02
"""Weight of a silent frame in the mean over time."""

POOLINGS = 3
"""Stages that halve the frames, after the first layer, which does so too."""

SPREAD = 6.0
"""Decibels that are one unit of the features."""

USUAL = VoiceNetworkRecipe()
USUAL_SPECTROGRAM = SpectrogramRecipe()


class VoiceAnswers(NamedTuple):
    """Logits (N, K) of the votes and of the intended emotion, and the strength (N,), 0 to 1 for the most part."""

    votes: Tensor
    intended: Tensor
    strength: Tensor


class LogMel(nn.Module):
    """Sound `(N, samples)` to features `(N, 1, bands, frames)`, in units of 6 dB.

    The power of the clip's loud frames is 0 dB, so neither gain nor pauses have an effect; what is `floor` dB below
    counts as silent, so that the noise of a room or a recording, which tells how loud somebody spoke, has little.
    """

    def __init__(self, recipe: SpectrogramRecipe = USUAL_SPECTROGRAM) -> None:
        super().__init__()
        self.recipe = recipe
        bins, mel = mel_matrix(recipe)
        angles = 2 * math.pi * bins[:, None] / recipe.window * torch.arange(recipe.window, dtype=torch.float64)
        taper = torch.hann_window(recipe.window, dtype=torch.float64)
        taper = taper / taper.square().sum().sqrt()
        waves = torch.cat([angles.cos() * taper, angles.sin() * taper])
        self.register_buffer("waves", waves[:, None].float(), persistent=False)
        self.register_buffer("mel", mel.float(), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """Return the features of a clip of at least one frame."""
        waves, mel = self.get_buffer("waves"), self.get_buffer("mel")
        parts = nn.functional.conv1d(sound[:, None], waves, stride=self.recipe.hop)
        real, imaginary = parts.chunk(2, dim=1)
        power = torch.matmul(mel, real.square() + imaginary.square())
        frames = power.mean(dim=1, keepdim=True)
        loud = frames.square().sum(dim=2, keepdim=True) / frames.sum(dim=2, keepdim=True).clamp(min=SILENT)
        decibels = (power / loud.clamp(min=SILENT) + self.lowest).log() * DECIBEL
        features: Tensor = decibels[:, None] / SPREAD
        return features

    @property
    def lowest(self) -> float:
        """Power, as a share of the loud frames', at which a band counts as silent."""
        return float(10 ** (-self.recipe.floor / 10))

    def activity(self, features: Tensor) -> Tensor:
        """Return how far each frame is from silence, (N, frames), 0 to 1, from the features."""
        power = (features[:, 0] * (SPREAD / DECIBEL)).exp().mean(dim=1) - self.lowest
        power = power.clamp(min=0)
        return power / (power + HALF_ACTIVE)


class VoiceLayer(nn.Sequential):
    """Convolution, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class VoiceNetwork(nn.Module):
    """Sound `(N, samples)`, -1 to 1, any length of at least one frame, to VoiceAnswers."""

    def __init__(
        self,
        emotions: int,
        recipe: VoiceNetworkRecipe = USUAL,
        spectrogram: SpectrogramRecipe = USUAL_SPECTROGRAM,
    ) -> None:
        super().__init__()
        self.spectrogram = LogMel(spectrogram)
        stages: list[nn.Module] = [VoiceLayer(1, recipe.stem, 5, 2), VoiceLayer(recipe.stem, recipe.stem)]
        before = recipe.stem
        for width in recipe.stages:
            stages += [nn.MaxPool2d(2, ceil_mode=True), VoiceLayer(before, width), VoiceLayer(width, width)]
            before = width
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(recipe.dropout)
        self.votes = nn.Linear(2 * before, emotions)
        self.intended = nn.Linear(2 * before, emotions)
        self.strength = nn.Linear(2 * before, 1)

    def forward(self, sound: Tensor) -> VoiceAnswers:
        """Return the answers for a clip."""
        return self.answers(self.spectrogram(sound))

    def answers(self, features: Tensor) -> VoiceAnswers:
        """Return the answers for features `(N, 1, bands, frames)`."""
        activity = self.spectrogram.activity(features.float())[:, None, None]
        activity = nn.functional.max_pool2d(activity, (1, 5), (1, 2), (0, 2))  # as the first layer sees the frames
        for _ in range(POOLINGS):
            activity = nn.functional.max_pool2d(activity, (1, 2), ceil_mode=True)
        weights = activity[:, 0] + LEAST_ACTIVE
        maps = self.stages(features).float().mean(dim=2)
        mean = (maps * weights).sum(dim=2) / weights.sum(dim=2)
        pooled = self.dropout(torch.cat([mean, maps.amax(dim=2)], dim=1))
        return VoiceAnswers(self.votes(pooled), self.intended(pooled), self.strength(pooled)[:, 0])


def mel_matrix(recipe: SpectrogramRecipe) -> tuple[Tensor, Tensor]:
    """Return the DFT's bins that the bands read, (n,), and the triangular mel filters, float64 (bands, n).

    A band narrower than a bin reads the two bins that it lies between.
    """
    step = recipe.rate / recipe.window
    first, last = math.floor(recipe.lowest / step), math.ceil(recipe.highest / step)
    bins = torch.arange(max(first, 1), min(last, recipe.window // 2) + 1, dtype=torch.float64)
    edges = torch.linspace(_mel(recipe.lowest), _mel(recipe.highest), recipe.bands + 2, dtype=torch.float64)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    left = torch.minimum(hertz[:-2], hertz[1:-1] - step)[:, None]
    right = torch.maximum(hertz[2:], hertz[1:-1] + step)[:, None]
    middle = hertz[1:-1, None]
    frequencies = bins * step
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return bins, torch.minimum(rising, falling).clamp(min=0)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
