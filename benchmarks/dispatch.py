"""What does a callback cost per batch?

First by itself: the begin and the end of a batch rung on a `CallbackList`, next to the floor, a
bare loop over the same bound methods. Then inside `fit`, on a model so small that little else is
measured. Callbacks that are silent, or only answer epochs, should cost nothing at all. `fastest`
compares the fastest repetitions, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from itertools import chain

import torch
from _interleaved import Stopwatch, Timing, interleave, machine

from backbeat.callbacks import Callback, CallbackList
from backbeat.layers import Dense
from backbeat.models import Sequential

RINGS, BATCHES, GOAL = 10_000, 250, 1.3


class Silent(Callback):
    """Answers nothing."""


class EpochOnly(Callback):
    """Answers both ends of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        pass

    def on_epoch_end(self, epoch, logs=None):
        pass


class EveryBatch(Callback):
    """Answers both ends of a batch."""

    def on_batch_begin(self, batch, logs=None):
        pass

    def on_batch_end(self, batch, logs=None):
        pass


CROWDS: dict[str, list[Callback]] = {
    "0": [],
    **{f"{count} silent": [Silent() for _ in range(count)] for count in (1, 10, 50)},
    **{f"{count} epoch-only": [EpochOnly() for _ in range(count)] for count in (1, 10, 50)},
    **{f"{count} every batch": [EveryBatch() for _ in range(count)] for count in (1, 10, 50)},
}


def rung(callbacks: list[Callback]) -> Callable[[], None]:
    """The begin and the end of many batches, on a CallbackList."""
    hooks, logs = CallbackList(callbacks), {"loss": 0.5}

    def ring() -> None:
        for batch in range(RINGS):
            hooks.on_train_batch_begin(batch, logs)
            hooks.on_train_batch_end(batch, logs)

    return ring


def floor(callbacks: list[Callback]) -> Callable[[], None]:
    """The same calls without a CallbackList: no order, no costs, no care for errors."""
    logs = {"loss": 0.5}
    heard = [each for each in callbacks if isinstance(each, EveryBatch)]
    begins = tuple(each.on_batch_begin for each in heard)
    ends = tuple(each.on_batch_end for each in heard)

    def ring() -> None:
        for batch in range(RINGS):
            for begin in begins:
                begin(batch, logs)
            for end in ends:
                end(batch, logs)

    return ring


class TimeOfBatches(Callback):
    """Measures what lies between the ends of an epoch, which leaves out the set-up of `fit`."""

    def on_train_begin(self, logs=None):
        self.watch = Stopwatch()

    def on_epoch_begin(self, epoch, logs=None):
        self.watch.start()

    def on_epoch_end(self, epoch, logs=None):
        self.watch.stop()


def fitted(callbacks: list[Callback]) -> Callable[[], Stopwatch]:
    """One epoch of many small batches, with the callbacks."""
    torch.manual_seed(0)
    x, y = torch.rand(8 * BATCHES, 8), torch.rand(8 * BATCHES, 2)
    model = Sequential([Dense(2, input_dim=8)])
    model.compile(optimizer="sgd", loss="mse")
    timed = TimeOfBatches()

    def fit() -> Stopwatch:
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[callbacks, timed])
        return timed.watch

    return fit


def micro(seconds: float, batches: int) -> float:
    """Seconds for many batches as microseconds for one."""
    return seconds / batches * 1e6


def report_rings(rounds: int) -> float:
    """Print the first table; returns what a callback costs over what it costs at the floor."""
    rings = {name: rung(crowd) for name, crowd in CROWDS.items()}
    floors = {f"floor of {name}": floor(crowd) for name, crowd in CROWDS.items()}
    timings = interleave(rings | floors, rounds)
    print(f"CallbackList alone, CPU µs per batch (begin + end); {rounds} rounds of {RINGS} batches")
    print(f"{'callbacks':<18}{'backbeat':>10}{'bare loop':>11}{'difference':>12}")
    for name in CROWDS:
        mine, bare = timings[name], timings[f"floor of {name}"]
        print(
            f"{name:<18}{micro(mine.median(), RINGS):>10.3f}{micro(bare.median(), RINGS):>11.3f}"
            f"{micro(mine.extra(bare).median, RINGS):>12.3f}"
        )
    mine = marginal(timings, "50 every batch", "1 every batch")
    bare = marginal(timings, "floor of 50 every batch", "floor of 1 every batch")
    print(
        f"one more callback, from 1 to 50: {mine:.3f} µs; bare loop {bare:.3f} µs; "
        f"ratio {mine / bare:.2f} (goal: at most {GOAL})"
    )
    return mine / bare


def marginal(timings: Mapping[str, Timing], many: str, few: str) -> float:
    """What each of the 49 further callbacks adds to a batch, in µs."""
    return micro(timings[many].extra(timings[few]).median, RINGS) / 49


def report_fits(rounds: int) -> None:
    """Print the second table."""
    fits = {name: fitted(crowd) for name, crowd in CROWDS.items()}
    timings = interleave(fits | {"0 again": fitted([])}, rounds)
    none = timings["0"]
    print(f"\nInside fit (8-2, batch 8), CPU µs per batch; {rounds} rounds of {BATCHES} batches")
    print(f"{'callbacks':<18}{'in all':>10}{'extra':>9}{'quartiles':>18}{'fastest':>10}")
    for name in chain(CROWDS, ["0 again"]):
        extra = timings[name].extra(none)
        low, high = (micro(each, BATCHES) for each in extra.quartiles)
        print(
            f"{name:<18}{micro(timings[name].median(), BATCHES):>10.1f}"
            f"{micro(extra.median, BATCHES):>9.2f}{f'{low:.2f} to {high:.2f}':>18}"
            f"{micro(min(timings[name].cpu) - min(none.cpu), BATCHES):>10.2f}"
        )


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    rounds = arguments.parse_args().rounds
    torch.set_num_threads(1)
    report_rings(rounds)
    report_fits(4 * rounds)
    print(machine())


if __name__ == "__main__":
    main()
