"""Who keeps the right number: mien's tracker against others, on rendered scenes whose truth is known.

`python -m benchmarks tracking --photos FOLDER [--trackers PYTHON] [--norfair PYTHON]`. FOLDER holds media.json, whose
`photos` give the faces of each picture in photos/ as `boxes_xywh`. The two others need environments of their own
(`pip install trackers==2.6.1`, and `pip install norfair==2.3.0 'numpy<2'`); without them they are left out.

Faces cut from the photographs move over blurred pictures, in four kinds of scenes: people sit, cross, meet and turn
back, or are hidden for a while. Boxes are 3 % off, 5 % are missed, 2 % of the frames have a false one. Every scene is
seen 30, 10 and 5 times a second. Nobody is told the frames' images but mien, which is also run without them. All keep
an unseen face for 1.5 seconds or as near as they allow (mien: 2).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from mien.images import load_image
from mien.video.tracking.tracker import Tracker, TrackOptions, appearance_of

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]
Update = Callable[[float, Array, Array], Array]

KINDS = ("sit", "cross", "meet", "hidden")
SCENES = 20
SECONDS, RATE = 6, 30
STEPS = (1, 3, 6)
"""Each n-th frame is seen: 30, 10 and 5 a second."""
WIDTH, HEIGHT = 640, 360
SMALLEST = 40
"""Pixels of the smallest faces that are cut out."""


@dataclass(frozen=True)
class Head:
    """A face cut out with what is around it, and its box in the cut, (left, top, width, height)."""

    image: Pixels
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scenes:
    """Frames f of all scenes one after the other; boxes of frame f are rows starts[f] to starts[f + 1]."""

    kinds: Array  # (F,) of each frame's scene
    scenes: Array  # (F,) the scene's number
    times: Array  # (F,)
    starts: Array  # (F + 1,)
    boxes: Array  # (N, 4)
    people: Array  # (N,) who it is, -1 for a false box
    appearances: Array  # (N, D)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="photographs and their boxes")
    parser.add_argument("--trackers", metavar="PYTHON", help="an environment with trackers 2.6.1")
    parser.add_argument("--norfair", metavar="PYTHON", help="an environment with norfair 2.3.0")
    options = parser.parse_args()
    heads, walls = cut_out(options.photos)
    print(f"{len(heads)} faces", flush=True)
    scenes = gather(heads, walls)
    results = {"mien": judge(scenes, ours(scenes, True)), "mien, boxes only": judge(scenes, ours(scenes, False))}
    for python, makers in ((options.trackers, TRACKERS), (options.norfair, NORFAIR)):
        if python:
            results |= {name: judge(scenes, answer) for name, answer in theirs(scenes, python, makers).items()}
        else:
            print("left out: no environment for", makers.split("\n")[1].removeprefix("import ").strip())
    for name, figures in results.items():
        total = figures["all"]
        print(f"{name:24} {total['switches']:4} switches {total['mixed']:4} mixed  IDF1 {total['idf1']:.1%}  "
              f"reported {total['reported']:.1%}")  # fmt: skip
    about = {"faces": len(heads), "scenes": SCENES * len(KINDS), "boxes": len(scenes.boxes)}
    write_results("tracking", {"machine": describe(), **about, "trackers": results})
    write_page(results)


def write_page(results: dict[str, Any]) -> None:
    """The table of docs/video.md: of the settings of one tracker that with the best IDF1."""
    best: dict[str, str] = {}
    for name in sorted(results, key=lambda name: results[name]["all"]["idf1"]):
        best[name if name.startswith("mien") else name.partition(",")[0]] = name
    rows = []
    for name in sorted(best.values(), key=lambda name: -results[name]["all"]["idf1"]):
        total = results[name]["all"]
        rows.append([name, *(str(total[key]) for key in ("switches", "mixed")),
                     *(f"{total[key]:.1%}" for key in ("idf1", "reported"))])  # fmt: skip
    write_table("tracking", ["tracker", "switches", "two people under one number", "IDF1", "faces reported"], rows)


def cut_out(folder: Path) -> tuple[list[Head], list[Pixels]]:
    """The large enough faces that are whole with their surroundings, and pictures to blur for a background."""
    photos = json.loads((folder / "media.json").read_text(encoding="utf-8"))["photos"]
    heads = []
    for name, facts in photos.items():
        image = load_image(folder / "photos" / name)
        for left, top, width, height in facts["boxes_xywh"]:
            x, y = int(0.35 * width), int(0.35 * height)
            right, lower = left + width + x, top + height + int(0.6 * height)
            inside = left >= x and top >= y and right <= image.shape[1] and lower <= image.shape[0]
            if inside and min(width, height) >= SMALLEST:
                heads.append(Head(image[top - y : lower, left - x : right], (x, y, width, height)))
    return heads, [load_image(folder / "photos" / name) for name in list(photos)[:12]]


def gather(heads: list[Head], walls: list[Pixels]) -> Scenes:
    """All scenes as a tracker gets them: boxes and appearances, and who it is."""
    columns: dict[str, list[Any]] = defaultdict(list)
    starts = [0]
    for number in range(SCENES * len(KINDS)):
        kind = KINDS[number % len(KINDS)]
        for seconds, image, boxes, people in render(kind, number, heads, walls):
            columns["kinds"].append(kind)
            columns["scenes"].append(number)
            columns["times"].append(seconds)
            columns["boxes"].append(boxes)
            columns["people"].append(people)
            columns["appearances"].append(appearance_of(image, boxes))
            starts.append(starts[-1] + len(boxes))
    joined = {name: np.concatenate(columns[name]) for name in ("boxes", "people", "appearances")}
    return Scenes(**{name: np.array(columns[name]) for name in ("kinds", "scenes", "times")},
                  starts=np.array(starts), **joined)  # fmt: skip


def render(
    kind: str, seed: int, heads: list[Head], walls: list[Pixels]
) -> Iterator[tuple[float, Pixels, Array, Array]]:
    """A scene: times, pictures, and the boxes that a detector would give, float32 (n, 4), with whose they are."""
    rng = np.random.default_rng(seed)
    count = {"sit": rng.integers(2, 6), "cross": rng.integers(2, 5), "meet": 2, "hidden": rng.integers(1, 4)}[kind]
    cast = [heads[k] for k in rng.choice(len(heads), count, replace=False)]
    times = np.arange(SECONDS * RATE) / RATE
    level = rng.uniform(150, 230)
    paths = [walk(kind, rng, k, times, level) for k in range(count)]
    sides = rng.uniform(40, 105, count)
    order = rng.permutation(count)  # later is in front
    wall = cv2.GaussianBlur(cv2.resize(walls[rng.integers(len(walls))], (WIDTH, HEIGHT)), (0, 0), 6)
    hides = [(rng.integers(count), rng.uniform(1, 4), rng.uniform(0.2, 1.2)) for _ in range(3)]
    for number, seconds in enumerate(times):
        image, boxes, visible = wall.copy(), np.zeros((count, 4)), np.ones(count, np.bool_)
        for k in order:
            side = sides[k] * (1 + 0.05 * np.sin(2 * seconds + k))
            boxes[k] = paste(image, cast[k], paths[k][number], side)
            visible[k] = min(boxes[k, 2], WIDTH) - max(boxes[k, 0], 0) >= 0.5 * (boxes[k, 2] - boxes[k, 0])
        for place, k in enumerate(order):
            visible[k] &= all(covered(boxes[k], boxes[j]) <= 0.45 for j in order[place + 1 :])
        for k, begins, lasts in hides if kind == "hidden" else []:
            if begins <= seconds < begins + lasts:
                visible[k] = False
                left, top, right, lower = boxes[k].astype(int)
                image[max(0, top - 20) : lower + 20, max(0, left - 10) : right + 10] = (40, 60, 50)
        image = np.clip(image * rng.normal(1, 0.03), 0, 255).astype(np.uint8)
        yield seconds, image, *detected(rng, boxes, np.flatnonzero(visible))


def walk(kind: str, rng: np.random.Generator, k: int, times: Array, level: float) -> Array:
    """Where the middle of a face is, (T, 2)."""
    half, way = times[-1] / 2, 1 if k % 2 else -1
    if kind in ("sit", "hidden"):
        x = rng.uniform(80, 560) + rng.uniform(5, 25) * np.sin(2 * np.pi * rng.uniform(0.1, 0.7) * times)
        y = rng.uniform(90, 250) + rng.uniform(2, 12) * np.sin(2 * np.pi * rng.uniform(0.1, 0.8) * times)
    else:
        y = level + rng.uniform(-20, 20) + 7 * np.sin(2 * np.pi * 1.7 * times)
        if kind == "cross":
            x = 320 + way * rng.uniform(70, 200) * (times - half - rng.uniform(-0.4, 0.4))
        else:
            x = 320 + way * (rng.uniform(0, 15) + rng.uniform(60, 150) * np.abs(times - half))
    return np.stack([x, y], axis=1)


def paste(image: Pixels, head: Head, middle: Array, side: float) -> Array:
    """Puts a head into the picture, its face so large and there; returns the face's box."""
    x, y, width, height = head.box
    scale = side / np.sqrt(width * height)
    size = (int(head.image.shape[1] * scale), int(head.image.shape[0] * scale))
    cut = cv2.resize(head.image, size, interpolation=cv2.INTER_AREA)
    half = np.array([width, height]) * scale / 2
    left, top = np.round(middle - half - np.array([x, y]) * scale).astype(int)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size[0], WIDTH), min(top + size[1], HEIGHT)
    if x1 > x0 and y1 > y0:
        image[y0:y1, x0:x1] = cut[y0 - top : y1 - top, x0 - left : x1 - left]
    return np.concatenate([middle - half, middle + half])


