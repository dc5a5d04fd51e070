"""mien in headless Chromium beside Python, and beside human and face-api from npm, in one run.

    cd web && npm install --no-save && npm run build
    npm install --prefix PEERS @vladmandic/human@3.3.6 @vladmandic/face-api@1.7.15 @tensorflow/tfjs-backend-wasm@4.22.0
    python -m benchmarks browser --data fer2013.csv --photos FOLDER --peers PEERS [--minutes 10]

Labels and probabilities of PublicTest's faces, by both models and both label sets; faces, boxes and emotions of the
photographs; a 1280 x 720 camera, one WebAssembly thread; download, first answer, requests after loading and memory.
The peers get PublicTest's faces straight into their networks, as their own code does, and a whole picture for time;
they run on TensorFlow.js's WebAssembly. Writes `results/browser.json`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.browser.serving import Site, serving, write_camera
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.speed import figure
from mien import EmotionRecognizer
from mien.bundle import Bundle
from mien.datasets import load_fer2013
from mien.labels import FER2013

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "examples" / "eileen_collins.jpg"
MODELS = ("mien-nano", "mien")
PEERS = {"human": ("@vladmandic/human", "human"), "face-api": ("@vladmandic/face-api", "faceApi")}


def main() -> None:
    """Measure what is asked for, and write the results."""
    words = parser(__doc__, votes=False)
    words.add_argument("--photos", type=Path, required=True, help="folder of photographs")
    words.add_argument("--peers", type=Path, help="folder into which npm has installed the peers")
    words.add_argument("--chromium", default="/usr/bin/chromium")
    words.add_argument("--minutes", type=float, default=10, help="how long memory is watched")
    words.add_argument("--faces", type=int, default=3589, help="of PublicTest, the first ones")
    words.add_argument("--size", type=int, default=320, help="detection size for the camera")
    options = words.parse_args()
    dataset = load_fer2013(options.data)
    rows = np.flatnonzero(dataset.splits == "PublicTest")[: options.faces]
    faces, truth = dataset.faces[rows], dataset.labels[rows]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "faces.bin").write_bytes(faces.tobytes())
        frames = write_camera(folder / "camera.y4m", PORTRAIT)
        folders = {"web": ROOT / "web/dist", "page": Path(__file__).parent, "run": folder, "photos": options.photos}
        folders |= {"examples": PORTRAIT.parent}
        if options.peers:
            folders["peers"] = options.peers / "node_modules"
        with serving(folders) as site:
            bench = Bench(site, options.chromium, folder / "camera.y4m")
            results: dict[str, Any] = {"machine": describe()}
            if options.peers:
                results["peers"] = {peer: of_peer(bench, peer, truth) for peer in PEERS}
            results["public_test"] = {model: agreement(bench, model, faces, truth) for model in MODELS}
            results["photographs"] = {model: photographs(bench, model, options.photos) for model in MODELS}
            results["start"] = start(bench)
            results["camera"] = {model: camera(bench, model, frames, options.size) for model in MODELS}
            results["one_picture"] = one_picture(bench)
            results["memory"] = memory(bench, options.minutes)
    write_results("browser", results)


class Bench:
    """Chromium with a made-up camera, one fresh browser for each measurement."""

    def __init__(self, site: Site, executable: str, camera: Path) -> None:
        self.site, self.executable, self.camera = site, executable, camera

    @contextmanager
    def page(self) -> Any:
        """The page, and the requests that it makes."""
        from playwright.sync_api import sync_playwright

        arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        arguments.append(f"--use-file-for-fake-video-capture={self.camera}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=self.executable, args=arguments)
            page = browser.new_page()
            page.set_default_timeout(0)
            page.goto(f"{self.site.address}page/page.html")
            page.wait_for_function("window.measure")
            self.site.asked.clear()
            yield page
            browser.close()

    def run(self, function: str, *arguments: Any) -> Any:
        """What a function of measure.js returns in a fresh browser."""
        print(f"{function} {' '.join(str(each)[:40] for each in arguments)}", flush=True)
        with self.page() as page:
            return page.evaluate(f"(values) => measure.{function}(...values)", list(arguments))


def agreement(bench: Bench, model: str, faces: Any, truth: Any) -> dict[str, Any]:
    """The share of the same labels, and the differences of probabilities, by label set."""
    bundle = Bundle.load(model, threads=1)
    result: dict[str, Any] = {}
    for labels, wanted in bundle.probabilities(faces).items():
        found = np.array(bench.run("crops", model, labels, "/run/faces.bin"))
        apart = np.abs(found - wanted).max(axis=1)
        result[labels] = {
            "faces": len(faces),
            "same_label": float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
            "difference": {"max": float(apart.max()), "p999": float(np.quantile(apart, 0.999))},
            "share_within_002": float((apart <= 0.002).mean()),
        }
        if labels == FER2013.name:
            result[labels]["accuracy"] = {
                "browser": float((found.argmax(axis=1) == truth).mean()),
                "python": float((wanted.argmax(axis=1) == truth).mean()),
            }
    return result


def photographs(bench: Bench, model: str, folder: Path) -> dict[str, Any]:
    """How far faces, boxes and probabilities of whole photographs are from Python's."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    found = bench.run("photographs", model, [f"/photos/{name}" for name in names])
    recognizer = EmotionRecognizer(model, detector="mien-face", threads=1)
    count, same, shifts, apart, labels = 0, 0, [], [], []
    for name, faces in zip(names, found, strict=True):
        wanted = recognizer.predict(folder / name)
        count += len(wanted)
        same += len(faces) == len(wanted)
        if len(faces) != len(wanted) or not len(faces):
            continue
        boxes = np.array([face["box"] for face in faces])
        values = np.array([face["probabilities"] for face in faces])
        nearest = [int(np.abs(boxes - box).sum(axis=1).argmin()) for box in wanted.boxes]
        shifts += np.abs(boxes[nearest] - wanted.boxes).max(axis=1).tolist()
        apart += np.abs(values[nearest] - wanted.probabilities).max(axis=1).tolist()
        labels += (values[nearest].argmax(axis=1) == wanted.probabilities.argmax(axis=1)).tolist()
    return {
        "photographs": len(names),
        "faces": count,
        "same_number_of_faces": same / len(names),
        "box_shift_pixels": {"max": max(shifts), "p99": float(np.quantile(shifts, 0.99))},
        "boxes_within_half_a_pixel": float(np.mean(np.array(shifts) <= 0.5)),
        "same_label": float(np.mean(labels)),
        "probability_difference": {"max": max(apart), "p99": float(np.quantile(apart, 0.99))},
    }


