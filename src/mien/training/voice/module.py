"""The Lightning module of the voice network, and the batches that it learns from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss
from torch.utils.data import DataLoader, IterableDataset

from mien.datasets.voices import FULL_SCALE, VoiceClips
from mien.training.detector.module import rate_at
from mien.training.detector.optimizer import MuonAdamW, groups_of
from mien.training.losses import soft_cross_entropy
from mien.training.voice.augment import SoundAugment, masked
from mien.training.voice.network import VoiceAnswers, VoiceNetwork
from mien.training.voice.recipe import VoiceRecipe

FRAME, MARGIN = 0.02, 0.12
"""Seconds: frames in which silence is looked for, and what is left of it before and after a clip."""

SILENT_BELOW = 14.0
"""Decibels below the loud frames at which a frame is silence."""

TENTH = 10.0
"""The strength is compared in tenths, so that its loss is of the size of the others."""


class VoiceTargets(NamedTuple):
    """What the network should answer; rows of zeros, and NaN, are not learnt from."""

    votes: Tensor
    intended: Tensor
    strength: Tensor

    def mixed(self, share: Tensor, order: Tensor) -> VoiceTargets:
        """Return the targets of clips mixed with others: float (N, 1) of the clip itself."""
        other = 1 - share
        return VoiceTargets(
            share * self.votes + other * self.votes[order],
            share * self.intended + other * self.intended[order],
            share[:, 0] * self.strength + other[:, 0] * self.strength[order],
        )


class VoiceBatches(IterableDataset[tuple[Tensor, VoiceTargets]]):
    """Batches of clips cut to one length per batch, at changed speed, for one epoch after the other."""

    def __init__(self, clips: VoiceClips, recipe: VoiceRecipe) -> None:
        super().__init__()
        self.clips, self.recipe = clips, recipe
        self.epoch = 0
        self._spans = np.array([spoken_span(clips, row) for row in range(len(clips))])
        totals = clips.votes.sum(axis=1, keepdims=True)
        shares = clips.votes / np.maximum(totals, 1)
        one_hot = np.eye(len(clips.labels), dtype=np.float32)[np.maximum(clips.intended, 0)]
        self._targets = VoiceTargets(
            torch.from_numpy(shares.astype(np.float32)),
            torch.from_numpy(one_hot * (clips.intended >= 0)[:, None].astype(np.float32)),
            torch.from_numpy(clips.strength),
        )

    @property
    def count(self) -> int:
        """Batches of an epoch."""
        return max(1, len(self.clips) // self.recipe.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, VoiceTargets]]:
        """Yield the batches of an epoch."""
        rng = np.random.default_rng([self.recipe.seed, self.epoch])
        order = rng.permutation(len(self.clips))
        size = min(self.recipe.batch_size, len(order))
        for start in range(0, self.count * size, size):
            rows = order[start : start + size]
            chosen = torch.from_numpy(rows)
            yield torch.from_numpy(self._cut(rows, rng)), VoiceTargets(*(part[chosen] for part in self._targets))

    def _cut(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return float32 (n, samples): a random part of each clip, repeated if the clip is shorter."""
        augment = self.recipe.augment
        samples = int(rng.uniform(augment.shortest, augment.longest) * self.clips.rate)
        sounds = np.empty((len(rows), samples), np.float32)
        for place, row in enumerate(rows):
            clip = self.clips.samples[self._spans[row, 0] : self._spans[row, 1]]
            speed = 1 + rng.uniform(-augment.speed, augment.speed)
            first = rng.uniform(0, max(len(clip) - samples * speed, 0)) if len(clip) > samples * speed else 0.0
            times = first + speed * np.arange(samples)
            whole = times.astype(np.int64)
            part = (times - whole).astype(np.float32)
            here, there = clip[whole % len(clip)], clip[(whole + 1) % len(clip)]
            sounds[place] = here + part * (there.astype(np.float32) - here)
        return sounds / np.float32(FULL_SCALE)


