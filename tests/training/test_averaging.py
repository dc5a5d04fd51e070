"""Averages of the weights: the exponential one that follows a run, and the equal one of its last epochs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from helpers.compare_runs import history
from mien.datasets import FaceDataset
from mien.training import fit
from mien.training.callbacks import StochasticWeightAveraging, warming_ema
from mien.training.fit import Run, train
from mien.training.recipe import Recipe

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]


@pytest.mark.parametrize(("count", "share"), [(0, 0.1), (8, 0.5), (10_000, 0.9)])
def test_the_average_forgets_the_random_start(count: int, share: float) -> None:
    average = warming_ema(0.9)(torch.tensor(1.0), torch.tensor(0.0), torch.tensor(count))
    assert average.item() == pytest.approx(share)


def test_whole_numbers_are_not_averaged() -> None:
    assert warming_ema(0.9)(torch.tensor(5), torch.tensor(7), torch.tensor(100)).item() == 7


class TestStochasticWeightAveraging:
    @pytest.fixture
    def ends(self, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
        """The first weights at the end of every epoch, as training left them."""
        found: list[torch.Tensor] = []

        class Watch(StochasticWeightAveraging):
            def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *rest: Any) -> None:
                super().on_train_batch_end(trainer, module, *rest)
                if trainer.is_last_batch:
                    found.append(next(module.network.parameters()).detach().clone())

        monkeypatch.setattr(fit, "StochasticWeightAveraging", Watch)
        return found

    def recipe(self, tiny: MakeRecipe, *more: str) -> Recipe:
        return tiny("epochs=5", "ema=0", "swa=0.6", "schedule.small_size=0", *more)

    def test_the_last_epochs_weights_are_averaged_equally(
        self, ends: list[torch.Tensor], tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(self.recipe(tiny), dataset, tmp_path / "run")
        weights = torch.load(Run(tmp_path / "run").last, weights_only=False)["state_dict"]
        first = next(value for key, value in weights.items() if key.startswith("network."))
        torch.testing.assert_close(first, torch.stack(ends[2:]).mean(0))

    def test_meanwhile_the_learning_rate_stands_still(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
    ) -> None:
        train(self.recipe(tiny), dataset, tmp_path / "run")
        rates = [float(row["learning_rate"]) for row in history(tmp_path / "run")]
        assert rates[1] > rates[2] == rates[3] == rates[4]

    def test_the_norms_are_measured_again(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        train(self.recipe(tiny), dataset, tmp_path / "run")
        monkeypatch.setattr("mien.training.callbacks.update_bn", lambda batches, network: None)
        train(self.recipe(tiny), dataset, tmp_path / "without")
        measured, without = history(tmp_path / "run"), history(tmp_path / "without")
        assert [a["val_loss"] == b["val_loss"] for a, b in zip(measured, without, strict=True)] == (
            [True, True, True, False, False]  # an average of one is the network itself
        )
        assert [row["train_loss"] for row in measured] == [row["train_loss"] for row in without]

    def test_resumed_the_average_is_the_same(
        self, tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recipe = self.recipe(tiny)
        train(recipe, dataset, tmp_path / "whole")
        steps = fit.ExpressionModule.training_step

        def stop(module: fit.ExpressionModule, batch: Any, index: int) -> Any:
            if (module.current_epoch, index) == (4, 1):
                raise KeyboardInterrupt
            return steps(module, batch, index)

        with monkeypatch.context() as patched:
            patched.setattr(fit.ExpressionModule, "training_step", stop)
            with pytest.raises(KeyboardInterrupt):
                train(recipe, dataset, tmp_path / "run")
        train(recipe, dataset, tmp_path / "run", resume=True)
        assert history(tmp_path / "run") == history(tmp_path / "whole")
