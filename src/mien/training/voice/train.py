"""A training run of the voice network.

A run is a folder: `recipe.json`, `history.csv`, `last.ckpt` (everything, to resume) and `weights.pt` (the averaged
weights alone, to start another run from, and to export).
"""

from __future__ import annotations

import json
import logging
import pickle
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch.callbacks import WeightAveraging

from mien.datasets.voices import VoiceClips
from mien.errors import RecipeError, first_line
from mien.files import replacing, write_atomically
from mien.training.callbacks import AtomicCheckpoints, warming_ema
from mien.training.fit import precision_of
from mien.training.silenced_warnings import quiet_lightning
from mien.training.voice.module import VoiceBatches, VoiceModule
from mien.training.voice.network import VoiceNetwork
from mien.training.voice.recipe import VoiceRecipe, load_voice_recipe

log = logging.getLogger("mien.training")

WEIGHTS, LAST, HISTORY, RECIPE = "weights.pt", "last.ckpt", "history.csv", "recipe.json"

LONGEST = 60.0
"""Seconds of a clip that an evaluation reads at once."""


def train(
    clips: VoiceClips,
    out: str | Path,
    recipe: VoiceRecipe | None = None,
    *,
    initial: str | Path | None = None,
    resume: bool = False,
) -> VoiceNetwork:
    """Train until the recipe's epochs are over; return the network with the averaged weights.

    Args:
        clips: what is learnt.
        out: the run's folder.
        recipe: None: the shipped one.
        initial: a `weights.pt` to start from.
        resume: continue the run in `out` if there is one.
    """
    recipe = load_voice_recipe() if recipe is None else recipe
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network = VoiceNetwork(len(clips.labels), recipe.network, recipe.spectrogram)
    if initial is not None:
        load_weights(network, initial)
    checkpoint = folder / LAST if resume and (folder / LAST).is_file() else None
    if checkpoint is None:
        (folder / HISTORY).unlink(missing_ok=True)
    write_atomically(folder / RECIPE, json.dumps(recipe.model_dump(mode="json"), indent=2) + "\n")
    module = VoiceModule(network, VoiceBatches(clips, recipe), recipe)
    average = WeightAveraging(avg_fn=warming_ema(recipe.ema))
    with quiet_lightning():
        trainer = pl.Trainer(
            accelerator="cpu",  # where the sound is varied
            devices=1,
            precision=precision_of("auto", "cpu"),
            max_epochs=recipe.epochs,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[average, VoiceKeeper(folder, average)],
            plugins=[AtomicCheckpoints()],
            gradient_clip_val=recipe.gradient_clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, ckpt_path=checkpoint, weights_only=False)
    averaged: Any = average._average_model
    best: VoiceNetwork = (module if averaged is None else averaged.module).network
    return best.eval()


def load_weights(network: VoiceNetwork, path: str | Path) -> VoiceNetwork:
    """Give a network the weights of a file, and return it.

    Raises:
        RecipeError: there is no such file, or it has the weights of another network.
    """
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise RecipeError(
            f"{path}: expected the weights.pt of a run with the same network ({first_line(error)}). Take its recipe too"
        ) from error
    return network


def predict(network: VoiceNetwork, clips: VoiceClips) -> dict[str, npt.NDArray[np.float32]]:
    """Return the answers for whole clips: logits (N, K) of `votes` and `intended`, and `strength` (N,)."""
    network = network.float().eval()
    rows = []
    shortest = network.spectrogram.recipe.window + 8 * network.spectrogram.recipe.hop
    with torch.no_grad():
        for k in range(len(clips)):
            sound = clips.sound(k)[: int(LONGEST * clips.rate)]
            sound = np.pad(sound, (0, max(0, shortest - len(sound))))
            rows.append(network(torch.from_numpy(sound)[None]))
    names = ("votes", "intended", "strength")
    return {name: torch.cat([getattr(row, name) for row in rows]).numpy() for name in names}


class VoiceKeeper(pl.Callback):
    """Write averaged weights, checkpoint and a line of history after every epoch."""

    def __init__(self, folder: Path, average: WeightAveraging) -> None:
        self.folder, self.average = folder, average
        self._sums: dict[str, float] = {}
        self._count = 0
        self._started = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        """Add up the losses."""
        for name, value in trainer.callback_metrics.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value)
        self._count += 1

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        """Write everything that resuming needs."""
        averaged: Any = self.average._average_model
        source: Any = module if averaged is None else averaged.module
        with replacing(self.folder / WEIGHTS) as temporary:
            torch.save(source.network.state_dict(), temporary)
        trainer.save_checkpoint(self.folder / LAST)
        means = {name: total / max(self._count, 1) for name, total in self._sums.items()}
        self._sums, self._count = {}, 0
        row = {"epoch": trainer.current_epoch + 1, "seconds": round(time.monotonic() - self._started, 1), **means}
        path = self.folder / HISTORY
        head = "" if path.is_file() else ",".join(row) + "\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(head + ",".join(f"{value:.6g}" for value in row.values()) + "\n")
        log.info("  ".join(f"{name} {value:.5g}" for name, value in row.items()))