def start(bench: Bench, runs: int = 7) -> dict[str, Any]:
    """Milliseconds to the first answer in a fresh browser, and what is fetched for it."""
    found = [bench.run("first", "/examples/eileen_collins.jpg") for _ in range(runs)]
    sizes = bench.site.packed([path for path in bench.site.asked if path.startswith("/web/")])
    return {
        "first_answer": figure([each["answer"] for each in found], "ms after load() is called"),
        "load": figure([each["load"] for each in found], "ms"),
        "download_bytes_gzipped": {**sizes, "all": sum(sizes.values())},
    }


def camera(bench: Bench, model: str, frames: Any, size: int, runs: int = 3) -> dict[str, Any]:
    """A 720p camera in the browser; and the same frames in Python, one after another, on one thread.

    Frames a second depend on what else the machine does; the processor time of the worker's thread does so much less.
    """
    found, processor = [], []
    for _ in range(runs):
        print(f"camera {model}", flush=True)
        with bench.page() as page:
            begin = "(values) => { measure.camera(...values).then((found) => (window.found = found)); }"
            page.evaluate(begin, [10, model, {"size": size}])
            page.wait_for_function("window.began")
            before, frames_before = _worker_seconds(), page.evaluate("moments.length")
            page.wait_for_timeout(8000)
            after, frames_after = _worker_seconds(), page.evaluate("moments.length")
            processor.append(1e3 * (after - before) / (frames_after - frames_before))
            page.wait_for_function("window.found")
            found.append(page.evaluate("found"))
    recognizer = EmotionRecognizer(model, detector="mien-face", size=size, threads=1)
    times = []
    for frame in frames:
        began = time.perf_counter()
        recognizer.predict(frame)
        times.append(1e3 * (time.perf_counter() - began))
    return {
        "frames_per_second": figure([each["frames_per_second"] for each in found], "1/s"),
        "worker": figure([each["worker_milliseconds"] for each in found], "ms a frame"),
        "worker_processor_time": figure(processor, "ms a frame, of the worker's thread"),
        "python": {"median": round(median(times), 2), "min": round(min(times), 2), "unit": "ms a frame"},
        "detection_size": size,
        "last_run": found[-1],
    }