def covered(box: Array, other: Array) -> float:
    """The share of a box that another one covers."""
    sides = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None)
    return float(sides.prod() / (box[2:] - box[:2]).prod())


def detected(rng: np.random.Generator, boxes: Array, visible: Array) -> tuple[Array, Array]:
    """The visible faces as a detector gives them, in any order: a little off, some missed, at times one too many."""
    kept = [k for k in visible if rng.random() >= 0.05]
    found = [boxes[k] + rng.normal(0, 0.03 * np.sqrt((boxes[k, 2:] - boxes[k, :2]).prod()), 4) for k in kept]
    if rng.random() < 0.02:
        x, y = rng.uniform(40, 600), rng.uniform(40, 320)
        found.append(np.array([x - 20, y - 25, x + 20, y + 25]))
        kept.append(-1)
    order = rng.permutation(len(found))
    inside = np.clip(np.array(found).reshape(-1, 4), 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(np.float32)
    return inside[order], np.array(kept, np.int64)[order]


def ours(scenes: Scenes, appearances: bool) -> dict[int, Array]:
    """The numbers (N,) that mien gives at each step; -2 for what is not seen."""

    def make() -> Update:
        tracker = Tracker(TrackOptions())
        return lambda seconds, boxes, appearance: tracker.update(seconds, boxes, appearance if appearances else None)

    answers = {}
    for step in STEPS:
        answers[step] = np.full(len(scenes.boxes), -2)
        for scene in np.unique(scenes.scenes):
            update = make()
            for frame in np.flatnonzero(scenes.scenes == scene)[::step]:
                rows = slice(scenes.starts[frame], scenes.starts[frame + 1])
                answers[step][rows] = update(scenes.times[frame], scenes.boxes[rows], scenes.appearances[rows])
    return answers


def theirs(scenes: Scenes, python: str, makers: str) -> dict[str, dict[int, Array]]:
    """The numbers that the trackers of another environment give."""
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder, "given.npz"), Path(folder, "taken.npz")
        np.savez(given, scenes=scenes.scenes, starts=scenes.starts, boxes=scenes.boxes)
        began = time.monotonic()
        subprocess.run([python, "-W", "ignore", "-c", makers + WORK, str(given), str(taken)], check=True)
        print(f"{time.monotonic() - began:.0f} s in {python}", flush=True)
        answers: dict[str, dict[int, Array]] = defaultdict(dict)
        with np.load(taken) as arrays:
            for name in arrays.files:
                tracker, step = name.rsplit("@", 1)
                answers[tracker][int(step)] = arrays[name]
        return dict(answers)


