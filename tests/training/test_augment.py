"""Augmentation: every key acts, at 0 none does, and what comes out is network input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.preprocess import InputSpec, to_input
from mien.training.augment import Augment, cutmix, mix, mixup
from mien.training.recipe_sections import AugmentRecipe

SPEC = InputSpec()
OFF = dict.fromkeys(AugmentRecipe.model_fields, 0.0)
RANDOM_CROPS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (16, 48, 48), np.uint8))


def augmented(crops: Tensor, seed: int = 0, spec: InputSpec = SPEC, size: int | None = None, **keys: float) -> Tensor:
    augment = Augment(AugmentRecipe(**(OFF | keys)), spec)
    augment.size = size or spec.size
    torch.manual_seed(seed)
    return augment.window(augment.degrade(augment(crops)))


def plain(crops: Tensor, spec: InputSpec = SPEC) -> Tensor:
    return torch.from_numpy(to_input(crops.numpy(), spec))


def spots(row: int, column: int, n: int = 64) -> Tensor:
    """Black crops with a bright spot of 5x5 around a pixel of the 48x48 frame."""
    crops = torch.zeros(n, 48, 48, dtype=torch.uint8)
    crops[:, row - 2 : row + 3, column - 2 : column + 3] = 255
    return crops


def centers(faces: Tensor) -> Tensor:
    """Where the brightness lies, (N, 2) as row and column from the middle of the window."""
    weights = (faces[:, 0] * SPEC.std + SPEC.mean).clamp(min=0)
    places = torch.arange(SPEC.size) - (SPEC.size - 1) / 2
    total = weights.sum((1, 2))
    return torch.stack([(weights.sum(2) * places).sum(1), (weights.sum(1) * places).sum(1)], dim=1) / total[:, None]


@pytest.mark.parametrize("spec", [InputSpec(), InputSpec(size=48), InputSpec(size=40, mean=0, std=255)])
def test_with_everything_off_it_is_to_input(spec: InputSpec) -> None:
    torch.testing.assert_close(augmented(RANDOM_CROPS, spec=spec), plain(RANDOM_CROPS, spec), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("flip", 0.5),
        ("rotation", 20),
        ("shift", 0.1),
        ("scale", 0.2),
        ("shear", 5),
        ("brightness", 0.2),
        ("contrast", 0.3),
        ("erasing", 0.5),
        ("blur", 0.5),
        ("noise", 0.5),
        ("dark", 0.5),
    ],
)
def test_a_key_acts_alone_and_each_face_differs(key: str, value: float) -> None:
    crops = RANDOM_CROPS[:1].repeat(16, 1, 1)
    faces = augmented(crops, **{key: value})
    assert (faces - plain(crops)).abs().amax((1, 2, 3)).gt(0.01).sum() >= 4
    assert len({face.numpy().tobytes() for face in faces}) >= (2 if key == "flip" else 5)


def test_every_key_is_tested() -> None:
    assert set(OFF) == {
        "flip", "rotation", "shift", "scale", "shear", "brightness", "contrast", "erasing",
        "blur", "noise", "coarse", "dark",
        "mixup", "cutmix",
    }  # fmt: skip


def test_flip_mirrors() -> None:
    torch.testing.assert_close(augmented(RANDOM_CROPS, flip=1), plain(RANDOM_CROPS).flip(3), atol=1e-5, rtol=0)


def test_rotation_turns_about_the_middle_both_ways() -> None:
    faces = centers(augmented(spots(24, 36), rotation=30))
    angles = torch.rad2deg(torch.atan2(faces[:, 0], faces[:, 1]))
    torch.testing.assert_close(faces.norm(dim=1), torch.full((64,), 12.5), atol=0.6, rtol=0)
    assert -33 < angles.min() < -20
    assert 20 < angles.max() < 33


def test_shift_moves_by_a_share_of_the_frame_on_both_axes() -> None:
    moved = centers(augmented(spots(24, 24), shift=0.1)) - 0.5  # pixel 24 lies half a pixel from the middle
    for axis in range(2):
        assert -4.9 < moved[:, axis].min() < -3.5
        assert 3.5 < moved[:, axis].max() < 4.9


def test_scale_moves_away_from_the_middle_and_towards_it() -> None:
    distances = centers(augmented(spots(24, 36), scale=0.2))[:, 1] / 12.5
    assert 0.78 < distances.min() < 0.86
    assert 1.14 < distances.max() < 1.22


def test_shear_slants() -> None:
    above = centers(augmented(spots(12, 24), shear=10))[:, 1] - 0.5
    assert above.min() < -1
    assert above.max() > 1


def test_brightness_adds_the_same_to_every_pixel() -> None:
    gray = torch.full((64, 48, 48), 128, dtype=torch.uint8)
    gray[:, :24] = 100
    pixels = augmented(gray, brightness=0.2)[:, 0] * SPEC.std + SPEC.mean
    added = pixels[:, 30, 20] - 128
    torch.testing.assert_close(pixels[:, 5, 20] - 100, added, atol=1e-3, rtol=0)
    assert -51.1 < added.min() < -30
    assert 30 < added.max() < 51.1


def test_contrast_multiplies_every_pixel() -> None:
    gray = torch.full((64, 48, 48), 128, dtype=torch.uint8)
    gray[:, :24] = 100
    pixels = augmented(gray, contrast=0.3)[:, 0] * SPEC.std + SPEC.mean
    factors = pixels[:, 30, 20] / 128
    torch.testing.assert_close(pixels[:, 5, 20] / 100, factors, atol=1e-4, rtol=0)
    assert 0.7 <= factors.min() < 0.8
    assert 1.2 < factors.max() <= 1.3


@pytest.mark.parametrize("key", ["blur", "noise", "coarse", "dark"])
@pytest.mark.parametrize("chance", [0.25, 1.0])
def test_a_worse_picture_is_a_chance_of_each_face(key: str, chance: float) -> None:
    crops = RANDOM_CROPS.repeat(25, 1, 1)
    changed = (augmented(crops, **{key: chance}) - plain(crops)).abs().amax((1, 2, 3)) > 1e-4
    assert changed.float().mean().item() == pytest.approx(chance, abs=0.07)


def test_blur_keeps_the_light_and_takes_the_detail() -> None:
    faces, before = augmented(RANDOM_CROPS, blur=1), plain(RANDOM_CROPS)
    torch.testing.assert_close(faces.mean(), before.mean(), atol=0.02, rtol=0)
    shares = faces.std((1, 2, 3)) / before.std((1, 2, 3))
    assert 0.1 < shares.min() < 0.25
    assert shares.max() > 0.5


def test_noise_is_of_any_strength_up_to_the_strongest() -> None:
    gray = torch.full((200, 48, 48), 128, dtype=torch.uint8)
    strengths = augmented(gray, noise=1).std((1, 2, 3)) * SPEC.std / 255
    assert strengths.min() < 0.01
    assert 0.14 < strengths.max() < 0.165


def test_coarse_faces_have_fewer_details() -> None:
    stripes = (torch.arange(48) % 2 * 255).to(torch.uint8).repeat(4, 48, 1)
    for seed in range(5):
        assert augmented(stripes, seed, coarse=1).std() < 0.9 * plain(stripes).std()


def test_dark_faces_lose_contrast_or_light() -> None:
    pixels = augmented(RANDOM_CROPS.repeat(20, 1, 1), dark=1)[:, 0] * SPEC.std + SPEC.mean
    mean, spread = pixels.mean((1, 2)), pixels.std((1, 2))
    assert spread.min() > 0.07 * 73
    assert spread.max() < 0.62 * 76
    kept = (mean - 127).abs() < 6
    assert 0.35 < kept.float().mean() < 0.65  # of these only the contrast fell; the others are darker too
    torch.testing.assert_close(mean[~kept] / 127, spread[~kept] / 74, atol=0.04, rtol=0.1)


@pytest.mark.parametrize("chance", [0.25, 1.0])
def test_erasing_blanks_a_rectangle_of_that_share_of_the_faces(chance: float) -> None:
    faces = augmented(torch.zeros(400, 48, 48, dtype=torch.uint8), erasing=chance, spec=InputSpec(size=48))
    erased = (faces[:, 0] * SPEC.std + SPEC.mean - 127.5).abs() < 1e-3
    shares = erased.float().mean((1, 2))
    assert (shares > 0).float().mean().item() == pytest.approx(chance, abs=0.08)
    assert 0.01 < shares[shares > 0].min() < shares.max() < 0.16
    first = erased[int(shares.argmax())]
    assert first.sum() == first.any(0).sum() * first.any(1).sum()  # a rectangle, whole


@pytest.mark.parametrize("size", [44, 32])
def test_what_comes_out_is_network_input(size: int) -> None:
    augment = Augment(AugmentRecipe(), SPEC)
    augment.size = size
    faces = augment.window(augment(RANDOM_CROPS))
    assert faces.shape == (16, 1, size, size)
    assert faces.dtype == torch.float32
    assert faces.is_contiguous(memory_format=torch.channels_last)
    assert SPEC.normalize(-0.01) < faces.min() < faces.max() < SPEC.normalize(255.01)


def test_a_small_size_shrinks_the_same_window() -> None:
    ramp = torch.arange(48, dtype=torch.uint8)[None, None, :].repeat(1, 48, 1) * 4
    small = augmented(ramp, size=22)[0, 0] * SPEC.std + SPEC.mean
    pairs = (plain(ramp)[0, 0] * SPEC.std + SPEC.mean).reshape(22, 2, 22, 2).mean((1, 3))
    torch.testing.assert_close(small[:, 1:-1], pairs[:, 1:-1], atol=0.01, rtol=0)


def test_the_seed_decides() -> None:
    everything = AugmentRecipe().model_dump()
    first, again, other = (augmented(RANDOM_CROPS, seed, **everything) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_crops_stay_as_they_are() -> None:
    before = RANDOM_CROPS.clone()
    augmented(RANDOM_CROPS, **AugmentRecipe().model_dump())
    assert torch.equal(before, RANDOM_CROPS)


@pytest.mark.parametrize("seed", range(5))
def test_mixup_mixes_faces_and_targets_with_the_same_share(seed: int) -> None:
    # The face's own number is its only pixel and the place of its only target.
    torch.manual_seed(seed)
    faces, (labels, shares) = mixup(1.0, torch.arange(8.0)[:, None], [torch.eye(8), torch.eye(8)])
    torch.testing.assert_close(labels @ torch.arange(8.0), faces[:, 0])
    torch.testing.assert_close(labels.sum(1), torch.ones(8))
    assert torch.equal(labels, shares)
    assert not torch.equal(faces[:, 0], torch.arange(8.0))
    own = labels.diagonal()
    mixed = own[own < 1]
    torch.testing.assert_close(mixed, mixed[:1].expand(len(mixed)))  # one share for the whole batch


def test_mixup_keeps_a_face_without_votes_light() -> None:
    shares = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    torch.manual_seed(0)
    sums = [mixup(1.0, torch.zeros(2, 1), [shares])[1][0].sum(1) for _ in range(20)]
    assert all(each.max() <= 1 and each.sum().item() == pytest.approx(1) for each in sums)
    assert any(each[1] > 0 for each in sums)


def test_a_small_alpha_mixes_little() -> None:
    torch.manual_seed(0)

    def largest_shares(alpha: float) -> float:
        targets = [mixup(alpha, torch.zeros(8, 1), [torch.eye(8)])[1][0] for _ in range(100)]
        return torch.stack([target.amax(1).mean() for target in targets]).mean().item()

    assert largest_shares(0.05) > 0.95 > 0.85 > largest_shares(5)


@pytest.mark.parametrize("seed", range(5))
def test_cutmix_pastes_one_rectangle_and_weighs_targets_by_its_area(seed: int) -> None:
    # Every pixel of a face is its number, which is the place of its only target.
    torch.manual_seed(seed)
    faces = torch.arange(8.0)[:, None, None, None].expand(8, 1, 20, 20)
    pasted, (targets, again) = cutmix(1.0, faces, [torch.eye(8), torch.eye(8)])
    assert torch.equal(targets, again)
    torch.testing.assert_close(pasted.mean((1, 2, 3)), targets @ torch.arange(8.0))
    changed = (pasted != faces).any(0)[0]
    rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
    if changed.any():
        height, width = (int(at.max() - at.min()) + 1 for at in (rows, columns))
        assert changed.sum() == height * width  # a rectangle, the same in every face


def test_cutmix_pastes_little_with_a_small_share_kept_whole() -> None:
    torch.manual_seed(0)
    faces = torch.randn(4, 1, 20, 20)
    shares = [cutmix(1.0, faces, [torch.eye(4)])[1][0].amax(1).mean().item() for _ in range(100)]
    assert min(shares) < 0.6
    assert max(shares) > 0.95


@pytest.mark.parametrize(
    ("keys", "kinds"),
    [
        ({}, {"neither"}),
        ({"mixup": 1.0}, {"mixup"}),
        ({"cutmix": 1.0}, {"cutmix"}),
        ({"mixup": 1.0, "cutmix": 1.0}, {"mixup", "cutmix"}),
    ],
)
def test_faces_are_mixed_as_the_recipe_says(
    keys: dict[str, float], kinds: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.training.augment.mixup", lambda *_: "mixup")
    monkeypatch.setattr("mien.training.augment.cutmix", lambda *_: "cutmix")
    recipe = AugmentRecipe(**(OFF | keys))
    found = {mix(recipe, torch.zeros(2, 1, 4, 4), []) for _ in range(30)} if keys else {"neither"}
    assert found == kinds
    if not keys:
        faces = torch.zeros(2, 1, 4, 4)
        assert mix(recipe, faces, [])[0] is faces