def one_picture(bench: Bench, runs: int = 30) -> dict[str, Any]:
    """A picture of 512 x 512 with one face, by both models."""
    found = {model: bench.run("ours", model, "/examples/eileen_collins.jpg", runs) for model in MODELS}
    return {model: figure(each["times"], "ms") for model, each in found.items()}


def memory(bench: Bench, minutes: float) -> dict[str, Any]:
    """Resident memory of the page's process while a camera is watched, and the requests that are made meanwhile."""
    print(f"memory, {minutes:g} minutes", flush=True)
    with bench.page() as page:
        page.evaluate("measure.watchOn('mien-nano')")
        page.wait_for_timeout(15_000)
        bench.site.asked.clear()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        seen, samples = page.evaluate("seen"), []
        for _ in range(max(2, round(6 * minutes))):
            page.wait_for_timeout(10_000)
            samples.append(round(_renderer_bytes() / 2**20, 1))
        frames = page.evaluate("seen") - seen
    half = len(samples) // 2
    return {
        "minutes": minutes,
        "frames": frames,
        "megabytes": {"first": samples[0], "last": samples[-1], "min": min(samples), "max": max(samples)},
        "megabytes_halves": [median(samples[:half]), median(samples[half:])],
        "requests_after_loading": len(requests) + len(bench.site.asked),
    }


def _renderers() -> Iterator[psutil.Process]:
    """The browser's renderers, among this process's descendants."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in process.cmdline():
                yield process


def _renderer_bytes() -> int:
    """Resident memory of the largest renderer."""
    return max(process.memory_info().rss for process in _renderers())


def _worker_seconds() -> float:
    """Processor time of the workers' threads so far, in seconds."""
    ticks = 0
    for process in _renderers():
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            with suppress(OSError):
                if (thread / "comm").read_text().startswith("DedicatedWorker"):
                    fields = (thread / "stat").read_text().rpartition(")")[2].split()
                    ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def of_peer(bench: Bench, peer: str, truth: Any, runs: int = 30) -> dict[str, Any]:
    """Accuracy on the same faces, milliseconds on the same picture, first answer and download of a peer."""
    package, function = PEERS[peer]
    found = bench.run(function, "/run/faces.bin", "/examples/eileen_collins.jpg", runs)
    sizes = bench.site.packed([path for path in bench.site.asked if path.startswith("/peers/")])
    right = np.array([FER2013.index(name) for name in found["chosen"]]) == truth
    return {
        "package": package,
        "backend": found["backend"],
        "accuracy": float(right.mean()),
        "one_picture": figure(found["times"], "ms"),
        "first_answer": {"once": round(found["answer"]), "unit": "ms after its code's import begins"},
        "download_bytes_gzipped": sum(sizes.values()),
        "faces_found": found["faces"],
    }
