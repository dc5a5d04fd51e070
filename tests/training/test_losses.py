"""The loss of a head against PyTorch's own, and against the formulas of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mien.training.losses import balanced_weights, soft_cross_entropy

LOGITS = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 4
TARGETS = F.one_hot(LABELS, 5).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_more_it_is_cross_entropy(smoothing: float) -> None:
    expected = F.cross_entropy(LOGITS, LABELS, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, TARGETS, smoothing=smoothing), expected)


def test_soft_targets_are_pytorchs() -> None:
    soft = torch.softmax(torch.randn(12, 5), 1)
    torch.testing.assert_close(soft_cross_entropy(LOGITS, soft), F.cross_entropy(LOGITS, soft, reduction="none"))


def test_class_weights_are_pytorchs() -> None:
    weights = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.0])
    expected = F.cross_entropy(LOGITS, LABELS, weights, reduction="none")
    torch.testing.assert_close(soft_cross_entropy(LOGITS, TARGETS, class_weights=weights), expected)


def test_focus_is_the_focal_loss() -> None:
    own = torch.softmax(LOGITS, 1).gather(1, LABELS[:, None])[:, 0]
    torch.testing.assert_close(soft_cross_entropy(LOGITS, TARGETS, focus=2.0), -((1 - own) ** 2) * own.log())


def test_focus_minds_what_is_known_less() -> None:
    sure, unsure = torch.tensor([[5.0, 0.0]]), torch.tensor([[0.2, 0.0]])
    target = torch.tensor([[1.0, 0.0]])
    ratios = [
        float(soft_cross_entropy(sure, target, focus=g) / soft_cross_entropy(unsure, target, focus=g)) for g in (0, 2)
    ]
    assert ratios[1] < ratios[0] / 10


def test_a_row_of_zeros_costs_nothing() -> None:
    loss = soft_cross_entropy(LOGITS, torch.zeros(12, 5), smoothing=0.1, focus=1.0)
    assert not loss.any()


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.tensor([0] * 6 + [1] * 3 + [3])
    weights = balanced_weights(labels, 5)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels.numpy())
    assert weights[[0, 1, 3]].tolist() == pytest.approx(list(expected))
    assert weights[[2, 4]].tolist() == [0, 0]
    assert weights[labels].mean().item() == pytest.approx(1)
