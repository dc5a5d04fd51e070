"""Distill: bundles are teachers, whose predictions for the same augmented face become part of the student's targets.

Hinton et al. 2015; that teacher and student must see the same view, mixed faces too, is Beyer et al. 2022. If the
recipe degrades the view with blur, noise and the like, teachers see it before that, since they predict it better.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mien.bundle import Bundle
from mien.errors import BundleError, RecipeError
from mien.labels import FERPLUS
from mien.training.recipe_sections import TeacherRecipe

FACES_AT_ONCE = 16  # fastest on one core: more faces do not fit its cache


class TeacherEnsemble:
    """Combine one or several bundles into one teacher of the student's heads.

    The calibrated predictions of the bundles are averaged; of the vote head, the vote shares.

    Args:
        recipe: the bundles and their weight.
        heads: the student's heads, name -> number of labels; the label head first.

    Raises:
        RecipeError: a bundle cannot be loaded or lacks one of the heads.
    """

    def __init__(self, recipe: TeacherRecipe, heads: dict[str, int]) -> None:
        self.weight = recipe.weight
        self.heads = tuple(heads)
        self.bundles = [self._load(name) for name in recipe.bundles]

    def __deepcopy__(self, memo: Any) -> TeacherEnsemble:
        """Return itself: the average of the weights is a copy of the whole module, but a teacher never changes."""
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

    def mix_into(self, frames: Tensor, targets: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Mix the teachers' predictions into the targets.

        Args:
            frames: float32 (N, 1, 48, 48) in [0, 1].
            targets: target distributions of the label head, (N, K).
            shares: targets of the vote head, (N, 8).

        Returns:
            The mixed targets and the mixed shares.
        """
        answers = self.predict(frames)
        label_head = self.heads[0]
        targets = targets.lerp(answers[label_head].to(targets), self.weight)
        if FERPLUS.name in self.heads[1:]:
            shares = shares.lerp(answers[FERPLUS.name].to(shares), self.weight)
        return targets, shares

    def predict(self, frames: Tensor) -> dict[str, Tensor]:
        """Return the mean probabilities, head -> float32 (N, K), for frames float32 (N, 1, 48, 48) in [0, 1]."""
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
