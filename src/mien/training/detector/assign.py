"""Which cell answers for which face: candidates by place and size, chosen by how well they do already.

Knows tensors of boxes and scores; nothing of losses or networks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mien.training.detector.network import STRIDES

RADIUS = 1.5
"""Cells whose middle is nearer to the face's than so many strides (in x and in y) are candidates."""

SMALLEST, LARGEST = 1.0, 8.0
"""Sizes of a face in strides of the map that may answer for it; the first and the last map take the rest too."""

FEWEST, MOST = 2, 9
"""Cells that answer for one face."""


class Cells(NamedTuple):
    """All cells of all maps, n of them: their middles (n, 2) and strides (n,), in pixels."""

    middles: Tensor
    strides: Tensor


class Targets(NamedTuple):
    """The labels of a batch, m of them.

    pictures   int64 (m,)     the picture of each, in the batch
    boxes      float (m, 4)
    landmarks  float (m, 10)  NaN where there are none
    ignored    bool (m,)
    """

    pictures: Tensor
    boxes: Tensor
    landmarks: Tensor
    ignored: Tensor


class Assignment(NamedTuple):
    """What the cells are asked for.

    pictures, cells, faces  int64 (p,)  each answering cell, and its row in the targets
    scores                  float (B, n)  what the score should be: 1 for a face's best cell, less for its others
    counted                 bool (B, n)   false where a doubt lies
    """

    pictures: Tensor
    cells: Tensor
    faces: Tensor
    scores: Tensor
    counted: Tensor


def cells_of(height: int, width: int) -> Cells:
    """Return the cells of a picture whose sides are multiples of the largest stride."""
    middles, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        middles.append((torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((len(middles[-1]),), float(stride)))
    return Cells(torch.cat(middles), torch.cat(strides))


def flatten(maps: list[Tensor]) -> Tensor:
    """Return the maps (N, C, h, w) as rows (N, n, C), in the order of `cells_of`."""
    return torch.cat([part.permute(0, 2, 3, 1).flatten(1, 2) for part in maps], dim=1)


def boxes_of(answers: Tensor, cells: Cells) -> Tensor:
    """Return the boxes (..., n, 4) that answers (..., n, 15) mean."""
    strides = cells.strides[:, None]
    middle = cells.middles + answers[..., 1:3] * strides
    half = answers[..., 3:5].clamp(max=6).exp() * strides / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def landmarks_of(answers: Tensor, cells: Cells) -> Tensor:
    """Return the landmarks (..., n, 10) that answers (..., n, 15) mean."""
    strides = cells.strides[:, None]
    return answers[..., 5:] * strides + cells.middles.repeat(1, 5)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU of boxes (..., 4), pair by pair."""
    upper = torch.maximum(boxes[..., :2], others[..., :2])
    lower = torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (lower - upper).clamp(min=0).prod(-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (others[..., 2:] - others[..., :2]).prod(-1)
    return shared / (areas - shared).clamp(min=1e-6)


def candidates(boxes: Tensor, cells: Cells) -> Tensor:
    """Return which cells (m, n) may answer for faces (m, 4): by the face's place and its size."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = (cells.middles[None] - middles[:, None]).abs().amax(-1) / cells.strides
    sizes = (boxes[:, 2:] - boxes[:, :2]).prod(-1).clamp(min=1e-6).sqrt()[:, None] / cells.strides
    fits = (sizes >= SMALLEST) | (cells.strides == STRIDES[0])
    fits &= (sizes < LARGEST) | (cells.strides == STRIDES[-1])
    return fits & (away < RADIUS)


@torch.no_grad()
def assign(answers: Tensor, cells: Cells, targets: Targets) -> Assignment:
    """Choose the cells that answer for each face, from what the network (B, n, 15) answers now."""
    scores = answers.new_zeros(answers.shape[:2])
    counted = doubtless(targets, cells, len(answers))
    faces = torch.nonzero(~targets.ignored)[:, 0]
    boxes, pictures = targets.boxes[faces], targets.pictures[faces]
    allowed = candidates(boxes, cells)
    rows, columns = torch.nonzero(allowed, as_tuple=True)
    own = answers[pictures[rows], columns]
    found = boxes_of(own, Cells(cells.middles[columns], cells.strides[columns]))
    overlap = iou(found, boxes[rows])
    near = (cells.middles[columns] - (boxes[rows, :2] + boxes[rows, 2:]) / 2).norm(dim=-1) / cells.strides[columns]
    quality = own[:, 0].sigmoid().sqrt() * (overlap + 0.05).square() * torch.exp(-0.5 * near.square())
    chosen, best = _choose(allowed, rows, columns, quality, overlap)
    keep = _winners(torch.nonzero(chosen)[:, 0], pictures[rows] * len(cells.middles) + columns, quality)
    share = (overlap[keep] + 0.05) / (best[rows[keep]] + 0.05)
    scores[pictures[rows[keep]], columns[keep]] = share.clamp(max=1)
    counted |= scores > 0
    return Assignment(pictures[rows[keep]], columns[keep], faces[rows[keep]], scores, counted)


def _choose(allowed: Tensor, rows: Tensor, columns: Tensor, quality: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """Return which of the candidates answer, and the best overlap (m,) among each face's."""
    table = quality.new_full(allowed.shape, -1.0)
    table[rows, columns] = quality
    overlaps = torch.zeros_like(table)
    overlaps[rows, columns] = overlap
    most = min(MOST, allowed.shape[1])
    ranked, places = table.topk(most, dim=1)
    count = overlaps.topk(most, dim=1).values.sum(1).round().clamp(FEWEST, most)
    taken = (torch.arange(most, device=table.device)[None] < count[:, None]) & (ranked >= 0)
    mask = torch.zeros_like(allowed)
    mask.scatter_(1, places, taken)
    best = torch.where(mask, overlaps, torch.zeros_like(overlaps)).amax(1) if len(mask) else overlaps.new_zeros(0)
    return mask[rows, columns], best


def _winners(keep: Tensor, places: Tensor, quality: Tensor) -> Tensor:
    """Return, of the chosen candidates, one for each cell: where two faces want it, the one it answers better."""
    order = keep[quality[keep].argsort(descending=True)]
    order = order[places[order].argsort(stable=True)]
    sorted_places = places[order]
    first = torch.ones_like(sorted_places, dtype=torch.bool)
    first[1:] = sorted_places[1:] != sorted_places[:-1]
    return order[first]


def doubtless(targets: Targets, cells: Cells, pictures: int) -> Tensor:
    """Return which cells (B, n) lie in no doubt's box, with a margin of a quarter of their stride."""
    boxes, owners = targets.boxes[targets.ignored], targets.pictures[targets.ignored]
    margin = cells.strides[None, :, None] / 4
    middles = cells.middles[None]
    inside = ((middles > boxes[:, None, :2] - margin) & (middles < boxes[:, None, 2:] + margin)).all(-1)
    count = torch.zeros(pictures, len(cells.middles), device=cells.middles.device)
    return count.index_add_(0, owners, inside.float()) == 0
