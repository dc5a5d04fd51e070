"""How fast video is read, step by step, and how much memory ten minutes of it take. `python -m benchmarks.video`.

The clips are made here: one, four or sixteen moving copies of the portrait in examples/ before a gray wall, 30 frames a
second. `--memory` adds the ten minutes. Results: benchmarks/results/video.json and video_memory.json. Other work on the
machine shows in every figure: compare those of one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from benchmarks.speed import PHOTOGRAPH, figure
from mien import EmotionRecognizer, Moment
from mien.drawing import VideoAnnotator
from mien.images import load_image
from mien.live.show import LiveOptions, show_live
from mien.video.analysis import analyze
from mien.video.io.opening import open_source
from mien.video.io.prefetch import Prefetcher
from mien.video.io.writer import VideoWriter
from mien.video.options import Sampling

Pixels = npt.NDArray[np.uint8]

SIZES = {"640x480": (640, 480), "1280x720": (1280, 720)}
CROWDS = (1, 4, 16)
RATE = 30
SECONDS = 6
RUNS = 3
SEARCHED_AT = 640
"""The longer side at which faces are searched, the default of `mien video` and `mien live`."""

MEMORY_MINUTES, MEMORY_RATE = 10, 10
"""How long the video is whose memory is measured, and how many of its frames are looked at a second."""
MEMORY_CEILING = 700
"""Megabytes that ten minutes of 720p may take at most; docs/video.md promises it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true", help="only ten minutes of 720p, and their memory over time")
    options = parser.parse_args()
    if options.memory:
        write_results("video_memory", {"machine": describe(), **memory()})
        return
    results = speed()
    write_results("video", {"machine": describe(), **results})
    write_page(results["clips"])


def speed(runs: int = RUNS, seconds: int = SECONDS) -> dict[str, Any]:
    """Frames a second and milliseconds of every step, for each size and number of faces."""
    recognizer = EmotionRecognizer(size=SEARCHED_AT)
    clips: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for (name, size), crowd in product(SIZES.items(), CROWDS):
            clip = make_clip(Path(folder) / f"{name}-{crowd}.mp4", size, crowd, seconds)
            watched = [read_clip(recognizer, clip) for _ in range(runs)]
            annotated = [read_clip(recognizer, clip, Path(folder) / "seen.mp4") for _ in range(runs)]
            shown = [show_clip(recognizer, clip) for _ in range(runs)]
            decoded = [decode_clip(clip) for _ in range(runs)]
            clips[f"{name}, {crowd} face{'s' if crowd > 1 else ''}"] = values = {
                "read": figure([each["rate"] for each in watched], "frames/s"),
                "read and annotated": figure([each["rate"] for each in annotated], "frames/s"),
                "rows": watched[0]["rows"],
                "rows expected": RATE * seconds * crowd,
                "live": figure([each["rate"] for each in shown], "frames/s"),
                "live dropped": figure([each["dropped"] for each in shown], "%"),
                "live latency": figure([each["latency"] for each in shown], "ms"),
                "steps": {
                    "decode": figure(decoded, "ms/frame"),
                    **{
                        step: figure([each["steps"][step] for each in annotated], unit)
                        for step, unit in (
                            ("detect", "ms/search"), ("track", "ms/search"), ("flow", "ms/frame"),
                            ("classify", "ms/frame"), ("draw", "ms/frame"), ("encode", "ms/frame"),
                        )
                    },
                },
            }  # fmt: skip
            print(f"{name}, {crowd} faces: " + ", ".join(
                f"{key} {values[key]['median']:.1f} {values[key]['unit']}" for key in ("read", "live", "live latency")
            ), flush=True)  # fmt: skip
    return {"clip seconds": seconds, "searched at": SEARCHED_AT, "clips": clips}


STEPS = ("decode", "detect", "flow", "classify", "draw", "encode")


