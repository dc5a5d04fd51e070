"""Face finders beside each other: what they find, how sure they are, how long they take. All in one run, one thread.

`python -m benchmarks finder --truth CSV --scenes FOLDER --yunet FILE [--finder BUNDLE] [--closeups CSV FOLDER]`. CSV is
in mien's own form (file, kind, box, landmarks); the pictures are not part of the repository. YuNet-n is the file of
libfacedetection.train. CenterFace runs with its graph mended.

Recall is given at the threshold where each finder's precision is that of CenterFace at its own default. Where a picture
is a crowd, all of it is a doubt and only the boxes that are labelled count.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe, write_results
from mien.detection.centerface import CenterFace
from mien.detection.detections import Detections
from mien.detection.mien_face import RELEASED, MienFace
from mien.evaluation.detection import Findings, overlaps, recall_gap
from mien.training.detector.data import FaceScenes, load_scenes
from mien.training.detector.pictures import read
from mien.training.detector.run import judged
from mien.training.detector.teachers import YuNetN

Finder = Callable[[npt.NDArray[np.uint8]], Detections]

SIZE = 640
SIZES = ((0, 16), (16, 32), (32, 96), (96, 10_000))
PRECISIONS = (0.97, 0.95, 0.9, 0.8)
DEFAULTS = {"centerface": 0.4, "yunet-n": 0.6}
"""The thresholds that the others are used with; ours is in its bundle."""

LOW = {"centerface": 0.1, "yunet-n": 0.1, "mien-face": 0.0001}
"""Thresholds low enough to draw the whole curve."""

WITHOUT_PEOPLE = ("neg_", "vqa", "coco")
"""What the names of pictures of animals and things begin with; people among them are labelled."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and write its results."""
    options = _options(arguments)
    cv2.setNumThreads(1)
    truth = load_scenes(options.truth, options.scenes)
    finders = make_finders(options, LOW)
    images = [read(file) for file in truth.files]
    found = {name: [finder(image) for image in images] for name, finder in finders.items()}
    findings = {name: judged(truth, answers) for name, answers in found.items()}
    usual = DEFAULTS | {"mien-face": MienFace(options.finder).metadata.threshold}
    results: dict[str, Any] = {
        "machine": describe() | {"threads": 1},
        "pictures": len(truth),
        "faces": int((~truth.ignored).sum()),
        "finders": compare(truth, findings, found, usual),
        "milliseconds": speed(make_finders(options, usual) | {"mien-face, one look": one_look(options)}),
    }
    if options.cases:
        results["cases"] = cases(make_finders(options, usual), options.cases)
    if options.closeups:
        scenes = load_scenes(*options.closeups)
        results["closeups"] = closeups(make_finders(options, usual), scenes)
    write_results(options.name, results)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--yunet", type=Path, required=True)
    parser.add_argument("--finder", type=Path, default=RELEASED, metavar="BUNDLE")
    parser.add_argument("--closeups", type=Path, nargs=2, metavar=("CSV", "FOLDER"))
    parser.add_argument("--cases", type=Path, metavar="FOLDER", help="pictures closeup*.jpg that one face fills")
    parser.add_argument("--name", default="finder", help="of the results' file")
    return parser.parse_args(arguments)


def make_finders(options: argparse.Namespace, thresholds: dict[str, float]) -> dict[str, Finder]:
    """Return the three finders on one thread each."""
    common: dict[str, Any] = {"size": SIZE, "threads": 1}
    return {
        "centerface": CenterFace(threshold=thresholds["centerface"], **common),
        "yunet-n": YuNetN(options.yunet, threshold=thresholds["yunet-n"], **common),
        "mien-face": MienFace(options.finder, threshold=thresholds["mien-face"], **common),
    }


def one_look(options: argparse.Namespace) -> Finder:
    """Return our own finder without its second look, which a picture without a face costs otherwise."""
    return MienFace(options.finder, size=SIZE, threads=1, second_look="never")


def compare(
    truth: FaceScenes,
    findings: dict[str, Findings],
    found: dict[str, list[Detections]],
    usual: dict[str, float],
) -> dict[str, dict[str, Any]]:
    """Return what is measured of each finder: at its usual threshold, and at CenterFace's precision."""
    reference = findings["centerface"]
    precision = reference.precision(usual["centerface"])
    of_things = np.array([file.name.startswith(WITHOUT_PEOPLE) for file in truth.files])
    results = {}
    for name, own in findings.items():
        matched = own.threshold_for(precision)
        gaps = {"all": recall_gap(reference, own, (usual["centerface"], matched))} | {
            f"{low}-{high}": recall_gap(reference, own, (usual["centerface"], matched), sizes=(low, high))
            for low, high in SIZES
        }
        results[name] = {
            "threshold": usual[name],
            **at(own, usual[name], of_things),
            "average_precision": round(own.average_precision(), 4),
            "at_centerface_precision": {"threshold": round(matched, 4), **at(own, matched, of_things)},
            "recall_less_centerface": {name: [round(value, 4) for value in gap] for name, gap in gaps.items()},
            "recall_at_precision": {
                str(wanted): round(own.recall(own.threshold_for(wanted)), 4) for wanted in PRECISIONS
            },
            "landmark_distance": landmark_distance(truth, found[name], usual[name]),
            "calibration": calibration(own),
        }
    return results


