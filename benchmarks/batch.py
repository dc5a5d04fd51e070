"""What `mien batch` does in a second on one and on two workers, against one process, and what a million pictures cost.

`python -m benchmarks batch` runs it; it needs the extra `scale`.

The pictures are the two in examples/, cut, mirrored and scaled to a longer side of 640 pixels. One process reads them
with `predict_each` on one thread. `mien batch` reads them with one and with two workers of one thread each, in one Ray
that is started once; all three take turns in several rounds, because machines are shared and noisy, and are compared
within a round. Each turn is timed twice: from its call to its end, with the start of the workers, which does not grow
with the pictures; and, as what a long batch comes to ("steady"), from the parts: each worker's files by the seconds of
its parts. Beside the clock stands the processor time of each image, which other work on the machine disturbs least: the
cost is worked out from it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

import mien
from benchmarks.machine import describe, write_results
from benchmarks.speed import PHOTOGRAPH
from mien import EmotionRecognizer
from mien.batch.cluster import read_parts, workers_ready
from mien.batch.plan import BatchPart, make_parts
from mien.batch.reading import PartReport
from mien.batch.run import BatchProgress, run_batch
from mien.batch.settings import ReaderConfig, ReadSettings
from mien.batch.sources import find_files
from mien.errors import ImageError

PRICE = 0.0425
"""US dollars a core and hour: c5.2xlarge, 0.34 for 8 virtual cores, on demand in us-east-1, as AWS lists it at
docs.amazonaws.cn/en_us/autoscaling/ec2/userguide/weights-spot-price-per-unit-hour-example.html; newer families and
other clouds differ, and what is not needed at once costs less."""

SIDE = 640
LISTED = 100_000
"""Files of the listing that is planned and listed to learn what the driver's bookkeeping costs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=192, help="how many pictures (default: 192)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--price", type=float, default=PRICE, help=f"US dollars a core and hour (default: {PRICE})")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, workers_ready(2, 1, None):
        folder = Path(name)
        size = write_pictures(folder / "pictures", options.pictures)
        rounds = []
        for number in range(options.rounds):
            turns = {"one process": one_process(folder / "pictures")}
            for workers in (1, 2):
                turns[f"batch, {workers} workers"] = batch(folder, folder / f"out-{number}-{workers}", workers)
            rounds.append(turns)
            print(
                f"round {number + 1}",
                {key: [round(value, 3) for value in turn.values()] for key, turn in turns.items()},
                flush=True,
            )
        out = folder / "out-0-1"
        written = sum(file.stat().st_size for file in out.glob("part-*.parquet"))
        driver = bookkeeping(folder / "many") | {"parts_per_second": empty_parts(folder)}
    summary = {name: summarize([turns[name] for turns in rounds]) for name in rounds[0]}
    hours = 1e6 * summary["batch, 2 workers"]["cpu_seconds_per_image"]["median"] / 3600
    base = "one process"
    ratios = {
        name: {
            "steady": median(turns[name]["steady"] / turns[base]["steady"] for turns in rounds),
            "whole": median(turns[name]["whole"] / turns[base]["whole"] for turns in rounds),
        }
        for name in rounds[0]
    }
    write_results(
        "batch",
        {
            "machine": describe(),
            "load": os.getloadavg(),
            "pictures": {
                "number": options.pictures,
                "longer_side": SIDE,
                "bytes": size,
                "parts": len(parts(folder, options.pictures)),
            },
            "images_per_second": summary,
            "against_one_process": ratios,
            "cost": {
                "dollars_per_core_hour": options.price,
                "core_hours_per_million": hours,
                "dollars_per_million": hours * options.price,
            },
            "parquet_bytes_per_picture": written / options.pictures,
            "driver": driver,
            "rounds": rounds,
        },
    )


