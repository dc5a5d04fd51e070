"""How a face should lie in the crop: what each framing costs in accuracy, measured on faces whose truth is known.

    python -m benchmarks.crop_geometry --data fer2013.csv --votes fer2013new.csv

FER2013's own frames are the reference. Each is enlarged eightfold into a "photograph" with a margin, CenterFace finds
its face and landmarks there, and the face is cropped again with every framing. A framing is as good as the accuracy
that the bundle keeps on these crops, beside the accuracy on the frames as they came. Writes
`results/crop_geometry.json` and the table in docs/face-crop.md, where the choice is written down.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import Bundle
from mien.datasets import FaceDataset, load_fer2013, plurality
from mien.detect import CenterFace, Detections
from mien.preprocess import FRAME, Framing, crop_faces

Correct = np.ndarray[Any, np.dtype[np.bool_]]

ENLARGED, MARGIN = 8, 8
FRAMINGS = [
    Framing(),
    *(Framing(scale=scale) for scale in (0.85, 0.9, 0.95, 1.05, 1.1, 1.15)),
    *(Framing(shift=(0, y)) for y in (-3, -1.5, 1.5, 3)),
    *(Framing(shift=(x, 0)) for x in (-1.5, 1.5)),
    *(Framing(upright=share) for share in (0.5, 1.0)),
    *(Framing(by_box=share) for share in (0.25, 0.5, 1.0)),
    Framing(by_box=0.25, scale=0.95),
    Framing(upright=0.5, scale=0.95),
]


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--model", default="mien")
    words.add_argument("--faces", type=int, default=2000)
    options = words.parse_args()
    dataset = load_fer2013(options.data, options.votes)
    template = measure_template(sample(dataset.split("Training"), options.faces // 2))
    results = measure_framings(sample(dataset.split("PublicTest"), options.faces), Bundle.load(options.model))
    write_results("crop_geometry", {"machine": describe(), "template": template, **results})
    heading = ["framing", "FER2013", "gain", "FER+ plurality", "gain"]
    write_table("crop_geometry", heading, [cells(row) for row in results["framings"]], "face-crop")


def sample(dataset: FaceDataset, count: int) -> FaceDataset:
    """Faces drawn at random, always the same."""
    return dataset.take(np.random.default_rng(0).permutation(len(dataset))[:count])


def detect(dataset: FaceDataset) -> tuple[list[int], list[Detections]]:
    """The rows of the faces that CenterFace finds in their enlarged frames, and what it finds: one face each."""
    detector = CenterFace(size=(FRAME + 2 * MARGIN) * ENLARGED)
    found = [detector(enlarge(face)) for face in tqdm(dataset.faces, desc="detecting")]
    rows = [row for row, faces in enumerate(found) if len(faces)]
    return rows, [found[row].select(np.array([found[row].scores.argmax()])) for row in rows]


def measure_template(dataset: FaceDataset) -> dict[str, Any]:
    """Where box and landmarks lie in FER2013's frames, in their pixels: mean and spread."""
    rows, found = detect(dataset)
    boxes = np.concatenate([faces.boxes for faces in found]) / ENLARGED - MARGIN
    landmarks = np.concatenate([faces.landmarks for faces in found]) / ENLARGED - MARGIN
    return {
        "faces": len(dataset),
        "found": len(rows),
        "box_mean": np.round(boxes.mean(axis=0, dtype=float), 2).tolist(),
        "box_spread": np.round(boxes.std(axis=0, dtype=float), 2).tolist(),
        "landmarks_mean": np.round(landmarks.mean(axis=0, dtype=float), 2).tolist(),
        "landmarks_spread": np.round(landmarks.std(axis=0, dtype=float), 2).tolist(),
    }


def measure_framings(dataset: FaceDataset, bundle: Bundle) -> dict[str, Any]:
    """Accuracy of every framing on the faces that are found."""
    rows, found = detect(dataset)
    found_faces = dataset.take(np.array(rows))
    pictures = [enlarge(face) for face in found_faces.faces]
    frames_as_they_came = correct(bundle, found_faces, found_faces.faces)
    scores = []
    default: dict[str, Correct] = {}
    for framing in tqdm(FRAMINGS, desc="framings"):
        crops = np.concatenate(
            [
                crop_faces(picture, faces.boxes, faces.landmarks, framing)
                for picture, faces in zip(pictures, found, strict=True)
            ]
        )
        right = correct(bundle, found_faces, crops)
        default = default or right  # the first of FRAMINGS
        scores.append({"framing": asdict(framing), **accuracies(right), **differences(right, default)})
    original = {**accuracies(frames_as_they_came), **differences(frames_as_they_came, default)}
    scores.insert(0, {"framing": "the frames as they came", **original})
    return {
        "model": bundle.name,
        "faces": len(dataset),
        "found": len(rows),
        "framings": scores,
    }


def enlarge(face: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A frame uint8 (48, 48) as an RGB picture, eight times as large, with its edge repeated around it."""
    padded = cv2.copyMakeBorder(face, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    large = cv2.resize(padded, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    return np.repeat(large[:, :, None], 3, axis=2)


def correct(bundle: Bundle, dataset: FaceDataset, crops: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, Correct]:
    """For each head, which crops of the data set's faces are read right."""
    assert dataset.votes is not None
    probabilities = bundle.probabilities(crops)
    voted, labels = plurality(dataset.votes)
    return {
        "fer2013": probabilities["fer2013"].argmax(axis=1) == dataset.labels,
        "ferplus": probabilities["ferplus"][voted].argmax(axis=1) == labels,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """A framing and its scores in percent, as a row of the table."""
    scores = [
        text
        for head in ("fer2013", "ferplus")
        for text in (f"{100 * row[head]:.1f}", f"{100 * row[f'{head}_gain']:+.1f} ± {100 * row[f'{head}_error']:.1f}")
    ]
    return [row["framing"] if isinstance(row["framing"], str) else in_words(Framing(**row["framing"])), *scores]


def in_words(framing: Framing) -> str:
    """What of the default a framing changes."""
    default = Framing()
    x, y = framing.shift
    said = [
        (framing.scale != default.scale, f"scale {framing.scale:g}"),
        ((x, y) != default.shift, f"shift {x:g}, {y:g}"),
        (framing.upright != default.upright, f"{framing.upright:.0%} of the roll undone"),
        (framing.by_box != default.by_box, f"{framing.by_box:.0%} by the box"),
    ]
    return ", ".join(words for changed, words in said if changed) or "landmarks on the template (scale 1)"


def accuracies(right: dict[str, Correct]) -> dict[str, float]:
    """Accuracy of each head."""
    return {name: round(float(values.mean()), 4) for name, values in right.items()}


def differences(right: dict[str, Correct], default: dict[str, Correct]) -> dict[str, float]:
    """Accuracy less the default's on the same faces, and the standard error of that paired difference."""
    found = {}
    for name, values in right.items():
        gain = values.astype(float) - default[name]
        found[f"{name}_gain"] = round(float(gain.mean()), 4)
        found[f"{name}_error"] = round(float(gain.std() / np.sqrt(len(gain))), 4)
    return found


if __name__ == "__main__":
    main()
