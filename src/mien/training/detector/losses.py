"""What a wrong answer costs: score, box and landmarks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.training.detector.assign import Assignment, Cells, Targets, assign, boxes_of, iou, landmarks_of
from mien.training.detector.recipe import FinderDistillRecipe, FinderLossRecipe

LANDMARK_BEND = 0.03
"""Shares of the face's size; smaller errors of a landmark cost their square, larger ones their size."""


class Losses(NamedTuple):
    """The losses of a batch, before their weights."""

    score: Tensor
    box: Tensor
    landmarks: Tensor

    def total(self, weights: FinderLossRecipe | FinderDistillRecipe) -> Tensor:
        """Return the weighted sum."""
        return weights.score * self.score + weights.box * self.box + weights.landmarks * self.landmarks


def losses_of(answers: Tensor, cells: Cells, targets: Targets) -> Losses:
    """Return the losses of answers (B, n, 15) in float32."""
    assignment = assign(answers.detach(), cells, targets)
    return losses_given(answers, cells, targets, assignment)


def losses_given(answers: Tensor, cells: Cells, targets: Targets, assignment: Assignment) -> Losses:
    """Return the losses for cells that are assigned already; each is a mean over faces."""
    weight = assignment.scores[assignment.pictures, assignment.cells]
    norm = weight.sum().clamp(min=1.0)
    score = (focal(answers[..., 0], assignment.scores) * assignment.counted).sum() / norm
    own = answers[assignment.pictures, assignment.cells]
    places = Cells(cells.middles[assignment.cells], cells.strides[assignment.cells])
    boxes = targets.boxes[assignment.faces]
    box = (eiou_loss(boxes_of(own, places), boxes) * weight).sum() / norm
    points = targets.landmarks[assignment.faces]
    landmarks = (landmark_loss(landmarks_of(own, places), points, boxes) * weight).sum() / norm
    return Losses(score, box, landmarks)


def focal(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the quality focal loss (Li et al. 2020): cross-entropy times the squared distance from what is wanted."""
    distance = (wanted - logits.sigmoid()).abs()
    return distance.square() * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def eiou_loss(boxes: Tensor, wanted: Tensor) -> Tensor:
    """Return 1 - EIoU (Zhang et al. 2021): IoU, less the distances of middles, widths and heights."""
    around = torch.maximum(boxes[:, 2:], wanted[:, 2:]) - torch.minimum(boxes[:, :2], wanted[:, :2])
    squares = around.square().clamp(min=1e-6)
    middles = (boxes[:, :2] + boxes[:, 2:] - wanted[:, :2] - wanted[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]) - (wanted[:, 2:] - wanted[:, :2])
    apart = middles.square().sum(-1) / squares.sum(-1)
    return 1 - iou(boxes, wanted) + apart + (sides.square() / squares).sum(-1)


def landmark_loss(points: Tensor, wanted: Tensor, boxes: Tensor) -> Tensor:
    """Return the mean smooth L1 distance of landmarks as a share of the face's size; 0 where none are known."""
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(-1).clamp(min=1.0).sqrt()[:, None]
    known = torch.isfinite(wanted)
    errors = torch.where(known, points - torch.nan_to_num(wanted), torch.zeros_like(points)) / sizes
    return F.smooth_l1_loss(errors, torch.zeros_like(errors), beta=LANDMARK_BEND, reduction="none").mean(-1)
