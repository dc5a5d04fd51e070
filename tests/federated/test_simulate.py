"""Whole simulations: an ordinary bundle with a report, clients that fail, stops, privacy; the averaging is Flower's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="the extra 'federated' is not installed here: see docs/federated.md")

from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
from flwr.server import SimpleClientManager

from mien.cli.main import main
from mien.datasets import FaceDataset
from mien.errors import RecipeError, TrainingError
from mien.federated.client import Client
from mien.federated.federation import Federation
from mien.federated.plan import Plan
from mien.federated.server import make_strategy
from mien.federated.simulate import InProcessClient, simulate
from mien.runs import Run, open_model_source, read_history
from mien.training import run_record
from mien.training.recipe import Recipe, make_recipe


class Dying(Client):
    """Answers in the first round only."""

    def fit(self, parameters: Any, config: dict[str, Any]) -> Any:
        if config["epoch"] > 0:
            raise RuntimeError("the power went out")
        return super().fit(parameters, config)


def dying(*numbers: int) -> Callable[[int, FaceDataset], Client]:
    return lambda number, faces: (Dying if number in numbers else Client)(faces, "cpu")


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ONNX: the export takes seconds, and is tested with the first run here."""

    def judged(network: Any, recipe: Any, faces: Any, path: Path, card: Any, judge: Any) -> None:
        result = {"n": 1, "metrics": dict.fromkeys(("accuracy", "macro_f1", "ece", "nll"), 0.5)}
        evaluation = {"results": [result | {"intervals": {"accuracy": [0.4, 0.6]}}]}
        Run(path.parent).evaluation.write_text(json.dumps(evaluation))

    monkeypatch.setattr(run_record, "export_bundle", judged)


def test_a_simulation_ends_with_an_ordinary_bundle_and_a_report(
    fer2013_csv: tuple[Path, Path], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    line = ["federated", "simulate", "--data", str(fer2013_csv[0]), "--out", str(out), "--device", "cpu", *words]
    line += ["--clients", "3", "--rounds", "3", "--split", "dirichlet", "--alpha", "5", "--strategy", "fedprox"]
    assert main(line) == 0
    assert f"wrote {out / 'mien.onnx'}" in capsys.readouterr().out

    subject = open_model_source(out)
    assert [row["epoch"] for row in subject.history] == [1, 2, 3]
    assert all(row["clients"] == 3 and row["failed"] == 0 for row in subject.history)
    assert subject.history[-1]["train_loss"] < subject.history[0]["train_loss"]
    card = subject.bundle.metadata.card
    assert card["training"]["federated"] == {
        "clients": 3, "rounds": 3, "local_epochs": 1, "strategy": "fedprox", "mu": 0.01, "fraction": 1.0,
        "split": "dirichlet", "alpha": 5.0,
    }  # fmt: skip
    assert card["training"]["data"]["training"] == 63
    assert "Federated: FedProx (mu 0.01), 3 clients" in card["recipe"]["description"]
    assert main(["info", str(out / "mien.onnx")]) == 0
    assert "federated clients 3, rounds 3, local epochs 1, strategy fedprox, mu 0.01" in capsys.readouterr().out
    best = max(subject.history, key=lambda row: row["val_accuracy"])
    measured = card["metrics"]["results"][0]["metrics"]["accuracy"]
    assert measured == pytest.approx(best["val_accuracy"], abs=1e-5)
    assert len(read_history(Run(out / "central").history)) == 3  # as many passes over the faces

    page = (out / "report" / "federated.html").read_text(encoding="utf-8")
    assert "central" in page
    assert "client 3" in page
    assert {path.name for path in (out / "report" / "figures").iterdir()} == {
        "federated-clients.png",
        "federated-rounds.png",
    }
    assert main(["federated", "simulate", "--data", str(fer2013_csv[0]), "--out", str(out)]) == 2
    assert "add --resume" in capsys.readouterr().err


@pytest.mark.usefixtures("unexported")
def test_clients_that_die_do_not_stop_the_round(recipe: Recipe, dataset: FaceDataset, tmp_path: Path) -> None:
    simulate(recipe, dataset, tmp_path, Plan(3, 3), central=False, device="cpu", make_client=dying(1))
    history = read_history(Run(tmp_path).history)
    assert [(row["clients"], row["failed"]) for row in history] == [(3, 0), (2, 1), (2, 1)]
    assert history[2]["val_loss"] != history[1]["val_loss"]
    assert "Clients failed 2 times" in (tmp_path / "report" / "federated.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("unexported")
def test_when_all_die_it_says_so_and_goes_on_from_there(recipe: Recipe, dataset: FaceDataset, tmp_path: Path) -> None:
    plan = Plan(2, 3)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    with pytest.raises(TrainingError, match="round 2: none of 2 clients answered; the first failed with: RuntimeError"):
        simulate(recipe, dataset, stopped, plan, central=False, device="cpu", make_client=dying(0, 1))
    with pytest.raises(RecipeError, match="holds a run already"):
        simulate(recipe, dataset, stopped, plan, central=False, device="cpu")
    with pytest.raises(RecipeError, match="another plan or other data"):
        simulate(recipe, dataset, stopped, Plan(3, 3), central=False, device="cpu", resume=True)
    simulate(recipe, dataset, stopped, plan, central=False, device="cpu", resume=True)
    simulate(recipe, dataset, whole, plan, central=False, device="cpu")
    histories = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(Run(folder).history)]
        for folder in (whole, stopped)
    ]
    assert histories[0] == histories[1]


