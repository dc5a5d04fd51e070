"""Find duplicate faces: exact copies (pixel for pixel) and near copies.

This module knows faces, not labels and not files. How the thresholds were chosen is in docs/data.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mien.datasets.faces import Progress
from mien.preprocess import FRAME, check_crops

THUMBNAIL = 12
"""Side in pixels of the thumbnails that are compared, every face with every other."""

CANDIDATE = 0.85
"""Least cosine of two normalised thumbnails for a pair to be compared in detail."""

NEAR = 0.75
"""Least correlation of the fine structure for two faces to count as the same picture."""

FLAT = 3.0
"""Standard deviation of a face's pixels (0 to 255) below which the face counts as flat."""

_SCALES = (0.88, 0.94, 1.0, 1.06, 1.12)
_MARGIN = 6  # pixels by which one face may be shifted against the other
_COARSE = 3.0  # standard deviation in pixels of the blur that is subtracted: light and hair are alike in many faces
ROWS_AT_ONCE, COLUMNS_AT_ONCE = 1024, 8192  # faces compared at a time: 32 MB

FaceArray = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]


def exact_copies(faces: FaceArray, reference: FaceArray) -> npt.NDArray[np.bool_]:
    """Return which faces are pixel for pixel in a reference set.

    Args:
        faces: gray, uint8 (N, 48, 48).
        reference: gray, uint8 (M, 48, 48).

    Returns:
        A mask of `faces`, bool (N,).
    """
    known = {face.tobytes() for face in check_crops(reference)}
    return np.array([face.tobytes() in known for face in check_crops(faces)], np.bool_)


def copy_groups(faces: FaceArray) -> Indices:
    """Number the groups of identical faces.

    Args:
        faces: gray, uint8 (N, 48, 48).

    Returns:
        The group of each face, int64 (N,), from 0, in the order in which the groups first appear.
    """
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(face.tobytes(), len(numbers)) for face in check_crops(faces)], np.int64)


@dataclass(frozen=True, eq=False)
class NearCopies:
    """Hold pairs of faces that are the same picture with a different crop, scale, compression or mirroring.

    Of identical faces only the first is in a pair.

    Attributes:
        pairs: indices of the two faces, int64 (M, 2), the smaller index first.
        scores: correlation of each pair, float32 (M,), `NEAR` to 1.
        mirrored: whether one face of the pair is the mirror image of the other, bool (M,).
    """

    pairs: Indices
    scores: npt.NDArray[np.float32]
    mirrored: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pairs)


