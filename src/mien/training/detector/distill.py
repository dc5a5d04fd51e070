"""Dense distillation: a teacher answers for every cell of a crop, and the student learns all of its answers.

Knows tensors and one teacher's file; nothing of how crops are made. The teacher's weights are never copied.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mien.errors import DetectorError
from mien.runtimes.onnx import make_session
from mien.training.detector.assign import (
    Assignment,
    Cells,
    Targets,
    assign,
    boxes_of,
    iou,
    landmarks_of,
)
from mien.training.detector.losses import Losses, eiou_loss, landmark_loss
from mien.training.detector.network import STRIDES

PARTS = ("cls", "obj", "bbox", "kps")
"""Outputs of the teacher's file for each stride: two factors of the score, box, five landmarks."""

NECK_READERS = "bbox_head.multi_level_share_convs.{}.0.conv1.weight"
"""Weights of the layers that read the teacher's neck, by the number of the stride."""

HINT_CHANNELS = 64

PART_SIZE = 4
"""Crops that the teacher is given at once: more are slower, because they leave the processor's cache."""

LIKELY = 0.05
"""Teacher's score from which a cell without a labelled face or doubt is held to be the teacher's mistake."""

SAME_FACE = 0.3
"""IoU of a teacher's box with a labelled one from which they are about the same thing."""

REGRESSED = 0.15
"""Wanted score from which a cell learns the teacher's box and landmarks."""


class Taught(NamedTuple):
    """A teacher's answers for crops.

    answers   float32 (B, n, 15)  logits, boxes and landmarks as the student's network gives them
    features  one float32 (B, 64, h, w) for each stride: what the teacher's heads read
    """

    answers: Tensor
    features: list[Tensor]

    def to(self, device: torch.device) -> Taught:
        """Return them on a device."""
        return Taught(self.answers.to(device), [each.to(device) for each in self.features])


class CellTeacher:
    """YuNet-n on ONNX Runtime, with its answers of all cells and its neck's features.

    Raises:
        DetectorError: the file is missing, or is another network.
    """

    def __init__(self, file: str | Path, *, threads: int = 1) -> None:
        path = Path(file)
        if not path.is_file():
            raise DetectorError(f"teacher {path}: expected an ONNX file of YuNet, got no file. Check the path")
        self._names = [f"{part}_{stride}" for stride in STRIDES for part in PARTS]
        content, self._features = with_neck(onnx.load(path), path)
        self._session = make_session(content, threads=threads)

    def __deepcopy__(self, memo: dict[int, object]) -> CellTeacher:
        """Share the session."""
        return self

    def __call__(self, crops: npt.NDArray[np.uint8]) -> Taught:
        """Return the answers for RGB crops (B, S, S, 3), S a multiple of 32."""
        parts = [self._part(crops[start : start + PART_SIZE]) for start in range(0, len(crops), PART_SIZE)]
        features = [torch.cat(maps) for maps in zip(*(part.features for part in parts), strict=True)]
        return Taught(torch.cat([part.answers for part in parts]), features)

    def _part(self, crops: npt.NDArray[np.uint8]) -> Taught:
        pictures = np.ascontiguousarray(crops[..., ::-1].transpose(0, 3, 1, 2)).astype(np.float32)
        outputs = [
            torch.from_numpy(each) for each in self._session.run([*self._names, *self._features], {"input": pictures})
        ]
        answers = [answers_from(*outputs[4 * k : 4 * k + 4]) for k in range(len(STRIDES))]
        return Taught(torch.cat(answers, dim=1), outputs[4 * len(STRIDES) :])


def with_neck(model: onnx.ModelProto, path: Path) -> tuple[bytes, list[str]]:
    """Return the file's bytes with the neck's features as further outputs, and their names."""
    readers = {node.input[1]: node.input[0] for node in model.graph.node if node.op_type == "Conv"}
    wanted = [NECK_READERS.format(k) for k in range(len(STRIDES))]
    if missing := [name for name in wanted if name not in readers]:
        raise DetectorError(f"teacher {path}: expected YuNet-n, got a network without {missing[0]}")
    names = [readers[name] for name in wanted]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    return model.SerializeToString(), names


def answers_from(cls: Tensor, obj: Tensor, boxes: Tensor, points: Tensor) -> Tensor:
    """Return one stride's answers (B, n, 15) from the teacher's; it counts from a cell's corner, not its middle."""
    score = (cls.clamp(0, 1) * obj.clamp(0, 1)).sqrt().clamp(1e-4, 1 - 1e-4)
    return torch.cat([torch.logit(score), boxes[..., :2] - 0.5, boxes[..., 2:], points - 0.5], dim=-1)