def write_pictures(folder: Path, count: int) -> float:
    """So many different photographs; returns their mean size in bytes."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    photographs = [
        Image.open(PHOTOGRAPH).convert("RGB"),
        Image.open(PHOTOGRAPH.with_name("contact_sheet.jpg")).convert("RGB"),
    ]
    for number in range(count):
        photograph = photographs[number % 2]
        width, height = photograph.size
        left, upper = rng.uniform(0, 0.1, 2)
        picture = photograph.crop(
            (int(left * width), int(upper * height), int((left + 0.9) * width), int((upper + 0.9) * height))
        )
        if number % 4 >= 2:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        scale = SIDE / max(picture.size)
        picture = picture.resize(
            (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC
        )
        picture.save(folder / f"{number:05}.jpg", quality=88)
    return sum(file.stat().st_size for file in folder.iterdir()) / count


def one_process(folder: Path) -> dict[str, float]:
    """Images per second of `predict_each` on one thread; whole: with making the recognizer."""
    files = sorted(folder.iterdir())
    began = time.perf_counter()
    recognizer = EmotionRecognizer(threads=1)
    ready, spent = time.perf_counter(), time.process_time()
    faces = sum(len(answer) for answer in recognizer.predict_each(files) if not isinstance(answer, ImageError))
    ended, cpu = time.perf_counter(), time.process_time() - spent
    return {
        "steady": len(files) / (ended - ready),
        "whole": len(files) / (ended - began),
        "cpu_seconds_per_image": cpu / len(files),
        "faces": faces,
    }


def batch(folder: Path, out: Path, workers: int) -> dict[str, float]:
    """Images per second of `mien batch`."""
    reports: list[PartReport] = []

    def note(tally: BatchProgress, report: PartReport | None) -> None:
        reports.extend([report] if report else [])

    began = time.perf_counter()
    tally = run_batch([str(folder / "pictures")], str(out), ReadSettings(), workers=workers, progress=note)
    ended = time.perf_counter()
    assert tally.complete, tally.failed
    by_worker: dict[str, list[PartReport]] = defaultdict(list)
    for report in reports:
        by_worker[report.worker].append(report)
    steady = sum(sum(each.files for each in mine) / sum(each.seconds for each in mine) for mine in by_worker.values())
    return {
        "steady": steady,
        "whole": tally.done / (ended - began),
        "cpu_seconds_per_image": sum(report.cpu for report in reports) / tally.done,
        "faces": tally.faces,
    }


def bookkeeping(folder: Path) -> dict[str, float]:
    """Seconds that the driver takes for listing and planning many files on the disk, per million."""
    for number in range(LISTED):
        path = folder / f"{number // 1000:03}" / f"{number:08}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    began = time.perf_counter()
    files = find_files([str(folder)])
    listed = time.perf_counter()
    number = len(make_parts(files, "key"))
    planned = time.perf_counter()
    return {
        "files": len(files),
        "parts": number,
        "list_seconds_per_million": (listed - began) / len(files) * 1e6,
        "plan_seconds_per_million": (planned - listed) / len(files) * 1e6,
    }


def empty_parts(folder: Path, count: int = 400) -> float:
    """Parts per second that Ray and the driver get through with two workers when the parts are there already."""
    names = [f"part-{number}.parquet" for number in range(count)]
    out = folder / "empty"
    out.mkdir()
    for name in names:
        (out / name).touch()
    todo = [BatchPart(name, ("/nothing.jpg",)) for name in names]
    times = [
        time.perf_counter() for _ in read_parts(todo, ReaderConfig.of(ReadSettings()), str(out), 2, 1, mien.__version__)
    ]
    return (count - 1) / (times[-1] - times[0])


def parts(folder: Path, count: int) -> list[Any]:
    return make_parts([str(folder / f"{number}.jpg") for number in range(count)], "key")


def summarize(turns: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        key: {
            "median": median(turn[key] for turn in turns),
            "min": min(turn[key] for turn in turns),
            "max": max(turn[key] for turn in turns),
        }
        for key in ("steady", "whole", "cpu_seconds_per_image")
    }
