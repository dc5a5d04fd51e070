"""What one client does: it trains from the weights it is given, on its own faces, by the server's recipe."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="the extra 'federated' is not installed here: see docs/federated.md")

from mien.datasets import FaceDataset
from mien.errors import InputError
from mien.federated.client import Client, LocalModule
from mien.federated.plan import Plan, recipe_for_clients
from mien.federated.weights import Arrays, arrays_of, load_arrays
from mien.training.batches import FaceTensors
from mien.training.recipe import Recipe


@pytest.fixture
def module(recipe: Recipe, dataset: FaceDataset) -> LocalModule:
    torch.manual_seed(0)
    faces = FaceTensors.of(dataset.split("Training"))
    return LocalModule(recipe_for_clients(recipe, Plan(3, 4)), faces, faces, dataset.label_set, with_votes=False)


def config(module: LocalModule, **more: Any) -> dict[str, Any]:
    base = {"labels": "fer2013", "votes": False, "epoch": 0, "local_epochs": 1, "equal_weights": False}
    return base | {"recipe": json.dumps(module.recipe.to_dict())} | more


def floating(module: LocalModule) -> list[tuple[str, torch.Tensor]]:
    """What travels, by name."""
    state = module.network.state_dict(keep_vars=True)
    return [(name, value) for name, value in state.items() if value.is_floating_point()]


def distance(one: Arrays, other: Arrays) -> float:
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(one, other, strict=True))))


def test_weights_travel_whole(module: LocalModule) -> None:
    sent = arrays_of(module.network)
    names = [name for name, _ in floating(module)]
    assert len(sent) == len(names)
    assert any(name.endswith("running_mean") for name in names)
    with torch.no_grad():
        for parameter in module.network.parameters():
            parameter.zero_()
    load_arrays(module.network, sent)
    for before, after in zip(sent, arrays_of(module.network), strict=True):
        np.testing.assert_array_equal(before, after)


def test_other_weights_are_refused_and_negative_variances_mended(module: LocalModule) -> None:
    sent = arrays_of(module.network)
    with pytest.raises(InputError, match=f"expected {len(sent)} arrays of this network's shapes, got 1"):
        load_arrays(module.network, sent[:1])
    load_arrays(module.network, [array - 5 for array in sent])
    variances = [value for name, value in module.network.state_dict().items() if name.endswith("running_var")]
    assert variances
    assert all((value == 0).all() for value in variances)


def test_a_client_learns_and_repeats_itself(module: LocalModule, dataset: FaceDataset) -> None:
    start = arrays_of(module.network)
    client = Client(dataset.split("Training"), "cpu")
    first, count, metrics = client.fit(start, config(module))
    again = client.fit(start, config(module))[0]
    assert count == metrics["faces"] == 63
    assert distance(first, start) > 0.1
    assert distance(first, again) == 0
    later = client.fit(start, config(module, epoch=2))[0]  # other order, other learning rate
    assert distance(first, later) > 0
    losses = [metrics["train_loss"]]
    for epoch in range(1, 4):
        first, _, metrics = client.fit(first, config(module, epoch=epoch))
        losses.append(metrics["train_loss"])
    assert losses[-1] < losses[0]


def test_the_proximal_term_keeps_weights_near(module: LocalModule, dataset: FaceDataset) -> None:
    start = arrays_of(module.network)
    learnt = [i for i, (_, value) in enumerate(floating(module)) if value.requires_grad]
    client = Client(dataset.split("Training"), "cpu")

    def moved(mu: float) -> float:
        ended = client.fit(start, config(module, proximal_mu=mu, local_epochs=3))[0]
        return distance([ended[i] for i in learnt], [start[i] for i in learnt])

    assert moved(1.0) < 0.8 * moved(0.0)


def test_the_proximal_term_is_half_mu_times_the_squared_distance(module: LocalModule) -> None:
    module.on_fit_start()
    with torch.no_grad():
        for parameter in module.network.parameters():
            parameter.add_(0.5)
    count = sum(parameter.numel() for parameter in module.network.parameters())
    assert float(module.distance().detach()) == pytest.approx(0.25 * count, rel=1e-5)


def test_under_privacy_all_clients_weigh_alike(module: LocalModule, dataset: FaceDataset) -> None:
    client = Client(dataset.split("Training"), "cpu")
    _, count, metrics = client.fit(arrays_of(module.network), config(module, equal_weights=True))
    assert count == 1
    assert "faces" not in metrics


def test_a_client_that_does_not_fit_the_server_says_so(module: LocalModule, dataset: FaceDataset) -> None:
    client = Client(dataset.split("Training"), "cpu")
    with pytest.raises(InputError, match="Start the client with --labels affectnet"):
        client.fit(arrays_of(module.network), config(module, labels="affectnet"))
    with pytest.raises(InputError, match="Start the client with --votes"):
        client.fit(arrays_of(module.network), config(module, votes=True))
