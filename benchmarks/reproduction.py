"""Five published systems trained again: what was claimed, and what each recipe reaches on PublicTest.

    python -m benchmarks.reproduction --data fer2013.csv --out runs/reproduction

Trains every system of `SYSTEMS` that has not come to its end yet, one after the other; stopped at any moment, the same
command goes on. After each it writes `results/reproduction.json` and the table in docs/reproduction.md. Every system is
trained on FER2013's labels alone. With --minutes, each has that time, and its learning rate follows one cycle that ends
inside it; with --minutes 0 the recipes run as they are written, which wants a GPU.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from benchmarks.training import train
from mien.bundle import Bundle
from mien.datasets import FaceDataset, load_fer2013
from mien.evaluation import metrics
from mien.evaluation.evaluate import evaluate_bundle
from mien.runs import Run

SPLIT = "PublicTest"
HEADING = ["system", "claimed", "accuracy [95 %]", "without copies", "NLL", "macro-F1", "weighted F1", "epochs"]
HEADING += ["seconds", "hardware", "GFLOP"]
ONE_CYCLE = ("schedule.name=one-cycle", "schedule.warmup=0.3", "schedule.final=1e-3", "stopping.patience=1000")


@dataclass(frozen=True)
class System:
    """A recipe, what differs from it, and what its authors claim, in shares of 1."""

    recipe: str
    overrides: tuple[str, ...] = ()
    claimed: dict[str, float] = field(default_factory=dict)
    claim: str = ""

    @property
    def name(self) -> str:
        return "+".join([self.recipe, *(f"{value.partition('=')[2]}" for value in self.overrides[:1])])

    def settings(self, minutes: float) -> list[str]:
        """What differs from the recipe, with a schedule that ends inside the time, if there is one."""
        return [*self.overrides, *(ONE_CYCLE if minutes else ())]


SYSTEMS = (
    System("plain-cnn", claimed={"accuracy": 0.61}, claim="61 %"),
    System(
        "compact-cnn",
        claimed={"accuracy": 0.6393, "nll": 0.9858},
        claim="64 % in validation; in the test 63.93 %, NLL 0.986",
    ),
    System("leaky-cnn", claimed={"accuracy": 0.627, "nll": 1.17}, claim="62.7 % in validation, NLL 1.17"),
    System(
        "elu-cnn",
        claimed={"accuracy": 0.684, "nll": 0.88, "macro_f1": 0.64, "weighted_f1": 0.68},
        claim="68.4 % in validation, NLL 0.88, macro-F1 0.64, weighted F1 0.68",
    ),
    System("swish-resnet", claimed={"accuracy": 0.7225}, claim="72.25 to 73.25 %, with AffectNet"),
    System("swish-resnet", ("network.attention=se",)),
    System("swish-resnet", ("network.attention=cbam",)),
)


def main() -> None:
    words = parser(__doc__, votes=False)
    words.add_argument("--out", type=Path, required=True, help="folder of the runs")
    words.add_argument("--minutes", type=float, default=90, help="for each system (default: 90); 0: no limit")
    words.add_argument("--only", nargs="*", help="names of systems; default: all")
    options = words.parse_args()
    known = {system.name: system for system in SYSTEMS}
    chosen = [known[name] for name in options.only or known]
    dataset = load_fer2013(options.data)
    for system in chosen:
        folder = options.out / system.name
        limit = ["--max-time", f"{options.minutes:g}m"] if options.minutes else []
        train(system.recipe, options.data, folder, system.settings(options.minutes), *limit)
        rows = [row | asdict(known[row["name"]]) for row in _rows() if row["name"] != system.name]
        rows.append(measure(system, folder, dataset))
        rows.sort(key=lambda row: list(known).index(row["name"]))
        write_results("reproduction", {"machine": describe(), "split": SPLIT, "rows": rows})
        write_table("reproduction", HEADING, [cells(row) for row in rows], "reproduction")


def measure(system: System, folder: Path, dataset: FaceDataset) -> dict[str, Any]:
    """The row of a finished run: its bundle on PublicTest, one view, and what training it took."""
    facts = json.loads(Run(folder).facts.read_text(encoding="utf-8"))
    bundle = Bundle.load(next(folder.glob("*.onnx")))
    faces = dataset.split(SPLIT)
    evaluation = evaluate_bundle(bundle, dataset, SPLIT)
    result, without_copies = evaluation.results[:2]
    probabilities = bundle.probabilities(faces.faces)[faces.label_set.name]
    measured = result.metrics | {"weighted_f1": metrics.weighted_f1(probabilities, faces.labels)}
    recipe = bundle.metadata.card["recipe"]
    return {
        "name": system.name,
        **asdict(system),
        "measured": measured,
        "interval": result.intervals["accuracy"],
        "without_copies": without_copies.metrics["accuracy"],
        "validation": facts["data"]["validation"],
        "epochs_run": facts["epochs_run"],
        "epochs_of_recipe": recipe["epochs"],
        "best_epoch": facts["best_epoch"],
        "seconds": facts["seconds"],
        "max_minutes": recipe["max_minutes"],
        "gflop": facts["gflop_per_face"],
        "parameters": facts["parameters"],
        "seed": recipe["seed"],
        "commit": facts["commit"],
        "hardware": facts["machine"],
        "versions": facts["versions"],
    }


def cells(row: dict[str, Any]) -> list[str]:
    """A row of the table, under HEADING: claimed against measured."""
    measured, (low, high) = row["measured"], row["interval"]
    return [
        f"`{row['name']}`",
        row["claim"] or "-",
        f"{100 * measured['accuracy']:.1f} [{100 * low:.1f}, {100 * high:.1f}]",
        f"{100 * row['without_copies']:.1f}",
        *(f"{measured[name]:.3f}" for name in ("nll", "macro_f1", "weighted_f1")),
        f"{row['epochs_run']} of {row['epochs_of_recipe']}",
        f"{row['seconds']:,.0f}",
        hardware(row["hardware"]),
        f"{row['gflop']:.2f}",
    ]


def hardware(machine: dict[str, Any]) -> str:
    """ "1 core of AMD EPYC"."""
    threads = machine["threads"]
    return f"{threads} core{'' if threads == 1 else 's'} of {machine['processor']}"


def _rows() -> list[dict[str, Any]]:
    path = RESULTS / "reproduction.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []


if __name__ == "__main__":
    main()
