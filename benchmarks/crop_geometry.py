"""How a face should lie in the crop: what each framing costs in accuracy, measured on faces whose truth is known.

    python -m benchmarks.crop_geometry --data fer2013.csv --votes fer2013new.csv [--detector mien-face]

FER2013's own frames are the reference. Each is enlarged eightfold into a "photograph" with a margin, the detector finds
its face and landmarks there, and the face is cropped again with every framing. A framing is as good as the accuracy
that the bundle keeps on these crops, beside the accuracy on the frames as they came. Writes
`results/crop_geometry.json` and the table in docs/face-crop.md, where the choice is written down; for another detector
than CenterFace `results/crop_geometry_NAME.json` alone.
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
from benchmarks.paired import HEADING, Right, cells, paired, right_answers
from mien.bundle import Bundle
from mien.datasets import FaceDataset, load_fer2013
from mien.detection.detections import Detections, Detector
from mien.detection.registry import DETECTORS, make_detector
from mien.preprocess import FRAME, Framing, crop_faces

Picture = np.ndarray[Any, np.dtype[np.uint8]]

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
    words.add_argument("--detector", default="centerface", choices=sorted(DETECTORS))
    options = words.parse_args()
    dataset = load_fer2013(options.data, options.votes)
    detector = make_detector(options.detector, size=(FRAME + 2 * MARGIN) * ENLARGED)
    template = measure_template(sample(dataset.split("Training"), options.faces // 2), detector)
    results = measure_framings(sample(dataset.split("PublicTest"), options.faces), Bundle.load(options.model), detector)
    if options.detector != "centerface":
        name = f"crop_geometry_{options.detector.replace('-', '_')}"
        write_results(name, {"machine": describe(), "template": template, **results})
        return
    write_results("crop_geometry", {"machine": describe(), "template": template, **results})
    table = [[in_words(row["framing"]), *cells(row["scores"])] for row in results["framings"]]
    write_table("crop_geometry", ["framing", *HEADING], table, "face-crop")


def sample(dataset: FaceDataset, count: int) -> FaceDataset:
    """Faces drawn at random, always the same."""
    return dataset.take(np.random.default_rng(0).permutation(len(dataset))[:count])


def detect(dataset: FaceDataset, detector: Detector) -> tuple[list[int], list[Detections]]:
    """The rows of the faces that a detector finds in their enlarged frames, and what it finds: one face each."""
    found = [detector(enlarge(face)) for face in tqdm(dataset.faces, desc="detecting")]
    rows = [row for row, faces in enumerate(found) if len(faces)]
    return rows, [found[row].select(np.array([found[row].scores.argmax()])) for row in rows]


def measure_template(dataset: FaceDataset, detector: Detector) -> dict[str, Any]:
    """Where box and landmarks lie in FER2013's frames, in their pixels: mean and spread."""
    rows, found = detect(dataset, detector)
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


def measure_framings(dataset: FaceDataset, bundle: Bundle, detector: Detector) -> dict[str, Any]:
    """Accuracy of every framing on the faces that are found, beside the frames as they came."""
    rows, found = detect(dataset, detector)
    faces = dataset.take(np.array(rows))
    pictures = [enlarge(face) for face in faces.faces]
    assert faces.votes is not None
    tried: list[tuple[dict[str, Any] | str, Right]] = []
    for framing in tqdm((None, *FRAMINGS), desc="framings"):
        crops = faces.faces if framing is None else crops_of(pictures, found, framing)
        right = right_answers(bundle.probabilities(crops), faces.labels, faces.votes)
        tried.append(("the frames as they came" if framing is None else asdict(framing), right))
    default = tried[1][1]  # the first of FRAMINGS
    return {
        "model": bundle.name,
        "faces": len(dataset),
        "found": len(rows),
        "framings": [{"framing": framing, "scores": paired(right, default)} for framing, right in tried],
    }


def crops_of(pictures: list[Picture], found: list[Detections], framing: Framing) -> Picture:
    """The face of every picture as this framing lays it into the frame, uint8 (N, 48, 48)."""
    return np.concatenate(
        [
            crop_faces(picture, faces.boxes, faces.landmarks, framing)
            for picture, faces in zip(pictures, found, strict=True)
        ]
    )


def enlarge(face: Picture) -> Picture:
    """A frame uint8 (48, 48) as an RGB picture, eight times as large, with its edge repeated around it."""
    padded = cv2.copyMakeBorder(face, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    large = cv2.resize(padded, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    return np.repeat(large[:, :, None], 3, axis=2)


def in_words(values: dict[str, Any] | str) -> str:
    """What of the default a framing changes."""
    if isinstance(values, str):
        return values
    framing, default = Framing(**values), Framing()
    x, y = framing.shift
    said = [
        (framing.scale != default.scale, f"scale {framing.scale:g}"),
        (tuple(framing.shift) != default.shift, f"shift {x:g}, {y:g}"),
        (framing.upright != default.upright, f"{framing.upright:.0%} of the roll undone"),
        (framing.by_box != default.by_box, f"{framing.by_box:.0%} by the box"),
    ]
    return ", ".join(words for changed, words in said if changed) or "landmarks on the template (scale 1)"


if __name__ == "__main__":
    main()
