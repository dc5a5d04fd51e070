from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError
from mien.evaluation.corruptions import CORRUPTIONS, EYES, GLASSES, LEVELS, MOUTH, corrupt

ROWS, COLUMNS = np.mgrid[:48, :48]
FACES = np.stack(
    [
        (128 + 60 * np.sin(COLUMNS / 3) + 60 * np.cos(ROWS / 4)).astype(np.uint8),
        np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8),
    ]
)
FLAT = np.full((1, 48, 48), 120, np.uint8)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_crops_stay_crops_and_the_given_ones_as_they_were(name: str, level: int) -> None:
    before = FACES.copy()
    spoilt = corrupt(FACES, name, level)
    assert spoilt.shape == FACES.shape
    assert spoilt.dtype == np.uint8
    assert (spoilt != FACES).any(axis=(1, 2)).all()
    assert (before == FACES).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_level_is_further_from_the_face(name: str) -> None:
    smooth = FACES[:1].repeat(20, axis=0).astype(float)
    distances = [np.abs(corrupt(smooth.astype(np.uint8), name, level) - smooth).mean() for level in LEVELS]
    assert distances[-1] > distances[0]
    if name not in ("rotation", "scale"):  # a pattern that repeats may come back to itself
        assert (np.diff(distances) > 0).all()


@given(st.sampled_from(sorted(CORRUPTIONS)), st.sampled_from(LEVELS), st.integers(0, 2**31))
def test_the_seed_decides(name: str, level: int, seed: int) -> None:
    assert (corrupt(FACES, name, level, seed) == corrupt(FACES, name, level, seed)).all()


def test_a_face_does_not_depend_on_those_after_it() -> None:
    for name in CORRUPTIONS:
        assert (corrupt(FACES, name, 3)[:1] == corrupt(FACES[:1], name, 3)).all()


def test_noise_has_its_deviation() -> None:
    noisy = corrupt(FLAT.repeat(50, axis=0), "noise", 2).astype(float)
    assert noisy.std() == pytest.approx(16, rel=0.02)
    assert noisy.mean() == pytest.approx(120, abs=0.3)


def test_contrast_is_a_share_of_what_it_was() -> None:
    assert corrupt(FACES, "contrast", 2)[0].std() == pytest.approx(0.4 * FACES[0].std(), rel=0.02)


def test_less_light_is_darker_and_noisier_than_its_mean() -> None:
    dark = corrupt(FLAT.repeat(50, axis=0), "low light", 3).astype(float)
    assert dark.mean() == pytest.approx(0.12 * 120, rel=0.02)
    assert dark.std() == pytest.approx(np.sqrt(0.12 * 120), rel=0.05)


def test_a_bar_hides_the_mouth_and_nothing_else() -> None:
    for level in LEVELS:
        (spoilt,) = corrupt(FLAT, "mouth hidden", level)
        hidden = np.flatnonzero(spoilt[:, 24] == 200)
        assert MOUTH in hidden
        assert len(hidden) == min(CORRUPTIONS["mouth hidden"].strengths[level - 1], 48 - hidden[0])
        assert (spoilt[:, :6] == 120).all()


def test_glasses_get_darker_and_nothing_else() -> None:
    for level in LEVELS:
        (spoilt,) = corrupt(FLAT, "eyes hidden", level)
        rows = np.flatnonzero(spoilt[:, 24] != 120)
        assert EYES in rows
        assert len(rows) == GLASSES
        left = 120 * (1 - CORRUPTIONS["eyes hidden"].strengths[level - 1])
        assert np.abs(spoilt[rows, 24].astype(float) - left).max() <= 1
        assert (spoilt[:, :6] == 120).all()


def test_faces_turn_and_scale_to_both_sides() -> None:
    many = FACES[:1].repeat(40, axis=0)
    for name in ("rotation", "scale"):
        assert len(np.unique(corrupt(many, name, 2), axis=0)) == 2


def test_a_low_resolution_keeps_the_means_of_its_pixels() -> None:
    (spoilt,) = corrupt(FACES[:1], "resolution", 5)
    small = FACES[0].reshape(16, 3, 16, 3).mean((1, 3))
    np.testing.assert_allclose(spoilt[1::3, 1::3], small, atol=1)


def test_without_faces_there_is_nothing_to_spoil() -> None:
    assert corrupt(FACES[:0], "blur", 1).shape == (0, 48, 48)


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InputError, match="corruption 'blurr': did you mean 'blur'"):
        corrupt(FACES, "blurr", 1)
    with pytest.raises(InputError, match="level: expected 1 to 5, got 6"):
        corrupt(FACES, "blur", 6)
    with pytest.raises(InputError, match="48"):
        corrupt(FACES[:, :40], "blur", 1)
