"""The search for accuracy, written down: every run that mattered, those that failed too.

    python -m benchmarks accuracy add RUN --note "mixup left out"
    python -m benchmarks accuracy

The first keeps a run's folder as `benchmarks/accuracy/runs/NAME.json`; both write the table in docs/accuracy.md. A
record has the recipe where it differs from the defaults, epochs, seconds, machine, work, and what the kept epoch
scored on PublicTest. A run that was stopped before it had a bundle is recorded by its history.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path
from typing import Any

from benchmarks.page import write_table
from mien import model_card
from mien.files import write_atomically
from mien.runs import Run, flatten, read_history
from mien.training.recipe import Recipe

RECORDS = Path(__file__).parent / "runs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers()
    add = commands.add_parser("add")
    add.add_argument("run", type=Path)
    add.add_argument("--name", help="default: the folder's")
    add.add_argument("--note", required=True, help="what it was to show, and what it showed")
    options = parser.parse_args()
    if hasattr(options, "run"):
        name = options.name or options.run.name
        path = write_atomically(
            RECORDS / f"{name}.json", json.dumps(record(options.run, options.note), indent=2) + "\n"
        )
        print(f"wrote {path}")
    write_page()


def record(folder: Path, note: str) -> dict[str, Any]:
    """What a run's folder says of it."""
    run = Run(folder)
    recipe = flatten(tomllib.loads(run.recipe.read_text(encoding="utf-8")))
    usual = flatten(Recipe(name="usual").to_dict())
    facts = json.loads(run.facts.read_text(encoding="utf-8"))
    history = read_history(run.history)
    best = max(history, key=lambda row: row["val_accuracy"])
    return {
        "note": note,
        "commit": facts["commit"],
        "started": facts["started"],
        "machine": facts["machine"],
        "recipe": {key: value for key, value in recipe.items() if usual.get(key) != value and key != "description"},
        "epochs": len(history),
        "best_epoch": int(best["epoch"]),
        "seconds": history[-1]["seconds"],
        "gflop": facts.get("gflop_per_face"),
        "parameters": facts.get("parameters"),
        "scores": judged(run) if run.evaluation.is_file() else logged(best),
    }


def judged(run: Run) -> dict[str, dict[str, Any]]:
    """The scores of a finished run's bundle by head: accuracy with its interval, NLL and ECE."""
    results = json.loads(run.evaluation.read_text(encoding="utf-8"))["results"]
    return {
        head: {"accuracy": found["metrics"]["accuracy"], "interval": found["intervals"]["accuracy"]}
        | {name: found["metrics"][name] for name in ("nll", "ece")}
        for head, found in model_card.main_results_of(results).items()
    }


def logged(row: dict[str, float]) -> dict[str, dict[str, Any]]:
    """The same of a run that has no bundle, as far as its history knows."""
    return {
        "fer2013": {"accuracy": row["val_fer2013_accuracy"], "nll": row["val_fer2013_nll"]},
        **({"ferplus": {"accuracy": row["val_ferplus_accuracy"]}} if "val_ferplus_accuracy" in row else {}),
    }


def write_page() -> None:
    """The table of docs/accuracy.md, in the order of the runs."""
    records = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RECORDS.glob("*.json")}
    rows = [
        [
            f"[{name}](../benchmarks/accuracy/runs/{name}.json)",
            each["note"],
            f"{each['epochs']}",
            f"{each['seconds'] / 60:.0f} min",
            "" if each["gflop"] is None else f"{each['gflop']:.3f}",
            *(cell(each["scores"].get(head, {})) for head in ("fer2013", "ferplus")),
            " / ".join(f"{score['ece']:.3f}" for score in each["scores"].values() if "ece" in score),
        ]
        for name, each in sorted(records.items(), key=lambda pair: pair[1]["started"])
    ]
    heading = ["run", "what it showed", "epochs", "time", "GFLOP", "FER2013", "FER+, plurality", "ECE"]
    write_table("accuracy", heading, rows, "accuracy")


def cell(score: dict[str, Any]) -> str:
    if not score:
        return ""
    interval = score.get("interval")
    between = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * score['accuracy']:.1f}{between}"
