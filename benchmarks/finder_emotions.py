"""Emotions end to end: what a face detector's crops cost in accuracy, beside CenterFace's. All in one run, one thread.

`python -m benchmarks finder_emotions --data fer2013.csv --votes fer2013new.csv --scenes FOLDER --wild CSV FOLDER
[--yunet FILE] [--finder BUNDLE]`. PublicTest's frames are enlarged to 96 to 288 pixels, with their edge repeated around
them, and laid into pictures of 640x480 of animals and things; the labelled wild faces are searched as they are. A face
that is not found counts as read wrong. Writes `results/finder_emotions.json`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.finder import Finder
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.paired import Right, paired, right_answers
from mien.bundle import Bundle
from mien.datasets import load_fer2013, plurality
from mien.detection.centerface import CenterFace
from mien.detection.detections import Detections
from mien.detection.mien_face import RELEASED, MienFace
from mien.labels import LABEL_SETS
from mien.preprocess import Framing, crop_faces
from mien.training.detector.pictures import read
from mien.training.detector.teachers import YuNetN

Pixels = npt.NDArray[np.uint8]

SIZE, REFERENCE = 640, "centerface"
WIDTH, HEIGHT = 640, 480
FRAME, MARGIN = 48, 8
LEAST, MOST = 96, 288
"""Pixels of the frame of a face that is laid into a picture."""

ANIMALS = "neg_"
"""What the names of pictures begin with that faces are laid into."""

Place = tuple[float, float, float]
"""x and y of the middle of the face that is meant, and half the side of the room in which it must be found."""


def main() -> None:
    """Read the same faces with every detector's crops, and write the results."""
    words = parser(__doc__)
    words.add_argument("--scenes", type=Path, required=True, help="folder of pictures to lay faces into")
    words.add_argument("--wild", type=Path, nargs=2, required=True, metavar=("CSV", "FOLDER"))
    words.add_argument("--yunet", type=Path, metavar="FILE")
    words.add_argument("--finder", type=Path, default=RELEASED, metavar="BUNDLE")
    words.add_argument("--model", default="mien")
    words.add_argument("--faces", type=int, default=3589, help="of PublicTest, drawn at random")
    words.add_argument("--wild-faces", type=int, default=4000, help="of the wild ones, drawn at random")
    options = words.parse_args()
    cv2.setNumThreads(1)
    finders: dict[str, Finder] = {
        REFERENCE: CenterFace(size=SIZE, threads=1),
        "mien-face": MienFace(options.finder, size=SIZE, threads=1),
    }
    if options.yunet:
        finders["yunet-n"] = YuNetN(options.yunet, size=SIZE, threshold=0.6, threads=1)
    bundle = Bundle.load(options.model, threads=1)
    results = {
        "machine": describe() | {"threads": 1},
        "model": bundle.name,
        "public_test": public_test(options, finders, bundle),
        "wild": wild(options, finders, bundle),
    }
    write_results("finder_emotions", results)


def public_test(options: Any, finders: dict[str, Finder], bundle: Bundle) -> dict[str, Any]:
    """Return what is read right of PublicTest's faces in larger pictures."""
    dataset = load_fer2013(options.data, options.votes).split("PublicTest")
    rng = np.random.default_rng(0)
    dataset = dataset.take(rng.permutation(len(dataset))[: options.faces])
    votes = dataset.votes
    assert votes is not None
    files = sorted(path for path in options.scenes.iterdir() if path.name.startswith(ANIMALS))
    pictures = (laid_into(face, read(files[rng.integers(len(files))]), rng) for face in dataset.faces)

    def right(crops: Pixels, found: npt.NDArray[np.bool_]) -> Right:
        answers = right_answers(bundle.probabilities(crops), dataset.labels, votes)
        voted, _ = plurality(votes)
        return {"fer2013": answers["fer2013"] & found, "ferplus": answers["ferplus"] & found[voted]}

    return compare(finders, pictures, right) | {"frames_as_they_came": as_they_came(dataset, bundle)}


def as_they_came(dataset: Any, bundle: Bundle) -> dict[str, float]:
    """Return the accuracy on the frames themselves."""
    right = right_answers(bundle.probabilities(dataset.faces), dataset.labels, dataset.votes)
    return {head: round(float(values.mean()), 4) for head, values in right.items()}


def wild(options: Any, finders: dict[str, Finder], bundle: Bundle) -> dict[str, Any]:
    """Return what is read right of the labelled wild faces, by the head of eight emotions."""
    table, folder = options.wild
    names = list(LABEL_SETS["ferplus"].names)
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in names]
    rows = [rows[k] for k in np.random.default_rng(0).permutation(len(rows))[: options.wild_faces]]
    labels = np.array([names.index(row["label"]) for row in rows])
    images = (read(folder / row["file"]) for row in rows)
    pictures = ((image, (image.shape[1] / 2, image.shape[0] / 2, max(image.shape[:2]) / 2)) for image in images)

    def right(crops: Pixels, found: npt.NDArray[np.bool_]) -> Right:
        return {"ferplus": (bundle.probabilities(crops)["ferplus"].argmax(axis=1) == labels) & found}

    return compare(finders, pictures, right)


def compare(
    finders: dict[str, Finder],
    pictures: Iterable[tuple[Pixels, Place]],
    right_of: Callable[[Pixels, npt.NDArray[np.bool_]], Right],
) -> dict[str, Any]:
    """Return for every detector how many faces it finds and how many are read right, beside the reference's."""
    crops: dict[str, list[tuple[Pixels, bool]]] = {name: [] for name in finders}
    for image, place in pictures:
        for name, finder in finders.items():
            crops[name].append(crop(image, finder(image), place))
    found = {name: np.array([is_found for _, is_found in rows]) for name, rows in crops.items()}
    rights = {name: right_of(np.stack([face for face, _ in rows]), found[name]) for name, rows in crops.items()}
    return {"faces": len(found[REFERENCE])} | {
        name: {"found": int(found[name].sum()), **paired(right, rights[REFERENCE])} for name, right in rights.items()
    }


def crop(image: Pixels, found: Detections, place: Place) -> tuple[Pixels, bool]:
    """Return the crop of the surest face at a place, and whether there is one."""
    x, y, room = place
    middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    near = np.flatnonzero(np.abs(middles - (x, y)).max(axis=1, initial=0) < room)
    if not len(near):
        return np.zeros((FRAME, FRAME), np.uint8), False
    best = near[[found.scores[near].argmax()]]
    return crop_faces(image, found.boxes[best], found.landmarks[best], Framing())[0], True


def laid_into(face: Pixels, scene: Pixels, rng: np.random.Generator) -> tuple[Pixels, Place]:
    """Return a picture with an enlarged face in it, and its place."""
    picture = cv2.resize(scene, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    side = float(np.exp(rng.uniform(np.log(LEAST), np.log(MOST))))
    padded = cv2.copyMakeBorder(face, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    whole = round(side * (FRAME + 2 * MARGIN) / FRAME)
    large = cv2.resize(padded, (whole, whole), interpolation=cv2.INTER_CUBIC)
    x, y = int(rng.integers(WIDTH - whole + 1)), int(rng.integers(HEIGHT - whole + 1))
    picture[y : y + whole, x : x + whole] = large[..., None]
    return picture, (x + whole / 2, y + whole / 2, side / 2)


if __name__ == "__main__":
    main()
