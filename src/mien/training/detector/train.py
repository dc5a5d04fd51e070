"""A training run of the face finder from start to bundle.

It leaves `history.csv`, `last.ckpt` (everything, to resume) and `weights.pt` (the averaged weights alone, in half
precision, to start another run from) in the run's folder.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

from mien.errors import RecipeError
from mien.files import replacing
from mien.training.callbacks import AtomicCheckpoints, warming_ema
from mien.training.detector.augment import CropMaker, FloatArray
from mien.training.detector.distill import CellTeacher
from mien.training.detector.module import Budget, FinderModule
from mien.training.detector.network import FaceNetwork
from mien.training.detector.pictures import Pictures
from mien.training.detector.recipe import FinderRecipe, load_finder_recipe
from mien.training.fit import precision_of
from mien.training.silenced_warnings import quiet_lightning

log = logging.getLogger("mien.training")

WEIGHTS, LAST, HISTORY = "weights.pt", "last.ckpt", "history.csv"


def train(
    scenes: Pictures,
    closeups: Pictures | None,
    out: str | Path,
    recipe: FinderRecipe | None = None,
    *,
    seconds: float | None = None,
    initial: str | Path | None = None,
    teacher: CellTeacher | None = None,
    mistakes: FloatArray | None = None,
    resume: bool = False,
    workers: int = 0,
    every_seconds: float = 300.0,
) -> Path:
    """Train until the recipe's steps or `seconds` are over; return the file of the averaged weights.

    `initial` is a `weights.pt` to start from, whose layers may be some of the network's; `teacher` answers for every
    cell of the crops; `mistakes` (k, 5) are pictures' numbers and boxes that an earlier network took for faces;
    `resume` continues the run in `out`.
    """
    recipe = load_finder_recipe() if recipe is None else recipe
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = FaceNetwork(recipe.network)
    if initial is not None:
        load_weights(network, initial, partly=True)
    budget = Budget(recipe.steps, seconds)
    maker = CropMaker(scenes, closeups, recipe.augment, mistakes)
    module = FinderModule(network, maker, recipe, budget, teacher=teacher, workers=workers)
    average = WeightAveraging(avg_fn=warming_ema(recipe.ema))
    keeper = Keeper(folder, average, every_seconds)
    checkpoint = folder / LAST if resume and (folder / LAST).is_file() else None
    with quiet_lightning():
        trainer = trainer_for(recipe, [average, keeper])
        trainer.fit(module, ckpt_path=checkpoint, weights_only=False)
        keeper.save(trainer, module)
    return folder / WEIGHTS


def trainer_for(recipe: FinderRecipe, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Return Lightning's trainer for a run on one device."""
    return pl.Trainer(
        accelerator="auto",
        devices=1,
        precision=precision_of("auto", "auto" if torch.cuda.is_available() else "cpu"),
        max_steps=recipe.steps,
        max_epochs=-1,
        callbacks=callbacks,
        plugins=[AtomicCheckpoints()],
        gradient_clip_val=recipe.gradient_clip,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=50,
    )


def save_weights(network: FaceNetwork, path: Path) -> None:
    """Write a network's weights in half precision, whole or not at all."""
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        torch.save({name: value.contiguous() for name, value in state.items()}, temporary)


def load_weights(network: FaceNetwork, path: str | Path, *, partly: bool = False) -> None:
    """Give a network the weights of a file; one of another network is a RecipeError.

    With `partly`, layers that only one of them has are left as they are.
    """
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    own = network.state_dict()
    if partly:
        log.info("%s: %d tensors start anew", path, len([name for name in own if name not in state]))
        state = {name: state.get(name, value) for name, value in own.items()}
    different = [name for name in {**own, **state} if shape_of(own, name) != shape_of(state, name)]
    if different:
        raise RecipeError(
            f"{path}: expected the weights of the same network, but {len(different)} of its tensors differ "
            f"({different[0]}). Take [network] from the recipe that it was trained with"
        )
    network.load_state_dict({name: value.to(own[name].dtype) for name, value in state.items()})


def shape_of(state: dict[str, Tensor], name: str) -> torch.Size | None:
    """Return a tensor's shape, None where there is no such tensor."""
    return state[name].shape if name in state else None


class Keeper(pl.Callback):
    """Write averaged weights, checkpoint and history every few minutes, and log the progress."""

    def __init__(self, folder: Path, average: WeightAveraging, every_seconds: float) -> None:
        self.folder, self.average, self.every = folder, average, every_seconds
        self._last = time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = 0

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        """Add up the losses; save when it is time."""
        for name, value in trainer.callback_metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1
        if time.monotonic() - self._last >= self.every:
            self.save(trainer, module)

    def save(self, trainer: pl.Trainer, module: Any) -> None:
        """Write the averaged weights, the checkpoint and one line of history."""
        self._last = time.monotonic()
        averaged = self.average._average_model
        source: Any = module if averaged is None else averaged.module
        save_weights(source.network, self.folder / WEIGHTS)
        trainer.save_checkpoint(self.folder / LAST)
        values = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        row = {
            "step": trainer.global_step,
            "crops": trainer.global_step * module.recipe.batch_size,
            "seconds": round(module.budget.spent, 1),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            **values,
        }
        path = self.folder / HISTORY
        head = "" if path.is_file() else ",".join(row) + "\n"
        line = ",".join(f"{value:.6g}" for value in row.values())
        with path.open("a", encoding="utf-8") as file:
            file.write(head + line + "\n")
        log.info("  ".join(f"{name} {value:.5g}" for name, value in row.items()))
