"""The loss of one head: cross-entropy of soft targets, with class weights and focus, per face."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, class_weights: Tensor | None = None, focus: float = 0.0
) -> Tensor:
    """The loss of every face, float32 `(N,)`, of logits and target distributions `(N, K)`.

    `smoothing` is the share of each target that is spread over all classes. `class_weights` `(K,)` multiply the
    classes' terms. `focus` is the exponent of the focal loss (Lin et al. 2017), which lowers the weight of what is
    known already; 0 is plain cross-entropy. A row of zeros costs nothing.
    """
    log_probabilities = torch.log_softmax(logits.float(), dim=1)
    smoothed = targets * (1 - smoothing) + targets.sum(1, keepdim=True) * smoothing / targets.shape[1]
    terms = smoothed * log_probabilities
    if class_weights is not None:
        terms = terms * class_weights
    if focus:
        terms = terms * (1 - log_probabilities.exp()).clamp_min(0) ** focus
    return -terms.sum(1)


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights float32 `(K,)` that make all classes count alike: n / (classes present * count); 0 for absent ones."""
    counts = torch.bincount(labels, minlength=classes).float()
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp_min(1)), torch.zeros_like(counts))
