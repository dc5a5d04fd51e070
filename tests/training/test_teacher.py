"""Distillation: what the teachers' answers are, and what they change in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers import tiny_bundle
from mien.bundle import Bundle, softmax
from mien.datasets import FaceDataset
from mien.errors import RecipeError
from mien.training.batches import FaceTensors, ShuffledBatches
from mien.training.module import ExpressionModule
from mien.training.recipe import Recipe
from mien.training.recipe_sections import TeacherRecipe
from mien.training.teacher import TeacherEnsemble

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]
HEADS = {"fer2013": 7, "ferplus": 8}
CROPS = np.random.default_rng(0).integers(0, 256, (40, 48, 48), np.uint8)


@pytest.fixture
def bundles(tmp_path: Path) -> list[str]:
    """Two teachers of different opinions."""
    paths = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for path, scale in zip(paths, (1.0, -3.0), strict=True):
        path.write_bytes(tiny_bundle.content(scale=scale))
    return [str(path) for path in paths]


def frames_of(crops: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(crops)[:, None].float() / 255


def test_a_teacher_answers_what_its_bundle_does(bundles: list[str]) -> None:
    answers = TeacherEnsemble(TeacherRecipe(bundles=bundles[:1]), HEADS).predict(frames_of(CROPS))
    bundle = Bundle.load(bundles[0])
    np.testing.assert_allclose(answers["fer2013"], bundle.probabilities(CROPS)["fer2013"], atol=1e-6)
    np.testing.assert_allclose(answers["ferplus"], softmax(bundle.logits(CROPS)["ferplus"], 0.5), atol=1e-6)


def test_several_teachers_are_one_by_their_mean(bundles: list[str]) -> None:
    together = TeacherEnsemble(TeacherRecipe(bundles=bundles), HEADS).predict(frames_of(CROPS))
    alone = [Bundle.load(path).probabilities(CROPS)["fer2013"] for path in bundles]
    np.testing.assert_allclose(together["fer2013"], np.mean(alone, 0), atol=1e-6)


def test_their_share_of_the_targets_is_the_weight(bundles: list[str]) -> None:
    targets, shares = torch.eye(7).repeat(6, 1)[:40], torch.eye(8).repeat(5, 1)
    teachers = TeacherEnsemble(TeacherRecipe(bundles=bundles, weight=0.3), HEADS)
    answers = teachers.predict(frames_of(CROPS))
    mixed, mixed_shares = teachers.mix_into(frames_of(CROPS), targets, shares)
    torch.testing.assert_close(mixed, 0.7 * targets + 0.3 * answers["fer2013"])
    torch.testing.assert_close(mixed_shares, 0.7 * shares + 0.3 * answers["ferplus"])


def test_without_votes_only_the_label_head_is_taught(bundles: list[str]) -> None:
    teachers = TeacherEnsemble(TeacherRecipe(bundles=bundles), {"fer2013": 7})
    targets, none = teachers.mix_into(frames_of(CROPS), torch.eye(7).repeat(6, 1)[:40], torch.zeros(40, 8))
    assert targets.max() < 1
    assert not none.any()


def test_teacher_and_student_see_the_same_view(bundles: list[str], tiny: MakeRecipe, dataset: FaceDataset) -> None:
    """Flipped, turned, erased and mixed alike: the teacher's answer is the one to what the network is given."""
    recipe = tiny(f"teacher.bundles={bundles[:1]}", "teacher.weight=1.0", "mixup=1.0", "input.size=48", "small_size=0")
    faces = FaceTensors.of(dataset.split("Training"))
    module = ExpressionModule(recipe, faces, faces, dataset.label_set, with_votes=True)
    seen, (targets, _, _) = module.augmented(next(iter(ShuffledBatches(faces, 16, 0))))
    bundle = Bundle.load(bundles[0])
    window = seen[:, :, 16:32, 16:32].contiguous().numpy()  # what the teacher reads of the frame
    logits = dict(zip(bundle.heads, bundle.answers(window), strict=True))
    np.testing.assert_allclose(targets, bundle.calibrate(logits)["fer2013"], atol=1e-5)


def test_a_teacher_sees_a_face_before_it_is_spoilt(bundles: list[str], tiny: MakeRecipe, dataset: FaceDataset) -> None:
    faces = FaceTensors.of(dataset.split("Training"))

    def augmented(**augment: float) -> tuple[Tensor, Tensor]:
        words = [f"augment.{key}={value}" for key, value in augment.items()]
        recipe = tiny(f"teacher.bundles={bundles[:1]}", "teacher.weight=1.0", "rotation=0", *words)
        module = ExpressionModule(recipe, faces, faces, dataset.label_set, with_votes=True)
        torch.manual_seed(0)
        seen, (targets, _, _) = module.augmented(next(iter(ShuffledBatches(faces, 16, 0))))
        return seen, targets

    (clear, answers), (spoilt, same) = augmented(), augmented(noise=1.0, dark=1.0)
    assert not torch.allclose(clear, spoilt)
    torch.testing.assert_close(answers, same)


def test_a_teacher_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match=r"teacher.bundles: no bundle 'nobody.onnx'"):
        TeacherEnsemble(TeacherRecipe(bundles=["nobody.onnx"]), HEADS)


def test_a_teacher_of_other_labels_is_refused(bundles: list[str]) -> None:
    with pytest.raises(RecipeError, match=r"has no affectnet"):
        TeacherEnsemble(TeacherRecipe(bundles=bundles), {"affectnet": 8})
