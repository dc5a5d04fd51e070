"""mien's released models against peers from PyPI: accuracy, time per face, start-up, memory and size, in one run.

    python -m benchmarks peers --data fer2013.csv --mien MIEN/bin/python --fer FER/bin/python

MIEN is an environment with mien's base install alone, FER one with fer 25.10.3 (how it is made: `peers_video`) and

    FER/bin/pip install --no-deps facial_emotion_recognition==0.3.4

fer gets PublicTest's faces in two ways, and the better one counts: as its documentation says, `detect_emotions(picture,
face_rectangles)` with the whole picture as the face, which adds a margin of ten pixels; and straight to the network
behind it, without one. The network of facial_emotion_recognition gets them straight, scaled as its code does; the
package itself cannot be imported beside a CPU build of torch, for it needs torchvision, which has none on PyPI. mien's
networks get them straight too, one view. The start is that of the whole recognizer, with its detector. One core: the
processes are bound to it, one after another, in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.coverage import SPLIT
from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from benchmarks.peers_video import versions
from benchmarks.speed import figure
from mien.bundle import released
from mien.datasets import load_data
from mien.evaluation.metrics import accuracy
from mien.evaluation.significance import bootstrap_interval

RUNS = 5
TIMED = 400

MIEN = """
import json, sys, time
began = time.perf_counter()
from mien import EmotionRecognizer
import numpy as np
recognizer = EmotionRecognizer(model=sys.argv[2], labels="fer2013", threads=1)
faces = np.load(sys.argv[1])
recognizer.predict_crops(faces[:1])
start = time.perf_counter() - began
names = recognizer.bundle.head("fer2013").labels.names
def read(faces): return [names[k] for k in recognizer.bundle.probabilities(faces)["fer2013"].argmax(axis=1)]
"""

FER = """
import json, sys, time
began = time.perf_counter()
import cv2
from fer.fer import FER
import numpy as np
recognizer = FER()
names = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
faces = np.load(sys.argv[1])
def read(faces):
    large = np.stack([cv2.resize(face, (64, 64)) for face in faces])  # what its own code does
    inputs = (large.astype("float32") / 255 - 0.5) * 2
    return [names[k] for k in np.argmax(recognizer._classify_emotions(inputs), axis=1)]
def documented(faces):
    answers = []
    for face in faces:
        found = recognizer.detect_emotions(np.repeat(face[..., None], 3, axis=2), [(0, 0, 48, 48)])
        answers.append(max(found[0]["emotions"], key=found[0]["emotions"].get))
    return answers
read(faces[:1])
start = time.perf_counter() - began
if sys.argv[2] == "documented": read = documented
"""

FACIAL = """
import importlib.util, json, sys, time
from pathlib import Path
began = time.perf_counter()
import numpy as np
import torch
torch.set_num_threads(1)
folder = Path(importlib.util.find_spec("facial_emotion_recognition").origin).parent
spec = importlib.util.spec_from_file_location("networks", folder / "networks.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
known = torch.load(folder / "model" / "model.pkl", map_location="cpu", weights_only=False)
network = module.NetworkV2(in_c=1, nl=32, out_f=7)
network.load_state_dict(known["network"])
network.eval()
names = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
faces = np.load(sys.argv[1])
def read(faces):
    with torch.no_grad():
        inputs = (torch.from_numpy(faces).float()[:, None] / 255 - 0.5) / 0.5
        return [names[k] for part in inputs.split(32) for k in network(part).argmax(1).tolist()]
read(faces[:1])
start = time.perf_counter() - began
"""

MEASURE = f"""
began = time.perf_counter()
for face in faces[:{TIMED}]: read(face[None])
single = (time.perf_counter() - began) / {TIMED}
began = time.perf_counter()
answers = read(faces)
many = (time.perf_counter() - began) / len(faces)
print(json.dumps({{"start": start, "single": single, "many": many, "answers": answers}}))
"""


def main() -> None:
    words = parser(__doc__, votes=False)
    words.add_argument("--mien", required=True, metavar="PYTHON", help="the Python of an environment with mien alone")
    words.add_argument("--fer", required=True, metavar="PYTHON", help="the Python of an environment with fer 25.10.3")
    options = words.parse_args()
    faces = load_data([options.data], set_aside=False).split(SPLIT)
    programs = {name: (options.mien, MIEN, name) for name in released()}
    programs["fer"] = (options.fer, FER, "direct")
    programs["fer, as documented"] = (options.fer, FER, "documented")
    programs["facial_emotion_recognition"] = (options.fer, FACIAL, "")
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder) / "faces.npy"
        np.save(crops, faces.faces)
        for _ in range(RUNS):  # in turn, so that what else the machine does meets all of them
            for name, (python, code, word) in programs.items():
                runs[name].append(run(python, code + MEASURE, crops, word))
    peers = {}
    for name, answers in runs.items():
        read = np.array([faces.label_set.names.index(emotion) for emotion in answers[0]["answers"]])
        chosen = np.eye(len(faces.label_set), dtype=np.float32)[read]
        peers[name] = {
            "accuracy": accuracy(chosen, faces.labels),
            "interval": bootstrap_interval(chosen, faces.labels, ["accuracy"])["accuracy"],
            "single": figure([1e3 * each["single"] for each in answers], "ms"),
            "many": figure([1e3 * each["many"] for each in answers], "ms"),
            "start": figure([each["start"] for each in answers], "s"),
            "memory": figure([each["memory"] for each in answers], "MB"),
            "install": installed(programs[name][0]),
        }
        print(name, json.dumps(peers[name]), flush=True)
    write_results("peers", {"machine": describe(), "fer": versions(options.fer), "split": SPLIT, "peers": peers})
    write_table(
        "peers",
        ["", "FER2013, 7 emotions", "one face", "many faces, each", "import to first answer", "memory", "installed"],
        [[name, *cells(peer)] for name, peer in peers.items()],
        "peers",
    )


def run(python: str, code: str, crops: Path, word: str) -> dict[str, Any]:
    """What the program measured of itself, and its peak resident megabytes."""
    began = time.perf_counter()
    with (crops.parent / "said").open("w+") as said, (crops.parent / "errors").open("w+") as errors:
        child = subprocess.Popen(
            [python, "-c", code, str(crops), word],
            stdout=said,
            stderr=errors,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        errors.seek(0)
        if child.returncode != 0:
            raise RuntimeError(f"{python} failed after {time.perf_counter() - began:.0f} s:\n{errors.read()[-2000:]}")
        answers: dict[str, Any] = json.loads(said.read().splitlines()[-1])
    return answers | {"memory": usage.ru_maxrss / 1024}


def installed(python: str) -> float:
    """Megabytes of an environment's packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = Path(subprocess.check_output([python, "-c", code], text=True).strip())
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def cells(peer: dict[str, Any]) -> list[str]:
    low, high = peer["interval"]
    return [
        f"{peer['accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]",
        f"{peer['single']['median']:.2f} ms",
        f"{peer['many']['median']:.2f} ms",
        f"{peer['start']['median']:.1f} s",
        f"{peer['memory']['median']:.0f} MB",
        f"{peer['install'] / 1e3:.1f} GB",
    ]


if __name__ == "__main__":
    main()