def spoken_span(clips: VoiceClips, row: int) -> tuple[int, int]:
    """Return the first and the last sample of a clip without the silence before and after, but for a margin."""
    start, end = map(int, clips.starts[row : row + 2])
    size = max(int(FRAME * clips.rate), 1)
    frames = (end - start) // size
    if not frames:
        return start, end
    sound = clips.samples[start : start + frames * size].reshape(frames, size).astype(np.float32)
    power = (sound**2).mean(axis=1)
    loud = (power**2).sum() / max(power.sum(), 1e-9)
    active = np.flatnonzero(power > loud * 10 ** (-SILENT_BELOW / 10))
    if not len(active):
        return start, end
    margin = int(MARGIN * clips.rate)
    return max(start + int(active[0]) * size - margin, start), min(start + int(active[-1] + 1) * size + margin, end)


class VoiceModule(pl.LightningModule):
    """Trains a voice network on clips; logs the losses and the learning rate."""

    def __init__(self, network: VoiceNetwork, batches: VoiceBatches, recipe: VoiceRecipe) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.batches = recipe, batches
        self._generator = torch.Generator()
        self._augment = SoundAugment(recipe.augment, recipe.spectrogram.rate, self._generator)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.recipe.epochs * self.batches.count

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the current epoch; a resumed run gets those that it would have had."""
        self.batches.epoch = self.current_epoch
        return DataLoader(self.batches, batch_size=None)

    def on_train_epoch_start(self) -> None:
        """Give the epoch random numbers of its own, the same in a resumed run."""
        self._generator.manual_seed(self.recipe.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: tuple[Tensor, VoiceTargets], batch_index: int) -> Tensor:
        """Return the loss of a batch."""
        sounds, targets = batch
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            features = self.network.spectrogram(self._augment(sounds.float()))
            features = masked(features, self.recipe.augment, self._generator)
            features, targets = self._mixed(features, targets)
        answers = self.network.answers(features.contiguous(memory_format=torch.channels_last))
        losses = self._losses(answers, targets)
        weights = self.recipe.loss
        total = weights.votes * losses["votes"] + weights.intended * losses["intended"]
        total = total + weights.strength * losses["strength"]
        self.log_dict({f"train_{name}": loss.detach() for name, loss in losses.items()}, batch_size=len(sounds))
        return total

    def _mixed(self, features: Tensor, targets: VoiceTargets) -> tuple[Tensor, VoiceTargets]:
        if not self.recipe.augment.mixup:
            return features, targets
        alpha = torch.full((len(features), 2), self.recipe.augment.mixup)
        drawn = torch._sample_dirichlet(alpha, self._generator).amax(1, keepdim=True)
        order = torch.randperm(len(features), generator=self._generator)
        share = drawn[:, :, None, None]
        return share * features + (1 - share) * features[order], targets.mixed(drawn, order)

    def _losses(self, answers: VoiceAnswers, targets: VoiceTargets) -> dict[str, Tensor]:
        votes = soft_cross_entropy(answers.votes, targets.votes)
        smoothing = self.recipe.loss.label_smoothing
        intended = soft_cross_entropy(answers.intended, targets.intended, smoothing=smoothing)
        known = torch.isfinite(targets.strength)
        wanted = torch.where(known, targets.strength, torch.zeros_like(targets.strength))
        strength = smooth_l1_loss(answers.strength.float() * TENTH, wanted * TENTH, reduction="none") * known
        return {
            "votes": _mean(votes, targets.votes.sum(1)),
            "intended": _mean(intended, targets.intended.sum(1)),
            "strength": _mean(strength, known.float()),
        }

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Set the learning rate."""
        progress = min(self.global_step / self.steps, 1.0)
        rate = self.recipe.learning_rate * rate_at(progress, self.recipe.warm_up, self.recipe.final_rate)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Muon for kernels and AdamW for the rest; no decay of biases and norms."""
        return MuonAdamW(groups_of(self.network, self.recipe.weight_decay), lr=self.recipe.learning_rate)


def _mean(losses: Tensor, counted: Tensor) -> Tensor:
    return losses.sum() / counted.sum().clamp(min=1e-6)