TRACKERS = """
import trackers
import numpy as np
import supervision


def maker(kind, **options):
    def make(rate):
        tracker = kind(frame_rate=rate, lost_track_buffer=45, **options)

        def update(boxes):
            found = supervision.Detections(
                xyxy=boxes, confidence=np.full(len(boxes), 0.9, np.float32), class_id=np.zeros(len(boxes), int)
            )
            answer = tracker.update(found)
            numbers = np.full(len(boxes), -1)
            for box, number in zip(answer.xyxy, answer.tracker_id):
                if len(boxes):
                    away = np.abs(boxes - box).sum(axis=1)
                    if away.min() < 1:
                        numbers[away.argmin()] = number
            return numbers

        return update

    return make


ONE, NEAR = {"minimum_consecutive_frames": 1}, {"minimum_consecutive_frames": 1, "minimum_iou_threshold": 0.05}
MAKERS = {
    f"trackers {kind}{', ' + word if word else ''}": maker(getattr(trackers, f"{kind}Tracker"), **options)
    for kind, kinds in {
        "SORT": (("", {}), ("reported at once", ONE), ("and least IoU 0.05", NEAR)),
        "ByteTrack": (("", {}), ("reported at once", ONE), ("and least IoU 0.05", NEAR)),
        "OCSORT": (("", {}), ("reported at once", ONE), ("and least IoU 0.05", NEAR)),
        "BoTSORT": (("", {}), ("reported at once", ONE)),
        "CBIoU": (("", {}), ("reported at once", ONE)),
    }.items()
    for word, options in kinds
}
"""