def write_page(clips: dict[str, Any]) -> None:
    """The table of docs/video.md: medians."""

    def cell(value: dict[str, Any]) -> str:
        return f"{value['median']:.1f}"

    heading = ["clip", "plain", "annotated", "live", "late", "age", *STEPS]
    rows = [
        [
            name,
            *(f"{clip[key]['median']:.0f}" for key in ("read", "read and annotated", "live")),
            f"{clip['live dropped']['median']:.0f} %",
            f"{clip['live latency']['median']:.0f} ms",
            *(cell(clip["steps"][step]) for step in STEPS),
        ]
        for name, clip in clips.items()
    ]
    write_table("video", heading, rows)


def make_clip(path: Path, size: tuple[int, int], crowd: int, seconds: float, leaving: bool = False) -> Path:
    """A video of so many faces, each wandering in its own cell; with `leaving` the last one goes out of the picture."""
    import av

    width, height = size
    columns = int(np.ceil(np.sqrt(crowd)))
    cell = (width / columns, height / columns)
    side = int(0.75 * min(cell))
    faces = [cv2.resize(_portrait(k), (side, side), interpolation=cv2.INTER_AREA) for k in range(crowd)]
    noise = np.random.default_rng(0).integers(112, 144, (height, width, 1), np.uint8)
    wall = cv2.GaussianBlur(np.repeat(noise, 3, axis=2), (0, 0), 2)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "g": str(RATE)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for number in range(round(RATE * seconds)):
            picture = wall.copy()
            for k, face in enumerate(faces):
                angle = 2 * np.pi * (number / RATE / 5 + k / crowd)
                away = 1.5 * width * max(0.0, np.sin(angle)) if leaving and k == crowd - 1 else 0.0
                left = (k % columns + 0.5) * cell[0] - side / 2 + 0.11 * cell[0] * np.sin(angle) + away
                upper = (k // columns + 0.5) * cell[1] - side / 2 + 0.1 * cell[1] * np.cos(1.3 * angle)
                _paste(picture, face, round(left), round(upper))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_clip(recognizer: EmotionRecognizer, clip: Path, annotated: Path | None = None) -> dict[str, Any]:
    """All frames, as fast as they go, as `mien video` does: frames a second, rows, mean milliseconds of every step."""
    costs, pen, frames, rows = defaultdict[str, list[float]](list), VideoAnnotator(), 0, 0
    began = time.perf_counter()
    writer = VideoWriter(annotated, rate=RATE) if annotated else None
    with analyze(recognizer, str(clip)) as analysis:
        for moment in Prefetcher((moment for moment in analysis), depth=2):
            frames, rows = frames + 1, rows + len(moment.faces)
            for step, value in moment.stages.items():
                costs[step].append(value)
            if writer is not None:
                start = time.perf_counter()
                picture = pen.draw(moment.time, moment.image, moment.faces)
                drawn = time.perf_counter()
                writer.write(moment.time, picture)
                costs["draw"].append(drawn - start)
                costs["encode"].append(time.perf_counter() - drawn)
    if writer is not None:
        writer.__exit__(None, None, None)
    seconds = time.perf_counter() - began
    return {"rate": frames / seconds, "rows": rows, "steps": {step: 1e3 * np.mean(all) for step, all in costs.items()}}


def decode_clip(clip: Path) -> float:
    """Milliseconds a frame of decoding alone."""
    began = time.perf_counter()
    frames = sum(1 for _ in open_source(str(clip)).frames(Sampling()))
    return 1e3 * (time.perf_counter() - began) / frames


class Blind:
    """A screen that nobody sees: pictures are made ready for the window and no further."""

    closed = False

    def __init__(self) -> None:
        self.moment: Moment | None = None
        self.ages: list[float] = []

    def show(self, image: Pixels) -> None:
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if self.moment is not None:
            self.ages.append(time.perf_counter() - self.moment.arrived)
            self.moment = None

    def see(self, moment: Moment) -> None:
        self.moment = moment

    def key(self) -> str:
        return ""

    def close(self) -> None:
        pass


def show_clip(recognizer: EmotionRecognizer, clip: Path) -> dict[str, float]:
    """The clip at its own speed, as `mien live` shows it: pictures a second, share dropped, and their median age."""
    screen = Blind()
    tally = show_live(recognizer, str(clip), LiveOptions(), screen=screen, on_moment=screen.see)
    return {
        "rate": tally.rate,
        "dropped": 100 * tally.dropped / max(1, tally.dropped + tally.shown),
        "latency": 1e3 * median(screen.ages),
    }


def memory() -> dict[str, Any]:
    """Resident megabytes of `mien video` over ten minutes of 720p with four faces, one of them coming and going."""
    import psutil

    with tempfile.TemporaryDirectory() as folder:
        minute = make_clip(Path(folder) / "minute.mp4", SIZES["1280x720"], 4, 60, leaving=True)
        clip = repeat(minute, Path(folder) / "long.mp4", MEMORY_MINUTES)
        outputs = [
            "--fps",
            str(MEMORY_RATE),
            "--out",
            f"{folder}/rows.csv",
            "--annotate",
            f"{folder}/seen.mp4",
            "--timeline",
            f"{folder}/t.html",
        ]
        began, samples = time.monotonic(), []
        child = subprocess.Popen([sys.executable, "-m", "mien", "video", str(clip), *outputs])
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                samples.append((round(time.monotonic() - began, 1), round(watched.memory_info().rss / 2**20, 1)))
            except psutil.NoSuchProcess:
                break
            time.sleep(2)
        if child.wait() != 0:
            raise RuntimeError("mien video failed")
        rows = len(Path(folder, "rows.csv").read_text(encoding="utf-8").splitlines()) - 1
    seconds, megabytes = zip(*samples, strict=True)
    every = max(1, len(samples) // 60)
    steady = [value for at, value in samples if at > seconds[-1] / 10]
    result = {
        "minutes": MEMORY_MINUTES,
        "frames decoded": MEMORY_MINUTES * 60 * RATE,
        "frames read": MEMORY_MINUTES * 60 * MEMORY_RATE,
        "rows": rows,
        "wall seconds": seconds[-1],
        "ceiling": MEMORY_CEILING,
        "most": max(megabytes),
        "second tenth": round(median(steady[: len(steady) // 9]), 1),
        "last tenth": round(median(steady[-(len(steady) // 9) :]), 1),
        "samples": samples[::every],
        "unit": "MB",
    }
    print(f"most {result['most']} MB of {MEMORY_CEILING}; from {result['second tenth']} to {result['last tenth']} MB")
    if result["most"] > MEMORY_CEILING:
        raise RuntimeError(f"expected at most {MEMORY_CEILING} MB, got {result['most']}")
    return result


def repeat(clip: Path, path: Path, times: int) -> Path:
    """The clip so many times over in one file, without encoding it again."""
    import av

    with av.open(str(clip)) as first:
        length = int(first.streams.video[0].duration or 0)
    with av.open(str(path), "w") as output:
        stream: Any = None
        for turn in range(times):
            with av.open(str(clip)) as source:
                stream = stream or output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + turn * length, packet.dts + turn * length
                    packet.stream = stream
                    output.mux(packet)
    return path


def _portrait(k: int) -> Pixels:
    """The head of the portrait in examples/, every second time as in a mirror, and in several lights."""
    head = load_image(PHOTOGRAPH)[20:300, 90:370]
    head = head[:, ::-1] if k % 2 else head
    return np.asarray((head * (1.0, 0.8, 0.65, 0.9)[k // 2 % 4]).astype(np.uint8))


def _paste(picture: Pixels, face: Pixels, left: int, upper: int) -> None:
    """The part of the face that is inside the picture."""
    side = len(face)
    x, y = max(left, 0), max(upper, 0)
    right, lower = min(left + side, picture.shape[1]), min(upper + side, picture.shape[0])
    if right > x and lower > y:
        picture[y:lower, x:right] = face[y - upper : lower - upper, x - left : right - left]


if __name__ == "__main__":
    main()
