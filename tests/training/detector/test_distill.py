"""Dense distillation: the teacher's cells are the student's, and the labels correct them."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from mien.errors import DetectorError
from mien.training.detector.assign import Cells, Targets, boxes_of, cells_of, landmarks_of
from mien.training.detector.distill import CellTeacher, Hints, Taught, distill_losses, wanted_scores
from mien.training.detector.network import CHANNELS, STRIDES
from mien.training.detector.teachers import YuNetN

CELLS = cells_of(128, 128)


def toy_teacher(path: Path, *, neck: bool = True) -> Path:
    """A file with YuNet-n's inputs and outputs, whose weights are drawn: one layer to the neck, one to each output."""
    rng = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for k, stride in enumerate(STRIDES):
        weights.append(constant(f"w{k}", rng.normal(0, 0.1 / stride**2, (64, 3, stride, stride))))
        nodes.append(helper.make_node("Conv", ["input", f"w{k}"], [f"neck{k}"], strides=[stride, stride]))
        for part, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            reads = neck and part == "cls"
            name = f"bbox_head.multi_level_share_convs.{k}.0.conv1.weight" if reads else f"w_{part}_{k}"
            weights.append(constant(name, rng.normal(0, 0.02, (channels, 64, 1, 1))))
            out = f"{part}_{stride}"
            nodes.append(helper.make_node("Conv", [f"neck{k}", name], [f"map_{out}"]))
            nodes.append(helper.make_node("Transpose", [f"map_{out}"], [f"last_{out}"], perm=[0, 2, 3, 1]))
            weights.append(onnx.numpy_helper.from_array(np.array([0, -1, channels], np.int64), f"shape_{out}"))
            squashed = part in ("cls", "obj")
            rows = f"rows_{out}" if squashed else out
            nodes.append(helper.make_node("Reshape", [f"last_{out}", f"shape_{out}"], [rows]))
            if squashed:
                nodes.append(helper.make_node("Sigmoid", [rows], [out]))
            outputs.append(helper.make_tensor_value_info(out, onnx.TensorProto.FLOAT, None))
    entry = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["batch", 3, "height", "width"])
    graph = helper.make_graph(nodes, "toy", [entry], outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(values.astype(np.float32), name)


def crops(count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 128, 128, 3), np.uint8)


def test_the_teachers_cells_mean_what_it_detects(tmp_path: Path) -> None:
    file = toy_teacher(tmp_path / "t.onnx")
    images = crops()
    taught = CellTeacher(file)(images)
    assert taught.answers.shape == (2, len(CELLS.strides), CHANNELS)
    boxes, points = boxes_of(taught.answers, CELLS), landmarks_of(taught.answers, CELLS)
    for k, image in enumerate(images):
        found = YuNetN(file, threshold=0.05)(image)
        assert len(found)
        for box, score, landmarks in zip(found.boxes, found.scores, found.landmarks, strict=True):
            cell = int((boxes[k] - torch.from_numpy(box)).abs().sum(1).argmin())
            np.testing.assert_allclose(boxes[k, cell].numpy(), box, atol=1e-3)
            np.testing.assert_allclose(points[k, cell].numpy(), landmarks.reshape(-1), atol=1e-3)
            assert taught.answers[k, cell, 0].sigmoid().item() == pytest.approx(score, abs=1e-4)