def at(findings: Findings, threshold: float, of_things: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return recall, precision, recall by size with counts, and false faces on animals and things, at a threshold."""
    wrong = (findings.verdicts == 0) & (findings.scores >= threshold)
    by_size = {}
    for low, high in SIZES:
        count = int(((findings.sizes >= low) & (findings.sizes < high)).sum())
        by_size[f"{low}-{high}"] = [round(findings.recall(threshold, low, high), 4), count]
    return {
        "recall": round(findings.recall(threshold), 4),
        "precision": round(findings.precision(threshold), 4),
        "recall_by_size": by_size,
        "false_faces": findings.wrong(threshold),
        "false_faces_on_animals_and_things": int(of_things[findings.pictures[wrong]].sum()),
    }


def landmark_distance(truth: FaceScenes, answers: Sequence[Detections], threshold: float) -> float:
    """Return the median distance of landmarks from the labels', as a share of the distance between the eyes."""
    distances = []
    for k, answer in enumerate(answers):
        part = truth.rows(k)
        faces = np.flatnonzero(~truth.ignored[part] & np.isfinite(truth.landmarks[part]).all(axis=(1, 2)))
        kept = answer.select(answer.scores >= threshold)
        if not len(faces) or not len(kept):
            continue
        shared = overlaps(truth.boxes[part][faces], kept.boxes)
        for row, face in enumerate(faces):
            if shared[row].max() > 0.35:
                wanted = truth.landmarks[part][face]
                error = np.linalg.norm(kept.landmarks[int(shared[row].argmax())] - wanted, axis=1)
                distances.append(error.mean() / max(float(np.linalg.norm(wanted[1] - wanted[0])), 1.0))
    return round(float(np.median(distances)), 4) if distances else float("nan")


def calibration(findings: Findings) -> list[list[float]]:
    """Return, for each tenth of the scores, their mean, the share that is right, and how many there are."""
    counted = findings.verdicts >= 0
    scores, right = findings.scores[counted], findings.verdicts[counted]
    rows = []
    for tenth in range(10):
        chosen = (scores >= tenth / 10) & (scores < (tenth + 1) / 10 + (tenth == 9))
        if chosen.any():
            rows.append(
                [round(float(scores[chosen].mean()), 3), round(float(right[chosen].mean()), 3), int(chosen.sum())]
            )
    return rows


def speed(finders: Mapping[str, Finder], rounds: int = 30, height: int = 480) -> dict[str, dict[str, float]]:
    """Return the median and the least milliseconds of a call on one picture 640 wide, the finders taking turns."""
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (height, SIZE, 3), np.uint8), (0, 0), 4)
    times: dict[str, list[float]] = {name: [] for name in finders}
    for turn in range(rounds + 2):
        for name, finder in finders.items():
            began = time.perf_counter()
            finder(image)
            if turn >= 2:
                times[name].append((time.perf_counter() - began) * 1000)
    return {
        name: {"median": round(float(np.median(row)), 2), "least": round(min(row), 2)} for name, row in times.items()
    }


def closeups(finders: dict[str, Finder], scenes: FaceScenes, seed: int = 0) -> dict[str, Any]:
    """Return how often a face that fills an enlarged picture (650 to 2,000 pixels, margins 0 to 10 %) is found once."""
    rng = np.random.default_rng(seed)
    counts = {name: [0, 0, 0] for name in finders}
    for k, file in enumerate(scenes.files):
        rows = np.flatnonzero(~scenes.ignored[scenes.rows(k)])
        if len(rows) != 1:
            continue
        image = close(read(file), scenes.boxes[scenes.rows(k)][rows[0]], rng)
        for name, finder in finders.items():
            counts[name][min(len(finder(image)), 2)] += 1
    total = sum(next(iter(counts.values())))
    return {"pictures": total} | {
        name: {"never": none, "once": round(once / max(total, 1), 4), "more": more}
        for name, (none, once, more) in counts.items()
    }


def cases(finders: dict[str, Finder], folder: Path) -> dict[str, dict[str, int]]:
    """Return how many faces each finder finds in each picture that one face fills."""
    files = sorted(folder.glob("closeup*.jpg"))
    return {name: {file.stem: len(finder(read(file))) for file in files} for name, finder in finders.items()}


def close(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Cut a face out with a small margin and enlarge it."""
    margin = rng.uniform(0, 0.1) * float((box[2:] - box[:2]).max())
    limits = (image.shape[1], image.shape[0])
    x0, y0 = (int(max(value - margin, 0)) for value in box[:2])
    x1, y1 = (int(min(np.ceil(value + margin), limit)) for value, limit in zip(box[2:], limits, strict=True))
    cut = image[y0:y1, x0:x1]
    scale = float(np.exp(rng.uniform(np.log(650), np.log(2000)))) / max(cut.shape[:2])
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    return cv2.resize(cut, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
