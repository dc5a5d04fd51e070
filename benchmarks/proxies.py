"""Short runs that decide what long ones are worth: mien-nano's network for eight epochs, one thing changed in each.

    python -m benchmarks proxies --data fer2013.csv --votes fer2013new.csv --out runs/proxies

No teacher, 40 pixels throughout, one thread. Runs that are finished are not repeated and a stopped one goes on, so the
list can be worked off in the background. Writes `results/proxies.json` and the table in docs/accuracy.md: accuracy on
PublicTest (the last epoch's or an earlier one's, chosen there), and the difference from the first run on the same
faces with its standard error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe, write_results
from benchmarks.options import parser
from benchmarks.page import write_table
from benchmarks.paired import HEADING, Right, cells, paired, right_answers
from benchmarks.training import train
from mien.runs import Run

COMMON = ("epochs=8", "teacher.bundles=[]", "schedule.small_size=0")


@dataclass(frozen=True)
class Proxy:
    """A name, what is changed in words, and the keys of the recipe that say so."""

    name: str
    change: str
    overrides: tuple[str, ...] = ()
    cleaned: bool = False


PROXIES = (
    Proxy("base", "nothing: AdamW, exponential moving average, no mixup"),
    Proxy("seed", "another seed", ("seed=1",)),
    Proxy("mixup", "mixup 0.2", ("augment.mixup=0.2",)),
    Proxy("cutmix", "cutmix 1", ("augment.cutmix=1",)),
    Proxy("smoothing", "label smoothing 0.1", ("loss.label_smoothing=0.1",)),
    Proxy("plain-weights", "no average of the weights", ("ema=0",)),
    Proxy("swa", "SWA of the last quarter instead", ("ema=0", "swa=0.25")),
    Proxy("sam", "SAM 0.05", ("optimizer.sam=0.05",)),
    Proxy("votes-half", "the votes' loss weighs 0.5", ("loss.votes_weight=0.5",)),
    Proxy("votes-double", "the votes' loss weighs 2", ("loss.votes_weight=2",)),
    Proxy(
        "weaker",
        "half of the augmentation",
        ("augment.rotation=7.5", "augment.shift=0.04", "augment.scale=0.075", "augment.erasing=0.07"),
    ),
    Proxy(
        "stronger",
        "half more of it",
        ("augment.rotation=22", "augment.shift=0.12", "augment.scale=0.22", "augment.erasing=0.22"),
    ),
    Proxy("small-first", "32 pixels for the first half", ("schedule.small_size=32", "schedule.small_until=0.5")),
    Proxy("cleaned", "without conflicting labels, copies and no faces (mien data clean)", cleaned=True),
    Proxy("sgd", "SGD 0.1 with momentum", ("optimizer.name=sgd", "optimizer.learning_rate=0.1")),
    Proxy("teacher", "taught by mien, weight 0.5", ('teacher.bundles=["mien"]',)),
    Proxy("wider", "widths times 1.5: 0.11 GFLOP", ("network.widths=[48,72,144,240]", "network.stem=24")),
    Proxy("deeper", "a block more in each stage", ("network.depths=[2,3,3,2]",)),
)


def main() -> None:
    words = parser(__doc__)
    words.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the runs")
    words.add_argument("--only", nargs="*", help=f"of {', '.join(each.name for each in PROXIES)}; default: all")
    options = words.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    for proxy in PROXIES:
        if options.only is None or proxy.name in options.only:
            more: list[str | Path] = (
                ["--leave-out", cleaned(options.data, options.votes, options.out)] if proxy.cleaned else []
            )
            train(
                "mien-nano",
                options.data,
                options.out / proxy.name,
                (*COMMON, *proxy.overrides),
                "--votes",
                options.votes,
                *more,
            )
            write(options.out)


def cleaned(data: Path, votes: Path, folder: Path) -> Path:
    """The list of faces to leave out, made once."""
    path = folder / "left-out.csv"
    if not path.is_file():
        reasons = "conflict,no-face,flat,copy"
        command = ["data", "clean", data, "--votes", votes, "--out", path, "--reasons", reasons]
        subprocess.run([sys.executable, "-m", "mien", *map(str, command)], check=True)
    return path


def write(folder: Path) -> None:
    """The results and the table of every proxy that has come to its end."""
    finished = [proxy for proxy in PROXIES if Run(folder / proxy.name).evaluation.is_file()]
    right = {proxy.name: right_of(folder / proxy.name) for proxy in finished}
    rows = [row(proxy, Run(folder / proxy.name), right) for proxy in finished]
    write_results("proxies", {"machine": describe(), "common": COMMON, "rows": rows})
    table = [
        [
            each["change"],
            *cells(each["scores"]),
            f"{each['nll']:.3f}",
            f"{each['gflop']:.3f}",
            f"{each['seconds'] / 60:.0f}",
        ]
        for each in rows
    ]
    write_table("proxies", ["changed", *HEADING, "NLL", "GFLOP", "minutes"], table, "accuracy")


def right_of(folder: Path) -> Right:
    with np.load(folder / "predictions.npz") as kept:
        return right_answers(kept, kept["labels"], kept["votes"])


def row(proxy: Proxy, run: Run, right: dict[str, Right]) -> dict[str, Any]:
    facts = json.loads(run.facts.read_text(encoding="utf-8"))
    result = json.loads(run.evaluation.read_text(encoding="utf-8"))["results"][0]
    return {
        "name": proxy.name,
        "change": proxy.change,
        "overrides": proxy.overrides,
        "scores": paired(right[proxy.name], right[PROXIES[0].name]),
        "nll": result["metrics"]["nll"],
        "epochs": facts["epochs_run"],
        "best_epoch": facts["best_epoch"],
        "gflop": facts["gflop_per_face"],
        "seconds": facts["seconds"],
        "commit": facts["commit"],
    }


if __name__ == "__main__":
    main()
