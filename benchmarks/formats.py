"""What every export format costs and gives: size, accuracy on PublicTest, milliseconds a face on one core.

    python -m benchmarks formats --data fer2013.csv --votes fer2013new.csv [--file mien.tflite ...]

Exports the released bundle in every format whose converter is installed; --file adds what was exported elsewhere, since
LiteRT's converter lives in an environment of its own. Writes `results/formats.json` and the table in docs/export.md.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import Bundle
from mien.datasets import load_data, plurality
from mien.errors import MissingExtraError
from mien.evaluation.metrics import ece
from mien.export import FORMATS, export
from mien.pipeline_options import DEFAULT_MODEL

SPLIT = "PublicTest"
ROUNDS = 25
BATCH = 32


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--file", type=Path, action="append", default=[], help="an exported file to measure as well")
    options = words.parse_args()
    dataset = load_data([options.data], options.votes, set_aside=False)
    original = Bundle.load(DEFAULT_MODEL, threads=1)
    bundles = {"onnx": original}
    with tempfile.TemporaryDirectory() as folder:
        for name, chosen in FORMATS.items():
            if name == "onnx":
                continue
            try:
                path = Path(folder) / f"{original.name}{chosen.ending}{chosen.suffix}"
                # Faces to calibrate on; no split, because everything is judged below.
                done = export(original, name, path, dataset=dataset if chosen.calibrated else None)
                bundles[name] = Bundle.load(done.path, threads=1)
            except MissingExtraError as error:
                print(f"{name}: {error.purpose} needs {error.extra}")
        for path in options.file:
            bundle = Bundle.load(path, threads=1)
            bundles[bundle.metadata.card["export"]["format"]] = bundle
        rows = measure(bundles, dataset.split(SPLIT))
    write_results(
        "formats", {"machine": describe(), "model": DEFAULT_MODEL, "split": SPLIT, "rounds": ROUNDS, "rows": rows}
    )
    write_table("formats", HEADING, [cells(row) for row in rows], page="export")


def measure(bundles: dict[str, Bundle], faces: Any) -> list[dict[str, Any]]:
    """A row per format."""
    voted, votes = plurality(faces.votes)
    times = milliseconds(bundles, faces.faces)
    rows = []
    reference = bundles["onnx"].logits(faces.faces)
    for name, bundle in bundles.items():
        logits = bundle.logits(faces.faces)
        probabilities = bundle.calibrate(logits)
        chosen = {head: values.argmax(axis=1) for head, values in logits.items()}
        rows.append(
            {
                "format": name,
                "runtime": bundle.runtime,
                "bytes": bundle.size,
                "fer2013_accuracy": float((chosen["fer2013"] == faces.labels).mean()),
                "ferplus_accuracy": float((chosen["ferplus"][voted] == votes).mean()),
                "fer2013_ece": ece(probabilities["fer2013"], faces.labels),
                "ferplus_ece": ece(probabilities["ferplus"][voted], votes),
                "largest_difference": max(float(np.abs(logits[head] - reference[head]).max()) for head in logits),
                "same_emotion": float((chosen["fer2013"] == reference["fer2013"].argmax(axis=1)).mean()),
                **times[name],
            }
        )
    return rows


def milliseconds(bundles: dict[str, Bundle], faces: np.ndarray) -> dict[str, dict[str, Any]]:
    """Of one face on one core, alone and in batches, in turns, so that other work meets all formats alike."""
    samples: dict[str, dict[int, list[float]]] = {name: {1: [], BATCH: []} for name in bundles}
    for size in (1, BATCH):
        for number in range(ROUNDS + 1):
            for name, bundle in bundles.items():
                began = time.perf_counter()
                for _ in range(repeats := 16 // size + 1):
                    bundle.logits(faces[:size], batch_size=size)
                if number:  # the first one warms up
                    samples[name][size].append(1e3 * (time.perf_counter() - began) / repeats / size)
    return {
        name: {
            f"ms_batch_{size}": {"median": median(values), "min": min(values), "max": max(values)}
            for size, values in sizes.items()
        }
        for name, sizes in samples.items()
    }


HEADING = ["format", "size", "FER2013", "FER+", "ECE", "same emotion", "ms a face, alone", f"in batches of {BATCH}"]


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table in docs/export.md."""
    alone, together = (row[f"ms_batch_{size}"] for size in (1, BATCH))
    return [
        f"`{row['format']}`",
        f"{row['bytes'] / 1e6:.2f} MB",
        f"{row['fer2013_accuracy']:.2%}",
        f"{row['ferplus_accuracy']:.2%}",
        f"{row['fer2013_ece']:.3f} / {row['ferplus_ece']:.3f}",
        f"{row['same_emotion']:.2%}",
        *(f"{time['median']:.2f} (least {time['min']:.2f})" for time in (alone, together)),
    ]


if __name__ == "__main__":
    main()
