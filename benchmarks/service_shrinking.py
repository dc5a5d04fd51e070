"""What shrinking while decoding does to faces: large pictures read as the service reads them, and in full.

`python -m benchmarks service_shrinking --scenes FOLDER/scenes.tar` puts real photographs side by side, each in its own
pixels, to pictures of 35 megapixels, so that faces are as small and as sharp as in a large photograph of a crowd. Both
ways find faces in the same JPEG; faces are the same where their boxes overlap by half (IoU).
"""

from __future__ import annotations

import argparse
import io
import tarfile
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.machine import describe, write_results
from mien import EmotionRecognizer
from mien.pipeline import FaceCrops
from mien.serve.picture_worker import find_in_large

SIZE = (7168, 4900)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", required=True, help="scenes.tar: photographs of people")
    parser.add_argument("--pictures", type=int, default=12, help="pictures of 35 megapixels (default: 12)")
    options = parser.parse_args()
    recognizer = EmotionRecognizer()
    figures = []
    for number, content in enumerate(mosaics(options.scenes, options.pictures)):
        figures.append(compare(recognizer, content))
        print(f"{number + 1}: {figures[-1]}", flush=True)
    keys = ("faces_full", "faces_shrunk", "same", "same_emotion")
    totals = {key: sum(each[key] for each in figures) for key in keys}
    totals["difference"] = round(median(each["difference"] for each in figures if each["same"]), 4)
    print(totals)
    write_results("service_shrinking", {"machine": describe(), "size": SIZE, "totals": totals, "pictures": figures})


def compare(recognizer: EmotionRecognizer, content: bytes) -> dict[str, Any]:
    """Faces found in full and shrunk, those found by both, and how much their probabilities differ on average."""
    shrunk = find_in_large(content, recognizer, 0, 40_000_000)
    full = recognizer.detect_and_crop(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), "")
    pairs = pairs_of(full, shrunk)
    a, b = (recognizer.classify_batch([found])[0].probabilities for found in (full, shrunk))
    rows = [list(side) for side in zip(*pairs, strict=True)] if pairs else [[], []]
    first, second = a[rows[0]], b[rows[1]]
    return {
        "faces_full": len(full.detections),
        "faces_shrunk": len(shrunk.detections),
        "same": len(pairs),
        "same_emotion": int((first.argmax(axis=1) == second.argmax(axis=1)).sum()) if pairs else 0,
        "difference": round(float(np.abs(first - second).sum(axis=1).mean() / 2), 4) if pairs else 0.0,
    }


def pairs_of(full: FaceCrops, shrunk: FaceCrops) -> list[tuple[int, int]]:
    """Rows of the same faces, by the overlap of their boxes."""
    a, b = full.detections.boxes[:, None], shrunk.detections.boxes[None]
    sides = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None)
    shared = sides.prod(axis=-1)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (a, b)]
    overlap = shared / (areas[0] + areas[1] - shared)
    return [(row, int(overlap[row].argmax())) for row in range(len(overlap)) if overlap[row].max(initial=0.0) >= 0.5]


def mosaics(path: str, count: int) -> Any:
    """JPEGs of SIZE, filled with photographs row by row."""
    with tarfile.open(path) as archive:
        members = (each for each in archive if each.name.lower().endswith((".jpg", ".jpeg", ".png", ".webp")))
        for _ in range(count):
            whole, top = Image.new("RGB", SIZE, (128, 128, 128)), 0
            while top < SIZE[1]:
                left, height = 0, 0
                while left < SIZE[0]:
                    file = archive.extractfile(next(members))
                    assert file is not None
                    photograph = Image.open(io.BytesIO(file.read())).convert("RGB")
                    whole.paste(photograph, (left, top))
                    left, height = left + photograph.width, max(height, photograph.height)
                top += height
            content = io.BytesIO()
            whole.save(content, "JPEG", quality=90)
            yield content.getvalue()


if __name__ == "__main__":
    main()
