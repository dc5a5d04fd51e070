"""Compute the loss of one head: the cross-entropy of soft targets, per face."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, class_weights: Tensor | None = None, focus: float = 0.0
) -> Tensor:
    """Return the cross-entropy of every face, float32 (N,).

    Args:
        logits: float (N, K).
        targets: target distributions, float (N, K). A row of zeros has the loss 0.
        smoothing: share of each target that is spread over all classes.
        class_weights: weight of each class's term, float (K,).
        focus: exponent of the focal loss (Lin et al. 2017), which lowers the weight of faces that are predicted well.
            0: plain cross-entropy.
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
    """Return class weights, float32 (K,), that make all classes count equally.

    The weight of a class is n / (classes present * faces of the class); 0 for an absent class.
    """
    counts = torch.bincount(labels, minlength=classes).float()
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp_min(1)), torch.zeros_like(counts))