@pytest.mark.usefixtures("unexported")
def test_a_fraction_of_the_clients_is_drawn(recipe: Recipe, dataset: FaceDataset, tmp_path: Path) -> None:
    asked: list[int] = []

    class Asked(Client):
        def __init__(self, number: int, faces: FaceDataset) -> None:
            super().__init__(faces, "cpu")
            self.number = number

        def fit(self, parameters: Any, config: dict[str, Any]) -> Any:
            asked.append(self.number)
            return super().fit(parameters, config)

    simulate(recipe, dataset, tmp_path, Plan(4, 3, fraction=0.5), central=False, device="cpu", make_client=Asked)
    assert len(asked) == 6
    assert len(set(asked)) > 2  # not the same two in all rounds


def answer(value: float, count: int) -> FitRes:
    arrays = ndarrays_to_parameters([np.full(4000, value, np.float32)])
    return FitRes(Status(Code.OK, ""), arrays, count, {"train_loss": value})


def aggregated(recipe: Recipe, plan: Plan, values: list[float], counts: list[int]) -> np.ndarray:
    """What the plan's strategy makes of clients' answers, from weights of 0."""
    start = [np.zeros(4000, np.float32)]
    strategy = make_strategy(plan, recipe, "fer2013", False, start, lambda *_: None)
    manager = SimpleClientManager()
    for number in range(len(values)):
        manager.register(InProcessClient(str(number), Client.__new__(Client)))
    proxies = [proxy for proxy, _ in strategy.configure_fit(1, ndarrays_to_parameters(start), manager)]
    answers = [answer(value, count) for value, count in zip(values, counts, strict=True)]
    parameters, _ = strategy.aggregate_fit(1, list(zip(proxies, answers, strict=True)), [])
    assert parameters is not None
    return np.array(parameters_to_ndarrays(parameters)[0])


def test_weights_are_averaged_by_faces(recipe: Recipe) -> None:
    np.testing.assert_allclose(aggregated(recipe, Plan(2, 1), [1.0, 4.0], [20, 10]), 2.0)


def test_privacy_clips_each_update_and_adds_noise_for_the_clients_present(recipe: Recipe) -> None:
    clipped = aggregated(recipe, Plan(2, 1, dp_noise=0.0, dp_clip=3.0), [5.0, 5.0], [1, 1])
    assert np.linalg.norm(clipped) == pytest.approx(3.0, rel=1e-4)
    for present in (4, 2):  # of four
        plan = Plan(4, 1, dp_noise=2.0, dp_clip=3.0)
        noise = aggregated(recipe, plan, [1e-6] * present, [1] * present)
        assert noise.std() == pytest.approx(2.0 * 3.0 / present, rel=0.1)


@pytest.mark.usefixtures("unexported")
def test_a_private_run_trains(recipe: Recipe, dataset: FaceDataset, tmp_path: Path) -> None:
    plan = Plan(2, 2, dp_noise=0.001, dp_clip=5.0)
    simulate(recipe, dataset, tmp_path, plan, central=False, device="cpu")
    facts = json.loads(Run(tmp_path).facts.read_text(encoding="utf-8"))
    assert (facts["federated"]["dp_noise"], facts["federated"]["dp_clip"]) == (0.001, 5.0)
    assert "No epsilon is computed" in (tmp_path / "report" / "federated.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("unexported")
def test_a_private_round_in_which_a_client_fails_changes_nothing(
    recipe: Recipe, dataset: FaceDataset, tmp_path: Path
) -> None:
    plan = Plan(3, 2, dp_noise=0.001, dp_clip=5.0)
    simulate(recipe, dataset, tmp_path, plan, central=False, device="cpu", make_client=dying(1))
    first, second = read_history(Run(tmp_path).history)
    assert (second["clients"], second["failed"]) == (2, 1)
    assert second["val_loss"] == first["val_loss"]


def test_the_first_weights_may_be_those_of_a_run(
    recipe: Recipe, dataset: FaceDataset, tmp_path: Path, unexported: None
) -> None:
    first = Federation(recipe, Plan(2, 1), dataset.split("PublicTest"), tmp_path / "first")
    first.history.evaluate_round(1, [weights + 1 for weights in first.history.weights()], {})
    going_on = make_recipe(recipe.to_dict() | {"initial": str(tmp_path / "first")}, recipe.name)
    second = Federation(going_on, Plan(2, 1), dataset.split("PublicTest"), tmp_path / "second")
    for before, after in zip(first.history.weights(), second.history.weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(second.facts["initial"]) == 64
    missing = make_recipe(recipe.to_dict() | {"initial": str(tmp_path / "gone")}, recipe.name)
    with pytest.raises(RecipeError, match="initial: expected the folder of a run"):
        Federation(missing, Plan(2, 1), dataset.split("PublicTest"), tmp_path / "third")
    assert not (tmp_path / "third").exists()
