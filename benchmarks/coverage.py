"""What `min_confidence` buys: how many faces are still answered, and how many of these answers are right.

    python -m benchmarks coverage --data fer2013.csv --votes fer2013new.csv

On PublicTest, with the released bundle. Writes `results/coverage.json` and the table in docs/model-card.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from mien.bundle import Bundle
from mien.datasets import load_data, plurality
from mien.evaluation.metrics import aurc
from mien.pipeline_options import DEFAULT_MODEL

SPLIT = "PublicTest"
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
ROUNDS = 1000


def main() -> None:
    options = parser(__doc__).parse_args()
    faces = load_data([options.data], options.votes, set_aside=False).split(SPLIT)
    probabilities = Bundle.load(DEFAULT_MODEL).probabilities(faces.faces)
    voted, votes = plurality(faces.votes)  # type: ignore[arg-type]
    heads = {
        "fer2013": measure(probabilities["fer2013"], faces.labels),
        "ferplus": measure(probabilities["ferplus"][voted], votes),
    }
    write_results("coverage", {"machine": describe(), "model": DEFAULT_MODEL, "split": SPLIT, "heads": heads})
    heading = ["answered", *(f"{head}: min_confidence | right" for head in heads)]
    rows = [
        [f"{coverage:.0%}", *(f"{cell(each['points'][number])}" for each in heads.values())]
        for number, coverage in enumerate(COVERAGES)
    ]
    write_table(
        "coverage", " | ".join(heading).split(" | "), [" | ".join(row).split(" | ") for row in rows], "model-card"
    )


def measure(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Thresholds and accuracies at each coverage, with 95 % bootstrap intervals, and the area under the risk curve."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    sure, right = probabilities.max(axis=1)[order], (probabilities.argmax(axis=1) == labels)[order]
    rng = np.random.default_rng(0)
    points = []
    for coverage in COVERAGES:
        count = round(coverage * len(labels))
        drawn = right[:count][rng.integers(0, count, (ROUNDS, count))].mean(axis=1)
        points.append(
            {
                "coverage": coverage,
                "min_confidence": float(sure[count - 1]) if coverage < 1 else 0.0,
                "accuracy": float(right[:count].mean()),
                "interval": [float(value) for value in np.quantile(drawn, (0.025, 0.975))],
            }
        )
    return {"faces": len(labels), "aurc": aurc(probabilities, labels), "points": points}


def cell(point: dict[str, Any]) -> str:
    low, high = point["interval"]
    return f"{point['min_confidence']:.2f} | {point['accuracy']:.1%} [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
