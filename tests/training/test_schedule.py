"""The curves of the learning rate, and a run's clock with and without a budget of time."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mien.training import schedule
from mien.training.recipe import Recipe
from mien.training.schedule import CURVES, TrainingClock, cosine, one_cycle

MakeRecipe = Callable[..., Recipe]


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (0, 0.1),  # of ten steps of warm-up
        (4, 0.5),
        (9, 1.0),
        (10, 1.0),  # the cosine begins
        (55, 0.505),  # half way from 1 to 0.01
        (100, 0.01),
        (150, 0.01),  # past the end it stays
    ],
)
def test_the_cosine_rises_linearly_and_falls(step: int, factor: float, tiny: MakeRecipe) -> None:
    curve = cosine(tiny("schedule.warmup=0.1", "schedule.final=0.01").schedule, 100)
    assert curve(step) == pytest.approx(factor)


def test_without_warm_up_the_cosine_starts_at_its_highest(tiny: MakeRecipe) -> None:
    curve = cosine(tiny("schedule.warmup=0", "schedule.final=0").schedule, 50)
    assert curve(0) == 1
    assert curve(50) == pytest.approx(0)


@pytest.mark.parametrize(("step", "factor"), [(0, 0.04), (15, 0.52), (30, 1.0), (65, 0.505), (100, 0.01), (150, 0.01)])
def test_one_cycle_rises_and_falls_as_cosines(step: int, factor: float, tiny: MakeRecipe) -> None:
    curve = one_cycle(tiny("schedule.warmup=0.3", "schedule.final=0.01").schedule, 100)
    assert curve(step) == pytest.approx(factor)


def test_the_constant_is_constant(tiny: MakeRecipe) -> None:
    curve = CURVES["constant"](tiny().schedule, 10)
    assert {curve(step) for step in range(12)} == {1.0}


@pytest.mark.parametrize("name", sorted(CURVES))
def test_a_run_of_one_step_has_every_schedule(name: str, tiny: MakeRecipe) -> None:
    assert 0 < CURVES[name](tiny().schedule, 1)(0) <= 1


class Clock:
    """A run whose epochs take as long as they are told, in batches of ten."""

    def __init__(self, clock: TrainingClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.now, self.monkeypatch = clock, 0.0, monkeypatch
        self.trainer: Any = SimpleNamespace(
            current_epoch=0,
            num_training_batches=10,
            should_stop=False,
            strategy=SimpleNamespace(broadcast=lambda value: value),
        )

    def epoch(self, seconds: float, first_half: float | None = None) -> float:
        """Runs an epoch and returns how far the run is after it."""
        module: Any = None
        self.monkeypatch.setattr(schedule.time, "monotonic", lambda: self.now)
        self.clock.on_train_epoch_start(self.trainer, module)
        for batch in range(10):
            self.now += seconds / 10 if first_half is None or batch >= 5 else first_half / 5
            self.clock.on_train_batch_end(self.trainer, module, None, None, batch)
        self.clock.on_train_epoch_end(self.trainer, module)
        self.trainer.current_epoch += 1
        return self.clock.done


def test_without_a_budget_every_epoch_is_one_step_of_the_way(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=4")), monkeypatch)
    assert [clock.epoch(seconds) for seconds in (1, 500, 3, 7)] == [0.25, 0.5, 0.75, 1]
    assert not clock.trainer.should_stop  # Lightning counts its epochs itself


def test_a_budget_that_is_large_enough_changes_nothing(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=4", "max_minutes=10")), monkeypatch)
    assert [clock.epoch(20) for _ in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_a_budget_ends_the_run_and_its_schedule_inside_it(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=100", "max_minutes=5")), monkeypatch)
    way = []
    while not clock.trainer.should_stop:
        way.append(clock.epoch(40))
    assert clock.now <= 300
    assert len(way) == 7  # of 40 seconds
    assert way[-1] == pytest.approx(1)
    assert way == sorted(way)


def test_a_slower_machine_shortens_what_is_left(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=100", "max_minutes=10")), monkeypatch)
    for _ in range(3):
        clock.epoch(20)
    while not clock.trainer.should_stop:
        clock.epoch(60)
    assert 540 <= clock.now <= 600 + 60
    assert clock.clock.done == pytest.approx(1)


def test_compiling_at_the_start_does_not_count_as_speed(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=100", "max_minutes=10")), monkeypatch)
    clock.epoch(20, first_half=120)
    clock.clock.on_train_epoch_start(clock.trainer, None)  # type: ignore[arg-type]
    assert clock.clock.epochs_left == (600 - 20) // 20


def test_a_run_resumed_goes_on_with_its_way_and_its_time(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny("epochs=100", "max_minutes=5")
    whole, half = Clock(TrainingClock(recipe), monkeypatch), Clock(TrainingClock(recipe), monkeypatch)
    expected = [whole.epoch(40) for _ in range(7)]
    for _ in range(3):
        half.epoch(40)
    again = Clock(TrainingClock(recipe), monkeypatch)
    again.clock.load_state_dict(half.clock.state_dict())
    again.trainer.current_epoch = 3
    assert [again.epoch(40) for _ in range(4)] == pytest.approx(expected[3:])
    assert again.trainer.should_stop


def test_a_finished_run_stays_finished(tiny: MakeRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(TrainingClock(tiny("epochs=100", "max_minutes=1")), monkeypatch)
    while not clock.trainer.should_stop:
        clock.epoch(30)
    again = Clock(TrainingClock(tiny("epochs=100", "max_minutes=1")), monkeypatch)
    again.clock.load_state_dict(clock.clock.state_dict())
    again.clock.on_train_start(again.trainer, None)  # type: ignore[arg-type]
    assert again.trainer.should_stop
