"""The Lightning module's parts: schedule, loss, optimiser, and the order of the batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mien.datasets import FaceDataset
from mien.labels import FERPLUS
from mien.preprocess import InputSpec, to_input
from mien.training.batches import FaceTensors, OrderedBatches, ShuffledBatches
from mien.training.module import ExpressionModule, seed_of
from mien.training.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def module_of(recipe: Recipe, dataset: FaceDataset) -> ExpressionModule:
    training, validation = (FaceTensors.of(dataset.split(name)) for name in ("Training", "PublicTest"))
    return ExpressionModule(recipe, training, validation, dataset.label_set, with_votes=dataset.votes is not None)


LOGITS = {
    "fer2013": torch.tensor([[2.0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0, 0, 0], [0, 3.0, 0, 0, 0, 0, 0]]),
    "ferplus": torch.tensor([[1.0] + [0] * 7, [0] * 7 + [2.0], [5.0] + [0] * 7]),
}
TARGETS = torch.eye(7)[[0, 3, 6]]
SHARES = torch.tensor([[0.75, 0.25, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1.0], [0] * 8])  # the last has no vote


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """By hand, per face: the sum over classes of -target log(softmax)."""
    probabilities = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -(targets * probabilities.log()).sum(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [1.0, 0.5, 0.0])
def test_the_loss_is_that_by_hand(smoothing: float, weight: float, tiny: MakeRecipe, dataset: FaceDataset) -> None:
    recipe = tiny(f"loss.label_smoothing={smoothing}", f"loss.votes_weight={weight}")
    smoothed = TARGETS * (1 - smoothing) + smoothing / 7
    of_labels = cross_entropy(LOGITS["fer2013"], smoothed).mean()
    of_votes = (cross_entropy(LOGITS["ferplus"][:2], SHARES[:2])).sum() / 3
    loss = module_of(recipe, dataset).loss(LOGITS, TARGETS, SHARES)
    torch.testing.assert_close(loss, of_labels + weight * of_votes)


def test_a_face_without_votes_gives_the_vote_head_no_gradient(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    logits = {name: values.clone().requires_grad_() for name, values in LOGITS.items()}
    module_of(tiny(), dataset).loss(logits, TARGETS, SHARES).backward()
    gradient = logits["ferplus"].grad
    assert gradient is not None
    assert gradient[:2].abs().sum(1).min() > 0
    assert not gradient[2].any()
    assert logits["fer2013"].grad is not None
    assert logits["fer2013"].grad[2].any()


def test_a_data_set_without_votes_has_the_label_head_and_loss_alone(
    tiny: MakeRecipe, without_votes: FaceDataset
) -> None:
    module = module_of(tiny("loss.label_smoothing=0"), without_votes)
    assert set(module.network(torch.zeros(2, 1, 44, 44))) == {"fer2013"}
    only_labels = {"fer2013": LOGITS["fer2013"]}
    expected = cross_entropy(LOGITS["fer2013"], TARGETS).mean()
    torch.testing.assert_close(module.loss(only_labels, TARGETS, SHARES), expected)


def test_class_weights_make_all_classes_count_alike(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    rare = dataset.take(np.flatnonzero((dataset.labels != 3) | (np.arange(len(dataset)) < 14)))
    plain, weighted = (module_of(tiny(f"loss.class_weights={name}"), rare) for name in ("none", "balanced"))
    assert plain.class_weights is None
    assert weighted.class_weights is not None
    assert int(weighted.class_weights.argmax()) == 3
    logits = {"fer2013": torch.zeros(2, 7), "ferplus": torch.zeros(2, 8)}
    none = torch.zeros(2, 8)
    of_rare, of_common = (weighted.loss(logits, torch.eye(7)[[label] * 2], none) for label in (3, 0))
    assert of_rare > 2 * of_common
    torch.testing.assert_close(*(plain.loss(logits, torch.eye(7)[[label] * 2], none) for label in (3, 0)))


def test_the_weights_of_faces_weigh(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    module = module_of(tiny(), dataset)
    alone = module.loss({name: values[:1] for name, values in LOGITS.items()}, TARGETS[:1], SHARES[:1])
    torch.testing.assert_close(module.loss(LOGITS, TARGETS, SHARES, torch.tensor([[2.0], [0], [0]])), alone)
    everyone = module.loss(LOGITS, TARGETS, SHARES)
    torch.testing.assert_close(module.loss(LOGITS, TARGETS, SHARES, torch.full((3, 1), 0.3)), everyone)


def test_weights_of_the_data_set_reach_the_batches(dataset: FaceDataset) -> None:
    weights = np.linspace(0.5, 2, len(dataset)).astype(np.float32)
    faces = FaceTensors.of(replace(dataset, weights=weights))
    assert faces.weights[:, 0].tolist() == weights.tolist()
    assert FaceTensors.of(dataset).weights.unique().tolist() == [1]


def test_balanced_sampling_draws_every_class_alike() -> None:
    faces = numbered(700)
    faces.labels = torch.where(torch.arange(700) < 630, 0, 1)
    faces.targets = torch.nn.functional.one_hot(faces.labels, 2).float()
    drawn = torch.cat([batch.targets for batch in ShuffledBatches(faces, 50, seed=0, balanced=True)])
    assert drawn[:, 1].mean().item() == pytest.approx(0.5, abs=0.08)
    natural = torch.cat([batch.targets for batch in ShuffledBatches(faces, 50, seed=0)])
    assert natural[:, 1].mean().item() == pytest.approx(0.1)


def test_processes_share_every_batch() -> None:
    whole = [batch.targets[:, 0].tolist() for batch in ShuffledBatches(numbered(50), 8, seed=0)]
    parts = [
        [batch.targets[:, 0].tolist() for batch in ShuffledBatches(numbered(50), 8, seed=0, rank=rank, world=2)]
        for rank in range(2)
    ]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert sorted(first + second) == sorted(batch)
        assert len(first) == len(second) == 4


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_weight_decay_is_for_matrices_only(name: str, tiny: MakeRecipe, dataset: FaceDataset) -> None:
    module = module_of(tiny(f"optimizer.name={name}", "optimizer.weight_decay=0.3"), dataset)
    optimizer = module.configure_optimizers()["optimizer"]
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for key, parameter in module.network.named_parameters():
        assert decays[id(parameter)] == (0.3 if parameter.ndim > 1 else 0), key
    assert len(decays) == len(list(module.network.parameters()))
    assert {0, 0.3} == set(decays.values())
    assert type(optimizer).__name__.lower() == name


def test_sgd_takes_the_recipes_momentum(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    module = module_of(tiny("optimizer.name=sgd", "optimizer.momentum=0.7"), dataset)
    group = module.configure_optimizers()["optimizer"].param_groups[0]
    assert (group["momentum"], group["nesterov"]) == (0.7, True)


def test_the_schedule_spans_all_steps_of_the_run(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    recipe = tiny("epochs=5", "batch_size=16", "schedule.final=0", "optimizer.learning_rate=0.25")
    module = module_of(recipe, dataset)
    configured = module.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert configured["lr_scheduler"]["interval"] == "step"
    rates = []
    for step in range(5 * 3):  # 63 faces are three batches of 16
        rates.append(optimizer.param_groups[0]["lr"])
        module.clock.done = (step + 1) / 15
        optimizer.step()
        scheduler.step()
    assert max(rates) == 0.25
    assert min(rates) > 0
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def numbered(n: int) -> FaceTensors:
    """Faces whose every array holds their number."""
    numbers = torch.arange(n)
    return FaceTensors(
        crops=numbers.to(torch.uint8)[:, None, None].expand(n, 48, 48),
        labels=numbers % 7,
        targets=numbers[:, None].float(),
        shares=numbers[:, None].float(),
        plurality=numbers,
        weights=torch.ones(n, 1),
    )


def order(batches: ShuffledBatches) -> list[int]:
    return [int(number) for batch in batches for number in batch.targets[:, 0]]


def test_the_order_follows_from_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = order(ShuffledBatches(numbered(50), 10, seed=7))
    torch.manual_seed(2)
    batches = ShuffledBatches(numbered(50), 10, seed=7)
    assert order(batches) == first == order(batches)
    assert order(ShuffledBatches(numbered(50), 10, seed=8)) != first
    assert first != sorted(first)


def test_an_epoch_covers_every_face_once_but_the_remainder() -> None:
    batches = ShuffledBatches(numbered(50), 8, seed=0)
    assert len(batches) == 6
    assert [len(batch.crops) for batch in batches] == [8] * 6
    assert len(set(order(batches))) == 48
    assert sorted(order(ShuffledBatches(numbered(50), 10, seed=0))) == list(range(50))


def test_the_faces_left_out_change_with_the_seed() -> None:
    left_out = {frozenset(set(range(50)) - set(order(ShuffledBatches(numbered(50), 8, seed)))) for seed in range(5)}
    assert len(left_out) > 1


def test_a_split_smaller_than_a_batch_is_one_batch() -> None:
    assert [len(batch.crops) for batch in ShuffledBatches(numbered(5), 8, seed=0)] == [5]


def test_faces_and_targets_stay_together() -> None:
    for crops, targets, shares, _ in ShuffledBatches(numbered(50), 8, seed=3):
        assert torch.equal(crops[:, 0, 0].float(), targets[:, 0])
        assert torch.equal(targets, shares)


def test_ordered_batches_cover_everything_in_order() -> None:
    inputs = torch.arange(10.0)[:, None]
    batches = OrderedBatches(inputs, 4)
    assert len(batches) == 3
    assert torch.equal(torch.cat([batch for (batch,) in batches]), inputs)


def test_a_split_becomes_tensors(dataset: FaceDataset) -> None:
    split = dataset.split("PublicTest")
    faces = FaceTensors.of(split)
    assert len(faces) == 21
    assert faces.targets.argmax(1).tolist() == split.labels.tolist()
    assert faces.targets.sum(1).tolist() == [1] * 21
    assert faces.shares.shape == (21, 8)
    torch.testing.assert_close(faces.shares.sum(1), torch.ones(21))
    assert torch.equal(faces.plurality, faces.shares.argmax(1))
    assert torch.equal(faces.inputs(InputSpec()), torch.from_numpy(to_input(split.faces, InputSpec())))


def test_a_split_without_votes_has_shares_of_zero_and_no_plurality(without_votes: FaceDataset) -> None:
    faces = FaceTensors.of(without_votes)
    assert not faces.shares.any()
    assert set(faces.plurality.tolist()) == {-1}


def test_a_face_without_a_vote_has_no_plurality(dataset: FaceDataset) -> None:
    assert dataset.votes is not None
    votes = dataset.votes.copy()
    votes[3, : len(FERPLUS)] = 0
    faces = FaceTensors.of(replace(dataset, votes=votes))
    assert faces.plurality[3] == -1
    assert (faces.plurality >= 0).sum() == len(dataset) - 1


def test_neighbouring_seeds_and_epochs_do_not_meet() -> None:
    assert len({seed_of(seed, epoch) for seed in range(20) for epoch in range(-1, 120)}) == 20 * 121


@pytest.mark.parametrize(("epoch", "size"), [(0, 32), (1, 32), (2, 44), (3, 44)])
def test_the_first_epochs_are_small(epoch: int, size: int, tiny: MakeRecipe, dataset: FaceDataset) -> None:
    recipe = tiny("epochs=4", "schedule.small_size=32", "schedule.small_until=0.5")
    module = module_of(recipe, dataset)
    module.clock.done = epoch / recipe.epochs
    module.on_train_epoch_start()
    assert module.augment.size == size


def test_every_epoch_has_an_order_of_its_own(tiny: MakeRecipe, dataset: FaceDataset) -> None:
    def labels(epoch: int) -> list[int]:
        module = module_of(tiny(), dataset)
        module.__class__ = type("AtEpoch", (ExpressionModule,), {"current_epoch": epoch})
        return [int(label) for batch in module.train_dataloader() for label in batch.targets.argmax(1)]

    assert labels(0) == labels(0)
    assert labels(0) != labels(1)
