"""Which cells answer for which faces."""

from __future__ import annotations

import torch

from mien.training.detector.assign import Cells, Targets, assign, boxes_of, candidates, cells_of, doubtless, iou
from mien.training.detector.network import CHANNELS

CELLS = cells_of(256, 256)


def targets(*boxes: tuple[float, ...], ignored: tuple[bool, ...] | None = None) -> Targets:
    table = torch.tensor(boxes).reshape(-1, 4)
    flags = torch.tensor(ignored if ignored is not None else [False] * len(table), dtype=torch.bool)
    return Targets(torch.zeros(len(table), dtype=torch.long), table, torch.full((len(table), 10), float("nan")), flags)


def blank(score: float = -4.0) -> torch.Tensor:
    answers = torch.zeros(1, len(CELLS.strides), CHANNELS)
    answers[..., 0] = score
    return answers


def test_every_face_is_answered_by_a_cell_of_its_size() -> None:
    faces = targets((10, 10, 18, 18), (100, 100, 140, 140), (20, 20, 250, 250))
    found = assign(blank(), CELLS, faces)
    strides = {int(face): CELLS.strides[found.cells[found.faces == face]].tolist() for face in found.faces.unique()}
    assert set(strides) == {0, 1, 2}
    assert set(strides[0]) == {8.0}
    assert set(strides[1]) <= {8.0, 16.0, 32.0}
    assert set(strides[2]) <= {32.0}
    assert all(len(each) >= 2 for each in strides.values())


def test_candidates_lie_about_the_middle() -> None:
    allowed = candidates(torch.tensor([[100.0, 100.0, 140.0, 140.0]]), CELLS)[0]
    away = (CELLS.middles[allowed] - 120).abs().amax(1) / CELLS.strides[allowed]
    assert away.max() < 1.5


def test_the_better_cell_is_chosen_and_asked_for_one() -> None:
    answers = blank()
    cell = int(((CELLS.middles == torch.tensor([124.0, 124.0])).all(1) & (CELLS.strides == 8)).nonzero()[0])
    answers[0, cell, 1:3] = -0.5
    answers[0, cell, 3:5] = torch.log(torch.tensor(5.0))
    found = assign(answers, CELLS, targets((100, 100, 140, 140)))
    assert cell in found.cells.tolist()
    assert found.scores[0, cell] == 1
    assert (found.scores[0, found.cells] <= 1).all()


def test_a_cell_answers_for_one_face_only() -> None:
    faces = targets((100, 100, 112, 112), (102, 102, 114, 114), (98, 98, 110, 110))
    found = assign(blank(), CELLS, faces)
    assert len(found.cells.unique()) == len(found.cells)


def test_doubts_do_not_count_and_are_nobodys() -> None:
    faces = targets((50, 50, 90, 90), (150, 150, 200, 200), ignored=(True, False))
    found = assign(blank(), CELLS, faces)
    assert found.faces.unique().tolist() == [1]
    counted = doubtless(faces, CELLS, 1)[0]
    inside = ((CELLS.middles > 50) & (CELLS.middles < 90)).all(1)
    assert not counted[inside].any()
    assert counted[(CELLS.middles < 40).any(1)].all()


def test_a_batch_without_faces() -> None:
    found = assign(blank(), CELLS, targets())
    assert len(found.cells) == 0
    assert found.counted.all()


def test_boxes_and_their_overlap() -> None:
    box = boxes_of(torch.zeros(1, CHANNELS), Cells(torch.tensor([[4.0, 4.0]]), torch.tensor([8.0])))
    assert box.tolist() == [[0, 0, 8, 8]]
    assert torch.isclose(iou(box, torch.tensor([[4.0, 0.0, 12.0, 8.0]])), torch.tensor(1 / 3))
