"""Training steps of the shipped recipes on this processor: with torch's own kernels and compiled, in each precision.

    OMP_NUM_THREADS=1 python -m benchmarks training_steps

Random faces at the recipe's batch and full size, augmented; loss, gradients and the optimizer's step. The two ways of a
network take turns, so that other work on the machine meets both. A compiled network's first two steps, in which it is
compiled, do not count. Writes `results/training_steps.json` and the table in docs/training.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.machine import describe, write_results
from benchmarks.page import write_table
from benchmarks.speed import figure
from mien.labels import FER2013, FERPLUS
from mien.preprocess import FRAME
from mien.training.batches import Batch, FaceTensors
from mien.training.module import ExpressionModule
from mien.training.recipe import Recipe, load_recipe

RECIPES = ("mien", "mien-nano", "plain-cnn", "compact-cnn", "leaky-cnn", "elu-cnn", "swish-resnet")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
WAYS = ("torch's kernels", "compiled")
ALONE = ("compile=false", "teacher.bundles=[]")
"""A teacher's share is its own, and the same in both ways."""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--steps", type=int, default=9, help="of each way of each recipe (default: 9)")
    options = words.parse_args()
    rows = []
    for name in RECIPES:
        figures = measure(load_recipe(name, ALONE), options.steps)
        rows.append({"recipe": name, "figures": figures})
        print(name, *(f"{precision} {_times(ways):.2f}" for precision, ways in figures.items()), flush=True)
    threads = torch.get_num_threads()
    write_results("training_steps", {"machine": describe(), "threads": threads, "rows": rows})
    heading = ["recipe", *(f"{precision}, {way}" for precision in PRECISIONS for way in (*WAYS, "times"))]
    write_table("training_steps", heading, [_cells(row) for row in rows], "training")


def measure(recipe: Recipe, steps: int) -> dict[str, dict[str, Any]]:
    """Milliseconds a face of each precision and way."""
    figures: dict[str, dict[str, Any]] = {}
    for precision, dtype in PRECISIONS.items():
        torch.compiler.reset()
        ways = {way: training_step(recipe, dtype, compiled=way == "compiled") for way in WAYS}
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for turn in range(steps + 2):
            for way, step in ways.items():
                start = time.perf_counter()
                step()
                if turn >= 2:
                    taken[way].append((time.perf_counter() - start) * 1e3 / recipe.batch_size)
        figures[precision] = {way: figure(values, "ms") for way, values in taken.items()}
    return figures


def training_step(recipe: Recipe, dtype: torch.dtype, *, compiled: bool) -> Callable[[], None]:
    """A step of a recipe's network and optimizer on one batch of random faces."""
    count = recipe.batch_size
    faces = FaceTensors(
        crops=torch.randint(0, 256, (count, FRAME, FRAME), dtype=torch.uint8),
        labels=torch.zeros(count, dtype=torch.int64),
        targets=torch.eye(len(FER2013))[torch.randint(0, len(FER2013), (count,))],
        shares=torch.softmax(torch.randn(count, len(FERPLUS)), 1),
        plurality=torch.zeros(count, dtype=torch.int64),
        weights=torch.ones(count, 1),
    )
    batch = Batch(faces.crops, faces.targets, faces.shares, faces.weights)
    module = ExpressionModule(recipe, faces, faces, FER2013, with_votes=True)
    module.log = lambda *arguments, **options: None  # type: ignore[method-assign,assignment]
    module.augment.size = recipe.input.size
    optimizer = torch.optim.AdamW(module.network.parameters(), lr=1e-4)
    if compiled:
        module.network.compile()

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = module.training_step(batch, 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _times(ways: dict[str, Any]) -> float:
    """How many times as long a compiled step takes."""
    own, compiled = (ways[way]["median"] for way in WAYS)
    return float(compiled / own)


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [f"`{row['recipe']}`"]
    for ways in row["figures"].values():
        cells += [f"{ways[way]['median']:.2f} [{ways[way]['min']:.2f}, {ways[way]['max']:.2f}]" for way in WAYS]
        cells.append(f"{_times(ways):.2f}")
    return cells


if __name__ == "__main__":
    main()