NORFAIR = """
import norfair
import numpy as np


def maker(threshold):
    def make(rate):
        tracker = norfair.Tracker(
            distance_function="iou",
            distance_threshold=threshold,
            hit_counter_max=int(1.5 * rate),
            initialization_delay=0,
        )

        def update(boxes):
            found = [norfair.Detection(points=np.asarray(box, float).reshape(2, 2)) for box in boxes]
            numbers = np.full(len(boxes), -1)
            for person in tracker.update(detections=found):
                for row, detection in enumerate(found):
                    if person.last_detection is detection:
                        numbers[row] = person.global_id
            return numbers

        return update

    return make


MAKERS = {f"norfair, IoU distance below {threshold}": maker(threshold) for threshold in (1.0, 0.95)}
"""

WORK = f"""
import sys

given = np.load(sys.argv[1])
scenes, starts, boxes = given["scenes"], given["starts"], given["boxes"]
answers = {{}}
for name, make in MAKERS.items():
    for step in {STEPS}:
        numbers = answers[f"{{name}}@{{step}}"] = np.full(len(boxes), -2)
        for scene in np.unique(scenes):
            update = make({RATE} / step)
            for frame in np.flatnonzero(scenes == scene)[::step]:
                rows = slice(starts[frame], starts[frame + 1])
                numbers[rows] = update(boxes[rows])
np.savez(sys.argv[2], **answers)
"""


def judge(scenes: Scenes, answers: dict[int, Array]) -> dict[str, Any]:
    """Switches, mixed numbers, IDF1 and the share of faces that was reported; of all, and by kind and step."""
    sums: dict[str, dict[str, int]] = {}
    for step, numbers in answers.items():
        for scene in np.unique(scenes.scenes):
            frames = np.flatnonzero(scenes.scenes == scene)[::step]
            rows = np.concatenate([np.arange(scenes.starts[f], scenes.starts[f + 1]) for f in frames])
            counts = count(scenes.people[rows], numbers[rows])
            for key in ("all", f"{scenes.kinds[frames[0]]}, {RATE // step} a second"):
                into = sums.setdefault(key, dict.fromkeys(counts, 0))
                for name, value in counts.items():
                    into[name] += value
    return {key: shares(counts) for key, counts in sums.items()}


def count(people: Array, numbers: Array) -> dict[str, int]:
    """Of one scene, in order of time: what `shares` needs."""
    real, given = people >= 0, numbers >= 0
    switches, last = 0, dict[int, int]()
    for person, number in zip(people[real & given], numbers[real & given], strict=True):
        switches += last.get(person, number) != number
        last[person] = number
    names, given_names = np.unique(people[real & given]), np.unique(numbers[real & given])
    table = np.array([[np.sum((people == a) & (numbers == b)) for b in given_names] for a in names])
    table = table.reshape(len(names), len(given_names))
    right = int(table[linear_sum_assignment(-table)].sum())
    return {
        "switches": int(switches),
        "mixed": int(((table > 0).sum(axis=0) > 1).sum()),
        "right": right,
        "faces": int(real.sum()),
        "given": int(given.sum()),
        "reported": int((real & given).sum()),
    }


def shares(counts: dict[str, int]) -> dict[str, float]:
    return {
        "switches": counts["switches"],
        "mixed": counts["mixed"],
        "idf1": round(2 * counts["right"] / (counts["faces"] + counts["given"]), 4),
        "reported": round(counts["reported"] / counts["faces"], 4),
    }


if __name__ == "__main__":
    main()
