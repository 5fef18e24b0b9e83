from __future__ import annotations

import time
from typing import Any

import pytest

from backbeat.errors import BackbeatWarning
from backbeat.hooks import Callback, CallbackList, Cost, CostTable
from backbeat.hooks.cost import next_sampled


class Slow(Callback):
    """Takes two milliseconds for a batch, five for an epoch."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        time.sleep(0.002)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        time.sleep(0.005)


def row(table: CostTable, hook: str) -> Cost:
    (cost,) = (cost for cost in table if cost.hook == hook)
    return cost


def run(hooks: CallbackList, batches: int) -> None:
    for batch in range(batches):
        hooks.on_train_batch_begin(batch, {})
        hooks.on_train_batch_end(batch, {})
    hooks.on_epoch_end(0, {})


def run_twice(hooks: CallbackList) -> None:
    run(hooks, 3)
    run(hooks, 3)


def test_the_first_batches_and_then_one_in_64_are_timed() -> None:
    """Often enough to be true, seldom enough to be free."""
    assert [n for n in range(200) if next_sampled(n) == n] == [*range(8), 64, 128, 192]


def test_counts_all_calls_and_estimates_their_time() -> None:
    """A row for each hook that was answered; what is estimated is marked so."""
    hooks = CallbackList([Slow()])
    run(hooks, 20)
    batch, epoch = row(hooks.cost(), "on_train_batch_end"), row(hooks.cost(), "on_epoch_end")

    assert (batch.callback, batch.calls, batch.timed_calls, batch.estimated) == (
        "Slow",
        20,
        8,
        True,
    )
    assert 0.04 <= batch.seconds < 0.4
    assert (epoch.calls, epoch.estimated) == (1, False)
    assert epoch.seconds >= 0.005


def test_the_table_shows_the_dearest_first() -> None:
    """Printed, with a sign where it is an estimate."""
    hooks = CallbackList([Slow()])
    run(hooks, 20)
    header, first, second = str(hooks.cost()).splitlines()

    assert header.split() == ["callback", "hook", "calls", "seconds"]
    assert first.split()[:4] == ["Slow", "on_train_batch_end", "20", "~"]
    assert second.split()[:3] == ["Slow", "on_epoch_end", "1"]


def test_a_hook_that_was_never_rung_costs_nothing() -> None:
    """No division by no calls."""
    hooks = CallbackList([Slow()])

    assert all(cost.seconds == 0 for cost in hooks.cost())
    assert str(hooks.cost()).count("\n") == 0


def test_adding_a_callback_keeps_what_was_measured() -> None:
    """The costs so far stay with their callbacks."""
    hooks = CallbackList([Slow()])
    run(hooks, 2)
    hooks.append(Callback())

    assert row(hooks.cost(), "on_epoch_end").seconds >= 0.005


def test_a_slow_hook_is_named_once() -> None:
    """With its share of the batch."""

    class VerySlow(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            time.sleep(0.02)

    hooks = CallbackList([VerySlow()])
    with pytest.warns(BackbeatWarning, match=r"VerySlow.on_train_batch_end takes 0\.") as caught:
        run_twice(hooks)

    assert len(caught) == 1


def test_a_hook_that_was_held_up_once_is_not_called_slow() -> None:
    """A busy machine may take the processor away in the middle of any call."""

    class HeldUpOnce(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                time.sleep(0.1)

    hooks = CallbackList([HeldUpOnce()])
    run(hooks, 3)

    assert row(hooks.cost(), "on_train_batch_end").mean_seconds > 0.03