def near_copies(faces: FaceArray, progress: Progress | None = None) -> NearCopies:
    """Find all pairs of nearly identical faces, mirrored or not.

    Two faces are near copies if their 12x12 thumbnails have a cosine of at least `CANDIDATE`, and if the middle 36x36
    of one, without its coarse light and shade, is found in the other, scaled by 0.88 to 1.12, with a correlation of at
    least `NEAR`. Flat faces are ignored. The time grows with the square of N: 20 seconds for FER2013 on two cores, an
    hour or more for AffectNet.

    Args:
        faces: gray, uint8 (N, 48, 48).
        progress: called with the share done, 0 to 1.
    """
    firsts = np.unique(copy_groups(faces), return_index=True)[1]
    firsts = firsts[~is_flat(faces[firsts])]
    candidates = list(_candidates(faces[firsts], progress, 0.4))
    pairs, mirrored = (np.concatenate(column) for column in zip(*candidates, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, mirrored = firsts[pairs[order]], mirrored[order]
    scores = np.zeros(len(pairs), np.float32)
    for i, ((a, b), mirror) in enumerate(zip(pairs, mirrored, strict=True)):
        scores[i] = fine_correlation(faces[a], faces[b][:, ::-1] if mirror else faces[b])
        if progress and i % 1000 == 0:
            progress(0.4 + 0.6 * i / len(pairs))
    if progress:
        progress(1.0)
    near = scores >= NEAR
    return NearCopies(pairs[near], scores[near], mirrored[near])


def has_copy_in(faces: FaceArray, reference: FaceArray, progress: Progress | None = None) -> npt.NDArray[np.bool_]:
    """Return which faces have an exact or a near copy in a reference set.

    Near copies are defined as in `near_copies`; a copy of a copy does not count.

    Args:
        faces: gray, uint8 (N, 48, 48).
        reference: gray, uint8 (M, 48, 48).
        progress: called with the share done, 0 to 1.

    Returns:
        A mask of `faces`, bool (N,).
    """
    found = exact_copies(faces, reference)
    open_places = np.flatnonzero(~found & ~is_flat(faces))
    straight, mirrored = _thumbnails(reference), _thumbnails(reference[:, :, ::-1])
    for start in range(0, len(open_places), ROWS_AT_ONCE):
        places = open_places[start : start + ROWS_AT_ONCE]
        block = _thumbnails(faces[places])
        cosines, mirror_cosines = block @ straight.T, block @ mirrored.T
        for row, place in enumerate(places):
            best = np.maximum(cosines[row], mirror_cosines[row])
            candidates = np.flatnonzero(best >= CANDIDATE)
            for other in candidates[np.argsort(-best[candidates])]:
                mirror = mirror_cosines[row, other] > cosines[row, other]
                if fine_correlation(faces[place], reference[other][:, ::-1] if mirror else reference[other]) >= NEAR:
                    found[place] = True
                    break
            if progress and row % 50 == 0:
                progress((start + row) / len(open_places))
    if progress:
        progress(1.0)
    return found


def fine_correlation(face: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Return how well the middle of one face's fine structure matches another face, -1 to 1.

    Args:
        face: gray, uint8 (48, 48); its middle 36x36 is searched for.
        other: gray, uint8 (48, 48); searched at several scales and shifts.
    """
    middle = np.ascontiguousarray(_fine(face)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN])
    fine = _fine(other)
    sides = [round(FRAME * scale) for scale in _SCALES]
    found = (cv2.matchTemplate(cv2.resize(fine, (side, side)), middle, cv2.TM_CCOEFF_NORMED).max() for side in sides)
    return float(max(found))


def is_flat(faces: FaceArray) -> npt.NDArray[np.bool_]:
    """Return which faces have (almost) one shade of gray.

    Args:
        faces: gray, uint8 (N, 48, 48).

    Returns:
        A mask of `faces`, bool (N,): the standard deviation of the pixels is below `FLAT`.
    """
    blocks = (faces[start : start + COLUMNS_AT_ONCE] for start in range(0, len(faces), COLUMNS_AT_ONCE))
    deviations = [block.std(axis=(1, 2), dtype=np.float32) for block in blocks]
    return np.concatenate([np.zeros(0, np.float32), *deviations]) < FLAT


def join_groups(groups: Indices, pairs: Indices) -> Indices:
    """Merge the groups of the two faces of every pair.

    Args:
        groups: the group of each face, int64 (N,).
        pairs: indices of faces, int64 (M, 2).

    Returns:
        The merged group of each face, int64 (N,).
    """
    parents = list(range(int(groups.max(initial=-1)) + 1))

    def root(group: int) -> int:
        while parents[group] != group:
            parents[group] = parents[parents[group]]
            group = parents[group]
        return group

    for a, b in groups[pairs].tolist():
        first, second = sorted((root(a), root(b)))
        parents[second] = first
    return np.array([root(group) for group in range(len(parents))], np.int64)[groups]


def _candidates(
    faces: FaceArray, progress: Progress | None, share: float
) -> Iterator[tuple[Indices, npt.NDArray[np.bool_]]]:
    """Yield indices (n, 2) of pairs with similar thumbnails, and whether the second is mirrored; each pair once."""
    yield np.zeros((0, 2), np.int64), np.zeros(0, np.bool_)
    straight, mirrored = _thumbnails(faces), _thumbnails(faces[:, :, ::-1])
    for row in range(0, len(faces), ROWS_AT_ONCE):
        for column in range(row, len(faces), COLUMNS_AT_ONCE):
            block = straight[row : row + ROWS_AT_ONCE]
            cosines = block @ straight[column : column + COLUMNS_AT_ONCE].T
            mirror_cosines = block @ mirrored[column : column + COLUMNS_AT_ONCE].T
            found = np.argwhere(np.maximum(cosines, mirror_cosines) >= CANDIDATE)
            found = found[found[:, 0] + row < found[:, 1] + column]
            mirror = mirror_cosines[found[:, 0], found[:, 1]] > cosines[found[:, 0], found[:, 1]]
            yield found + np.array([row, column]), mirror
        if progress:  # the rows become shorter
            progress(share * (1 - (1 - min(1.0, (row + ROWS_AT_ONCE) / len(faces))) ** 2))


def _thumbnails(faces: FaceArray) -> npt.NDArray[np.float32]:
    """Return the faces at 12x12 pixels, as vectors (N, 144) of mean 0 and length 1."""
    side = FRAME // THUMBNAIL
    tiles = faces.reshape(len(faces), THUMBNAIL, side, THUMBNAIL, side)
    vectors = tiles.mean(axis=(2, 4), dtype=np.float32).reshape(len(faces), THUMBNAIL**2)
    vectors -= vectors.mean(axis=1, keepdims=True)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return np.asarray(vectors, np.float32)


def _fine(face: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    pixels = face.astype(np.float32)
    return np.asarray(pixels - cv2.GaussianBlur(pixels, (0, 0), _COARSE))