class Hints(nn.Module):
    """One 1x1 kernel for each stride, from the student's features to the teacher's; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.adapters = nn.ModuleList(nn.Conv2d(width, HINT_CHANNELS, 1) for _ in STRIDES)

    def forward(self, levels: list[Tensor], taught: Taught) -> Tensor:
        """Return the mean squared distance from the teacher's features, in their standard deviations.

        Of the finest map every fourth cell is taken, others each time: there are many of them, and they are alike.
        """
        losses = []
        for adapter, level, wanted in zip(self.adapters, levels, taught.features, strict=True):
            if wanted.shape[-1] == max(each.shape[-1] for each in taught.features):
                y, x = (int(offset) for offset in torch.randint(2, (2,)))
                level, wanted = level[..., y::2, x::2], wanted[..., y::2, x::2]
            spread, mean = torch.std_mean(wanted, dim=(0, 2, 3), keepdim=True)
            distance = (adapter(level).float() - (wanted - mean) / (spread + 0.05)).square().mean(dim=1)
            interest = 1 + 4 * (wanted - mean).square().mean(dim=1).sqrt() / (spread.mean() + 0.05)
            losses.append((distance * interest).sum() / interest.sum())
        return torch.stack(losses).mean()


@torch.no_grad()
def wanted_scores(taught: Taught, cells: Cells, targets: Targets, trust: float) -> tuple[Tensor, Assignment]:
    """Return the score (B, n) that each cell should give, and the cells that answer for labelled faces.

    `trust` is the share of the labels, 0 to 1; the rest is the teacher's. The labels say 1 for the cell that answers
    best for a face, less for its others, nothing where a face or a doubt is near, and 0 elsewhere.
    """
    scores = taught.answers[..., 0].sigmoid()
    assignment = assign(taught.answers, cells, targets)
    hard = scores.clone()
    pictures, places = torch.nonzero((scores > LIKELY) & assignment.counted, as_tuple=True)
    boxes = boxes_of(taught.answers[pictures, places], Cells(cells.middles[places], cells.strides[places]))
    near = (iou(boxes[:, None], targets.boxes[None]) > SAME_FACE) & (targets.pictures[None] == pictures[:, None])
    lonely = ~near.any(dim=1)
    hard[pictures[lonely], places[lonely]] = 0
    rows, columns = assignment.pictures, assignment.cells
    hard[rows, columns] = torch.maximum(assignment.scores[rows, columns], scores[rows, columns])
    return trust * hard + (1 - trust) * scores, assignment


def distill_losses(answers: Tensor, cells: Cells, targets: Targets, taught: Taught, trust: float) -> Losses:
    """Return the losses of answers (B, n, 15) in float32.

    Boxes and landmarks are the labels' where a cell answers for a labelled face, else the teacher's.
    """
    wanted, assignment = wanted_scores(taught, cells, targets, trust)
    entropy = F.binary_cross_entropy(wanted, wanted, reduction="none")
    score = F.binary_cross_entropy_with_logits(answers[..., 0], wanted, reduction="none") - entropy
    pictures, places = torch.nonzero(wanted > REGRESSED, as_tuple=True)
    own = Cells(cells.middles[places], cells.strides[places])
    theirs = taught.answers[pictures, places]
    boxes, points = boxes_of(theirs, own), landmarks_of(theirs, own)
    faces = torch.full(wanted.shape, -1, dtype=torch.int64)
    faces[assignment.pictures, assignment.cells] = assignment.faces
    labelled = faces[pictures, places]
    sure = labelled >= 0
    boxes[sure] = targets.boxes[labelled[sure]]
    known = sure & torch.isfinite(targets.landmarks[labelled.clamp(min=0)]).all(dim=1) if len(targets.boxes) else sure
    points[known] = targets.landmarks[labelled[known]]
    weight = wanted[pictures, places]
    norm = weight.sum().clamp(min=1.0)
    given = answers[pictures, places]
    box = (eiou_loss(boxes_of(given, own), boxes) * weight).sum() / norm
    landmarks = (landmark_loss(landmarks_of(given, own), points, boxes) * weight).sum() / norm
    return Losses(score.sum() / norm, box, landmarks)
