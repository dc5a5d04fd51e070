"""Distillation: bundles as teachers, whose answers to the very view that the student sees become part of its targets.

Hinton et al. 2015; that teacher and student must see the same view, mixed faces too, is Beyer et al. 2022. Where the
recipe spoils the view with blur, noise and the like, teachers see it before that, since they read such pictures worse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mien.bundle import Bundle
from mien.errors import BundleError, RecipeError
from mien.labels import FERPLUS
from mien.training.recipe import TeacherRecipe

FACES_AT_ONCE = 16  # fastest on one core: more of them do not fit its cache


class Teachers:
    """One or several bundles as one teacher of the student's `heads` (name -> number of labels).

    Each answers as it is calibrated, the votes' head with people's shares; their answers are averaged. A bundle that
    cannot be loaded, or lacks one of the heads, is a RecipeError.
    """

    def __init__(self, recipe: TeacherRecipe, heads: dict[str, int]) -> None:
        self.weight = recipe.weight
        self.heads = tuple(heads)
        self.bundles = [self._load(name) for name in recipe.bundles]

    def __deepcopy__(self, memo: Any) -> Teachers:
        """Itself: averaged weights are kept in a copy of the whole module, but a teacher never changes."""
        return self

    def _load(self, name: str) -> Bundle:
        try:
            bundle = Bundle.load(name, threads=torch.get_num_threads())
        except BundleError as error:
            raise RecipeError(f"teacher.bundles: {error}") from error
        if missing := [head for head in self.heads if head not in bundle.heads]:
            raise RecipeError(
                f"teacher.bundles: expected bundles with the heads {', '.join(self.heads)}, but {name} has no "
                f"{', '.join(missing)}"
            )
        return bundle

    def beside(self, frames: Tensor, targets: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Target distributions `(N, K)` of the label head, and the votes' shares, with the teachers' answers to
        frames float32 `(N, 1, 48, 48)` in [0, 1] mixed in."""
        answers = self.answers(frames)
        label_head = self.heads[0]
        targets = targets.lerp(answers[label_head].to(targets), self.weight)
        if FERPLUS.name in self.heads[1:]:
            shares = shares.lerp(answers[FERPLUS.name].to(shares), self.weight)
        return targets, shares

    def answers(self, frames: Tensor) -> dict[str, Tensor]:
        """The mean probabilities float32 `(N, K)` of each head, of frames as in `beside`."""
        pixels = frames.cpu() * 255
        mean: dict[str, Tensor] = {}
        for bundle in self.bundles:
            spec = bundle.metadata.input
            faces = spec.normalize(spec.window(pixels)).contiguous().numpy()
            parts = [bundle.answers(faces[at : at + FACES_AT_ONCE]) for at in range(0, len(faces), FACES_AT_ONCE)]
            together = [np.concatenate(part) for part in zip(*parts, strict=True)]
            logits = dict(zip(bundle.heads, together, strict=True))
            probabilities = bundle.calibrate(logits)
            if (people := bundle.vote_shares(logits)) is not None:
                probabilities[FERPLUS.name] = people
            for name in self.heads:
                answer = torch.from_numpy(probabilities[name]) / len(self.bundles)
                mean[name] = mean[name] + answer if name in mean else answer
        return mean
