"""Vary training clips: speed, room, microphone, line, noise, level. Tensors on any device; nothing of labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mien.training.voice.recipe import VoiceAugmentRecipe

QUIET = 1e-4
"""Root mean square below which a clip counts as silent: noise is measured against at least so much."""

OCTAVES_FROM = 500.0
"""Hz around which a tilted spectrum turns."""


class SoundAugment:
    """Vary a batch of clips, float32 (N, samples), with random numbers of its own."""

    def __init__(self, recipe: VoiceAugmentRecipe, rate: int, generator: torch.Generator) -> None:
        self.recipe, self.rate, self.generator = recipe, rate, generator

    def __call__(self, clips: Tensor) -> Tensor:
        """Return varied clips of the same shape; some are left as they are."""
        clips = self._coloured(clips)
        clips = self._noisy(clips)
        clips = self._clipped(clips)
        return self._coded(clips)

    def _uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=self.generator)

    def _chance(self, count: int, share: float) -> Tensor:
        return torch.rand(count, 1, generator=self.generator) < share

    def _coloured(self, clips: Tensor) -> Tensor:
        """Filter: a room's echo, a tilted spectrum, a low-pass, the telephone's band; all in one transform."""
        n, samples = clips.shape
        size = _even(samples + int(0.3 * self.rate))
        spectra = torch.fft.rfft(clips, size)
        hertz = torch.fft.rfftfreq(size, 1 / self.rate)[None]
        decibels = self._uniform(n, -self.recipe.tilt, self.recipe.tilt) * (hertz.clamp(min=50) / OCTAVES_FROM).log2()
        cut = torch.where(self._chance(n, self.recipe.band_limit), self._uniform(n, 2500, 5400), torch.tensor(1e6))
        telephone = self._chance(n, self.recipe.telephone)
        cut = torch.where(telephone, torch.tensor(3400.0), cut)
        low = torch.where(telephone, torch.tensor(300.0), torch.tensor(0.0))
        decibels = decibels.clamp(-24, 24) - 96 * (hertz / cut - 1).clamp(min=0) * 4
        decibels = decibels - 60 * (1 - hertz / low.clamp(min=1e-3)).clamp(min=0) * (low > 0)
        spectra = spectra * 10 ** (decibels.clamp(min=-90) / 20)
        echo = torch.fft.rfft(self._rooms(n), size)
        spectra = torch.where(self._chance(n, self.recipe.reverberation), spectra * echo, spectra)
        return torch.fft.irfft(spectra, size)[:, :samples]

    def _rooms(self, count: int) -> Tensor:
        """Return impulse responses (count, 0.3 s): the direct sound, then noise that dies away."""
        samples = int(0.3 * self.rate)
        times = torch.arange(samples)[None] / self.rate
        decay = torch.exp(-6.9 * times / self._uniform(count, 0.1, 0.6))
        tail = torch.randn(count, samples, generator=self.generator) * decay
        tail = tail / tail.square().sum(1, keepdim=True).sqrt() * self._uniform(count, 0.3, 1.2)
        tail[:, 0] = 1.0
        return tail

    def _noisy(self, clips: Tensor) -> Tensor:
        n, samples = clips.shape
        size = _even(samples)
        parts = torch.randn(n, size // 2 + 1, 2, generator=self.generator)
        steps = torch.arange(size // 2 + 1).clamp(min=1)[None, :, None]
        spectra = parts * steps ** (-self._uniform(n, 0.0, 0.7)[:, :, None])
        coloured = torch.fft.irfft(torch.view_as_complex(spectra), size)[:, :samples]
        coloured = coloured / coloured.square().mean(1, keepdim=True).sqrt()
        others = sum(clips.roll(shift, 0).roll(37 * shift, 1) for shift in (1, 2, 3, 5))
        noise = torch.where(self._chance(n, 0.25), others, coloured)
        level = clips.square().mean(1, keepdim=True).sqrt().clamp(min=QUIET)
        noise = noise / noise.square().mean(1, keepdim=True).sqrt().clamp(min=1e-12) * level
        amount = 10 ** (-self._uniform(n, 5, 35) / 20) * self._chance(n, self.recipe.noise)
        return clips + noise * amount

    def _clipped(self, clips: Tensor) -> Tensor:
        limit = clips.abs().amax(1, keepdim=True) * self._uniform(len(clips), 0.15, 0.7)
        clipped = torch.minimum(torch.maximum(clips, -limit), limit)
        return torch.where(self._chance(len(clips), self.recipe.clipped), clipped, clips)

    def _coded(self, clips: Tensor) -> Tensor:
        """Round to the 8 bits of the mu-law, as telephones do."""
        loudest = clips.abs().amax(1, keepdim=True).clamp(min=QUIET)
        bent = (1 + 255 * clips.abs() / loudest).log() / math.log(256)
        coded = ((256 ** ((bent * 127).round() / 127)) - 1) / 255 * clips.sign() * loudest
        return torch.where(self._chance(len(clips), self.recipe.codec), coded, clips)


def _even(samples: int) -> int:
    """Return a length of at least so many samples that transforms fast."""
    return -(-samples // 4096) * 4096


def masked(features: Tensor, recipe: VoiceAugmentRecipe, generator: torch.Generator) -> Tensor:
    """Return features (N, 1, bands, frames) with masked stretches of time and ranges of bands (SpecAugment)."""
    n, _, bands, frames = features.shape
    keep = torch.ones(n, 1, bands, frames, dtype=torch.bool)
    for count, share, axis in (
        (recipe.time_masks, recipe.time_share, 3),
        (recipe.band_masks, recipe.band_share, 2),
    ):
        size = features.shape[axis]
        places = torch.arange(size).view(1, 1, -1, 1) if axis == 2 else torch.arange(size).view(1, 1, 1, -1)
        for _ in range(count):
            wide = torch.rand(n, 1, 1, 1, generator=generator) * share * size
            start = torch.rand(n, 1, 1, 1, generator=generator) * (size - wide)
            keep &= ~((places >= start) & (places < start + wide))
    middle = features.mean(dim=(2, 3), keepdim=True)
    return torch.where(keep.to(features.device), features, middle)