def test_features_come_with_the_answers(tmp_path: Path) -> None:
    taught = CellTeacher(toy_teacher(tmp_path / "t.onnx"))(crops(5))
    assert [tuple(each.shape) for each in taught.features] == [(5, 64, 128 // s, 128 // s) for s in STRIDES]
    hints = Hints(48)
    loss = hints([torch.randn(5, 48, 128 // s, 128 // s) for s in STRIDES], taught)
    loss.backward()
    assert loss > 0
    assert all(weight.grad is not None for weight in hints.parameters())


def test_copies_share_the_teacher(tmp_path: Path) -> None:
    teacher = CellTeacher(toy_teacher(tmp_path / "t.onnx"))
    assert copy.deepcopy(teacher) is teacher


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="got no file"):
        CellTeacher(tmp_path / "none.onnx")
    with pytest.raises(DetectorError, match="expected YuNet-n"):
        CellTeacher(toy_teacher(tmp_path / "t.onnx", neck=False))


def taught_with(*seen: tuple[tuple[float, ...], float]) -> Taught:
    """A teacher that sees boxes, each with one cell of stride 16 at its middle, and nothing else."""
    answers = torch.zeros(1, len(CELLS.strides), CHANNELS)
    answers[..., 0] = -8
    for box, score in seen:
        cell = cell_of(box)
        wanted = torch.tensor(box)
        answers[0, cell, 0] = torch.logit(torch.tensor(score))
        answers[0, cell, 1:3] = ((wanted[:2] + wanted[2:]) / 2 - CELLS.middles[cell]) / 16
        answers[0, cell, 3:5] = torch.log((wanted[2:] - wanted[:2]) / 16)
    return Taught(answers, [])


def cell_of(box: tuple[float, ...]) -> int:
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    away = (CELLS.middles - middle).norm(dim=1) + 1000 * (CELLS.strides != 16)
    return int(away.argmin())


def labels(*rows: tuple[tuple[float, ...], bool]) -> Targets:
    boxes = torch.tensor([row[0] for row in rows]).reshape(-1, 4)
    points = torch.full((len(rows), 10), float("nan"))
    ignored = torch.tensor([row[1] for row in rows], dtype=torch.bool)
    return Targets(torch.zeros(len(rows), dtype=torch.int64), boxes, points, ignored)


FACE, OTHER = (24.0, 24.0, 56.0, 56.0), (72.0, 72.0, 104.0, 104.0)


def test_labels_and_teacher_share_the_score() -> None:
    taught = taught_with((FACE, 0.6), (OTHER, 0.4))
    wanted, assignment = wanted_scores(taught, CELLS, labels((FACE, False)), 0.5)
    assert cell_of(FACE) in assignment.cells.tolist()
    assert wanted[0, cell_of(FACE)].item() == pytest.approx(0.8, abs=0.02)
    assert wanted[0, cell_of(OTHER)].item() == pytest.approx(0.2, abs=0.01)  # no label is there


def test_where_the_labels_do_not_know_the_teacher_decides() -> None:
    taught = taught_with((OTHER, 0.4))
    wanted, _ = wanted_scores(taught, CELLS, labels((OTHER, True)), 0.5)
    assert wanted[0, cell_of(OTHER)].item() == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("trust", [0.0, 1.0])
def test_trust_goes_from_the_teacher_to_the_labels(trust: float) -> None:
    wanted, _ = wanted_scores(taught_with((OTHER, 0.4)), CELLS, labels(), trust)
    assert wanted[0, cell_of(OTHER)].item() == pytest.approx(0.4 * (1 - trust), abs=0.01)


def test_a_student_that_answers_like_its_teacher_has_no_loss() -> None:
    taught = taught_with((OTHER, 0.4))
    losses = distill_losses(taught.answers.clone(), CELLS, labels((OTHER, True)), taught, 0.5)
    assert max(losses) == pytest.approx(0, abs=1e-3)
    other = taught.answers.clone()
    other[..., 0] = 0
    other[..., 1:] += 0.5
    assert min(distill_losses(other, CELLS, labels((OTHER, True)), taught, 0.5)) > 0.01


def test_boxes_are_the_labels_where_there_are_any() -> None:
    shifted = tuple(value + 3 for value in FACE)
    taught = taught_with((FACE, 0.9))
    own = taught.answers.clone().requires_grad_()
    distill_losses(own, CELLS, labels((shifted, False)), taught, 0.5).box.backward()
    assert own.grad is not None
    assert (own.grad[0, cell_of(FACE), 1:3] < 0).all()  # the box is to move right and down


def test_cells_of_empty_pictures_are_learnt_too() -> None:
    losses = distill_losses(torch.zeros(1, len(CELLS.strides), CHANNELS), CELLS, labels(), taught_with(), 0.5)
    assert losses.score > 0
    assert losses.box == losses.landmarks == 0
    assert isinstance(CELLS, Cells)
