"""How fast everything is: import, process, faces, frames. `python -m benchmarks` runs it.

Every figure is the median of several runs with their minimum and maximum. Machines are shared and noisy: compare
figures of one run with each other, not with those of another day.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe, write_results
from mien import EmotionRecognizer
from mien.bundle import Bundle
from mien.images import load_image
from mien.pipeline_options import DEFAULT_MODEL
from mien.preprocess import FRAME

PHOTOGRAPH = Path(__file__).parents[1] / "examples" / "eileen_collins.jpg"
FRAME_SIZES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}


def main() -> None:
    print("Other work on this machine shows in these figures; let it rest.\n")
    figures = {**process(), **classification(), **frames()}
    print(f"{'':46} {'median':>9} {'least':>9} {'most':>9}")
    for name, figure in figures.items():
        print(f"{name:46} {figure['median']:9.2f} {figure['min']:9.2f} {figure['max']:9.2f} {figure['unit']}")
    write_results("speed", {"machine": describe(), "model": DEFAULT_MODEL, "figures": figures})


def process() -> dict[str, Any]:
    """Start-up: the import, the version, and one photograph from the shell to the answer."""
    timed = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
    imports = {
        "import mien": "import mien",
        "from mien import EmotionRecognizer": "from mien import EmotionRecognizer",
    }
    figures = {
        name: figure(
            [float(subprocess.check_output([sys.executable, "-c", timed.format(line)])) * 1e3 for _ in range(9)], "ms"
        )
        for name, line in imports.items()
    }
    version = [run_process("--version") for _ in range(9)]
    figures["mien --version, whole process"] = figure([seconds for seconds, _ in version], "s")
    predict = [run_process("predict", str(PHOTOGRAPH), "--json", "-") for _ in range(7)]
    figures["mien predict, one photograph, whole process"] = figure([seconds for seconds, _ in predict], "s")
    figures["mien predict, one photograph, peak memory"] = figure([megabytes for _, megabytes in predict], "MB")
    return figures


def run_process(*arguments: str) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of one `mien` process."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "mien", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"mien {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024


def classification() -> dict[str, Any]:
    """The network on ready-made crops, per face."""
    figures = {}
    for threads in (1, 2):
        bundle = Bundle.load(DEFAULT_MODEL, threads=threads)
        for batch in (1, 32):
            crops = np.random.default_rng(0).integers(0, 256, (batch, FRAME, FRAME), np.uint8)
            seconds = measure(lambda bundle=bundle, crops=crops: bundle.probabilities(crops), 400 // batch + 20)
            name = f"classification per face, batch {batch}, {threads} thread{'s'[: threads - 1]}"
            figures[name] = figure([value * 1e3 / batch for value in seconds], "ms")
    return figures


def frames() -> dict[str, Any]:
    """One face in a frame, from the array to the answer."""
    figures = {}
    recognizer = EmotionRecognizer()
    portrait = load_image(PHOTOGRAPH)
    for name, (width, height) in FRAME_SIZES.items():
        frame = np.full((height, width, 3), 127, np.uint8)
        frame[:480, :480] = portrait[:480, :480]
        if len(recognizer.predict(frame)) != 1:
            raise RuntimeError(f"expected one face in the {name} frame")
        detection = measure(lambda frame=frame: recognizer.detector(frame), 25)
        total = measure(lambda frame=frame: recognizer.predict(frame), 25)
        figures[f"detection, {name} frame"] = figure([value * 1e3 for value in detection], "ms")
        figures[f"detection, crop and reading, {name} frame"] = figure([value * 1e3 for value in total], "ms")
    return figures


def measure(function: Callable[[], Any], runs: int) -> list[float]:
    """Seconds of each of several runs, after two that do not count."""
    seconds = []
    for run in range(runs + 2):
        start = time.perf_counter()
        function()
        if run >= 2:
            seconds.append(time.perf_counter() - start)
    return seconds


def figure(values: list[float], unit: str) -> dict[str, Any]:
    """Median and spread of the values of several runs."""
    return {"median": round(median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3),
            "unit": unit, "runs": len(values)}  # fmt: skip


if __name__ == "__main__":
    main()
