"""mien against `fer` 25.10.3 from PyPI, on the same clips and machine, in the same run.

`python -m benchmarks peers_video --fer PYTHON`, where PYTHON is that of an environment of fer's own. Its requirements
cannot be met together: facenet-pytorch pins torch below 2.3 and NumPy below 2, TensorFlow wants NumPy 2; and `fer.fer`
needs pkg_resources and OpenCV below 5. This one works:

    python -m venv fer-venv
    fer-venv/bin/pip install torch==2.13.0            # a CPU wheel, where one is at hand
    fer-venv/bin/pip install --no-deps fer==25.10.3 facenet-pytorch==2.6.0
    fer-venv/bin/pip install 'opencv-contrib-python<5' tensorflow pandas requests tqdm moviepy ffmpeg-python pillow \\
        matplotlib 'setuptools<81'

fer is fed as its README does: frames from OpenCV to `FER().detect_emotions(frame)`, which looks for faces with Haar
cascades, and clips to `Video(clip).analyze(...)`, without the files that it writes by default. Its other detector,
MTCNN, is not measured. Every process is a new one; the loop is timed after the models are loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from benchmarks.speed import figure
from benchmarks.video import RATE, SEARCHED_AT, SIZES, make_clip

SECONDS = 4
RUNS = 3
CLIPS = (("1280x720", 1), ("1280x720", 4))

MIEN = f"""
import json, sys, time
from mien import EmotionRecognizer
recognizer = EmotionRecognizer(size={SEARCHED_AT})
began, frames, rows = time.perf_counter(), 0, 0
for moment in recognizer.track(sys.argv[1], detect_every=DETECT_EVERY):
    frames, rows = frames + 1, rows + len(moment.faces)
print(json.dumps([frames, rows, time.perf_counter() - began]))
"""

FRAMES = """
import json, sys, time
import cv2
from fer.fer import FER
detector, clip = FER(), cv2.VideoCapture(sys.argv[1])
began, frames, rows = time.perf_counter(), 0, 0
while True:
    there, frame = clip.read()
    if not there:
        break
    frames, rows = frames + 1, rows + len(detector.detect_emotions(frame))
print(json.dumps([frames, rows, time.perf_counter() - began]))
"""

ANALYZE = """
import json, sys, time
from fer.fer import FER
from fer.classes import Video
detector = FER()
began = time.perf_counter()
found = Video(sys.argv[1]).analyze(
    detector, display=False, output="csv", save_frames=False, save_video=False, annotate_frames=False, zip_images=False
)
rows = sum(sum(key.startswith("box") for key in frame) for frame in found)
print(json.dumps([len(found), rows, time.perf_counter() - began]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fer", required=True, metavar="PYTHON", help="the Python of an environment with fer 25.10.3")
    options = parser.parse_args()
    programs = {
        "mien": (sys.executable, MIEN.replace("DETECT_EVERY", "None")),
        "mien, searching every frame": (sys.executable, MIEN.replace("DETECT_EVERY", "1")),
        "fer, frame by frame": (options.fer, FRAMES),
        "fer, Video.analyze": (options.fer, ANALYZE),
    }
    clips: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size, crowd in CLIPS:
            name = f"{size}, {crowd} face{'s' if crowd > 1 else ''}"
            clip = make_clip(Path(folder) / f"{size}-{crowd}.mp4", SIZES[size], crowd, SECONDS)
            runs: dict[str, list[dict[str, float]]] = {program: [] for program in programs}
            for _ in range(RUNS):  # in turn, so that what else the machine does meets all of them
                for program, (python, code) in programs.items():
                    runs[program].append(run(python, code, clip, Path(folder)))
            clips[name] = {"rows expected": RATE * SECONDS * crowd}
            for program, answers in runs.items():
                clips[name][program] = result = summary(answers)
                print(f"{name}: {program}: {result['rate']['median']} frames/s, {result['rows']} rows, "
                      f"{result['memory']['median']} MB", flush=True)  # fmt: skip
    write_results("peers_video", {"machine": describe(), "fer": versions(options.fer), "clips": clips})
    write_page(clips)


def write_page(clips: dict[str, Any]) -> None:
    """The table of docs/video.md: medians."""
    rows = [
        [
            name,
            program,
            f"{result['rate']['median']:.1f}",
            f"{result['rows']} of {clip['rows expected']}",
            f"{result['process']['median']:.1f} s",
            f"{result['memory']['median']:.0f} MB",
        ]
        for name, clip in clips.items()
        for program, result in clip.items()
        if program != "rows expected"
    ]
    write_table("peers_video", ["clip", "program", "frames a second", "rows", "whole process", "peak memory"], rows)


def run(python: str, code: str, clip: Path, folder: Path) -> dict[str, float]:
    """Frames a second of the loop, rows, seconds of the whole process, and its peak resident megabytes."""
    said, errors = folder / "said", folder / "errors"
    began = time.perf_counter()
    with said.open("w") as out, errors.open("w") as err:
        child = subprocess.Popen([python, "-c", code, str(clip)], stdout=out, stderr=err, cwd=folder)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{python} failed:\n{errors.read_text(errors='replace')[-2000:]}")
    frames, rows, seconds = json.loads(said.read_text(errors="replace").splitlines()[-1])
    return {
        "rate": frames / seconds,
        "rows": rows,
        "process": time.perf_counter() - began,
        "memory": usage.ru_maxrss / 1024,
    }


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    units = {"rate": "frames/s", "process": "s", "memory": "MB"}
    return {"rows": runs[0]["rows"], **{key: figure([run[key] for run in runs], unit) for key, unit in units.items()}}


def versions(python: str) -> dict[str, str]:
    """The versions of fer and of what its speed depends on."""
    names = ["fer", "tensorflow", "opencv-contrib-python", "numpy"]
    code = f"import importlib.metadata as m, json; print(json.dumps({{name: m.version(name) for name in {names}}}))"
    found: dict[str, str] = json.loads(subprocess.check_output([python, "-c", code]))
    return found


if __name__ == "__main__":
    main()
