"""How a face should lie in the crop: what each framing costs in accuracy, measured on faces whose truth is known.

    python -m benchmarks.crop_geometry --data fer2013.csv --votes fer2013new.csv

FER2013's own frames are the reference. Each is enlarged eightfold into a "photograph" with a margin, CenterFace finds
its face and landmarks there, and the face is cropped again with every framing. A framing is as good as the accuracy
that the bundle keeps on these crops, beside the accuracy on the frames as they came. Writes
`results/crop_geometry.json`; the choice is written down in docs/face-crop.md.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from benchmarks.machine import describe, write_results
from mien import metrics
from mien.bundle import Bundle
from mien.datasets import FaceDataset, load_fer2013, plurality
from mien.detect import CenterFace
from mien.preprocess import FRAME, Framing, crop_faces

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--votes", type=Path, required=True)
    parser.add_argument("--model", default="mien")
    parser.add_argument("--faces", type=int, default=1000)
    options = parser.parse_args()
    dataset = load_fer2013(options.data, options.votes).split("PublicTest")
    dataset = dataset.take(np.random.default_rng(0).permutation(len(dataset))[: options.faces])
    results = measure(dataset, Bundle.load(options.model))
    write_results("crop_geometry", {"machine": describe(), **results})
    for row in results["framings"]:
        print(f"{row['fer2013']:.3f} {row['ferplus']:.3f}  {row['framing']}")


def measure(dataset: FaceDataset, bundle: Bundle) -> dict[str, Any]:
    """Accuracy of every framing on the faces that are found, and where the landmarks lie in FER2013's frames."""
    detector = CenterFace(size=(FRAME + 2 * MARGIN) * ENLARGED)
    pictures, boxes, landmarks, rows = [], [], [], []
    for row, face in enumerate(tqdm(dataset.faces, desc="detecting")):
        picture = enlarge(face)
        found = detector(picture)
        if len(found):
            best = int(found.scores.argmax())
            pictures.append(picture)
            boxes.append(found.boxes[best])
            landmarks.append(found.landmarks[best])
            rows.append(row)
    found_faces = dataset.take(np.array(rows))
    in_frame = np.stack(landmarks) / ENLARGED - MARGIN
    scores = [{"framing": "the frames as they came", **accuracies(bundle, found_faces, found_faces.faces)}]
    for framing in tqdm(FRAMINGS, desc="framings"):
        crops = np.concatenate(
            [
                crop_faces(picture, box[None], points[None], framing)
                for picture, box, points in zip(pictures, boxes, landmarks, strict=True)
            ]
        )
        scores.append({"framing": asdict(framing), **accuracies(bundle, found_faces, crops)})
    return {
        "model": bundle.name,
        "faces": len(dataset),
        "found": len(rows),
        "landmarks_mean": in_frame.mean(axis=0).round(2).tolist(),
        "landmarks_spread": in_frame.std(axis=0).round(2).tolist(),
        "framings": scores,
    }


def enlarge(face: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A frame uint8 (48, 48) as an RGB picture, eight times as large, with its edge repeated around it."""
    padded = cv2.copyMakeBorder(face, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    large = cv2.resize(padded, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    return np.repeat(large[:, :, None], 3, axis=2)


def accuracies(bundle: Bundle, dataset: FaceDataset, crops: np.ndarray[Any, np.dtype[np.uint8]]) -> dict[str, float]:
    """Accuracy of both heads on crops of the data set's faces."""
    assert dataset.votes is not None
    probabilities = bundle.probabilities(crops)
    voted, labels = plurality(dataset.votes)
    return {
        "fer2013": round(metrics.accuracy(probabilities["fer2013"], dataset.labels), 4),
        "ferplus": round(metrics.accuracy(probabilities["ferplus"][voted], labels), 4),
    }


if __name__ == "__main__":
    main()
