"""Losses: nothing for the right answer, more for worse ones."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from mien.training.detector.assign import Targets, cells_of
from mien.training.detector.losses import eiou_loss, focal, landmark_loss, losses_of
from mien.training.detector.network import CHANNELS
from mien.training.detector.recipe import FinderLossRecipe

BOX = torch.tensor([[10.0, 10.0, 30.0, 50.0]])


def test_the_right_box_costs_nothing_and_a_farther_one_more() -> None:
    assert eiou_loss(BOX, BOX).item() == 0
    near, far = (eiou_loss(BOX + shift, BOX).item() for shift in (2, 100))
    assert 0 < near < 1 < far


def test_focal_loss_is_least_where_wanted_and_weighs_the_wrong_most() -> None:
    logits = torch.linspace(-4, 4, 81)
    wanted = torch.full_like(logits, 0.7)
    assert abs(logits[focal(logits, wanted).argmin()].sigmoid().item() - 0.7) < 0.02
    plain = F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="none")
    share = focal(logits, torch.zeros_like(logits)) / plain
    assert (share.diff() > 0).all()


def test_landmarks_count_by_the_size_of_the_face_and_only_where_known() -> None:
    points = torch.arange(10.0)[None]
    assert landmark_loss(points, points, BOX).item() == 0
    unknown = torch.full((1, 10), float("nan"))
    assert landmark_loss(points, unknown, BOX).item() == 0
    small, large = landmark_loss(points + 3, points, BOX), landmark_loss(points + 30, points, BOX * 10)
    assert torch.isclose(small, large)


def test_a_step_lowers_the_sum_and_unknown_landmarks_leave_no_nan() -> None:
    cells = cells_of(128, 128)
    answers = torch.zeros(2, len(cells.strides), CHANNELS, requires_grad=True)
    targets = Targets(
        torch.tensor([0, 1]), BOX.repeat(2, 1), torch.full((2, 10), float("nan")), torch.tensor([False] * 2)
    )
    first = losses_of(answers, cells, targets).total(FinderLossRecipe())
    first.backward()
    assert torch.isfinite(answers.grad).all()  # type: ignore[arg-type]
    second = losses_of(answers - 0.5 * answers.grad, cells, targets).total(FinderLossRecipe())
    assert second < first


def test_a_batch_of_doubts_only_costs_nothing_there() -> None:
    cells = cells_of(128, 128)
    answers = torch.zeros(1, len(cells.strides), CHANNELS)
    everything = Targets(
        torch.tensor([0]), torch.tensor([[-99.0, -99, 999, 999]]), torch.zeros(1, 10), torch.tensor([True])
    )
    assert losses_of(answers, cells, everything).score.item() == 0
