"""What does each callback of `full` add to a batch?

The softmax model: the loop by hand, `fit`, `fit` with the accuracy and a bar, then one callback
more at a time. All take turns in one process, on models that lie in the same memory, and what a
step adds is the median of what it added in each round; a few processes, for each has its own luck
with its memory. Timed are the epochs after the first, from end to end, so nothing that happens
once per fit is in it. Callbacks work in the thread that trains and in threads of their own, so the
first is shown by itself too. The last step is the one before it once more: so much is noise.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import torch
from _contenders.backbeat import LAYERS, usual
from _contenders.raw import Raw, shuffled
from _field import SURROUNDINGS
from _interleaved import Stopwatch, Timing, in_new_process, interleave
from _results import Row, footer, save, table
from _work import BATCH, Work

from backbeat.callbacks import Callback
from backbeat.losses import SparseCategoricalCrossentropy
from backbeat.models import Sequential
from backbeat.optimizers import RMSprop

EPOCHS = 4
PROCESSES, ROUNDS = 3, 5
QUICK_PROCESSES, QUICK_ROUNDS, QUICK_STEPS = 1, 2, 5

Fit = Callable[[], Stopwatch]
Seconds = dict[str, dict[str, list[float]]]
"""Of each step, by each clock, in each round."""


class Clocking(Callback):
    """Times the epochs after the first, all that the others do at their ends included."""

    phase = "save"

    def __init__(self) -> None:
        self.watch = Stopwatch()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if epoch == 0:
            self.watch.start()
        if epoch == EPOCHS - 1:
            self.watch.stop()


def compiled(work: Work, metrics: list[str] | None) -> Sequential:
    """The model that all steps with these metrics train, so that its place does not differ."""
    model = Sequential(LAYERS[work.model]())
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.compile(RMSprop(work.rate), loss, metrics=metrics)
    return model


def fitted(model: Sequential, work: Work, folder: Path, callbacks: int, verbose: int) -> Stopwatch:
    """A `fit` with the first so many of the callbacks."""
    clocking = Clocking()
    model.fit(
        *work.arrays,
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=verbose,
        callbacks=[*usual(folder)[:callbacks], clocking],
    )
    return clocking.watch


def by_hand(loop: Raw) -> Stopwatch:
    """As many epochs of the bare loop as are timed of a fit."""
    watch = Stopwatch()
    watch.start()
    loop.fit(EPOCHS - 1)
    watch.stop()
    return watch


def ladder(work: Work, folder: Path) -> dict[str, Fit]:
    """From the loop by hand to `full`, one thing more at a time."""
    bare, measured = compiled(work, None), compiled(work, ["accuracy"])
    # Two that do nothing but at the end of an epoch, and little there, are one step.
    named = {1: "CSVLogger", 3: "EarlyStopping, ReduceLROnPlateau", 4: "ModelCheckpoint"}
    named[len(usual(folder))] = "TensorBoard"
    full = {
        f"+ {name}": partial(fitted, measured, work, folder, number, 1)
        for number, name in named.items()
    }
    return {
        "loop by hand, shuffled": partial(by_hand, Raw(work, False, folder, shuffled)),
        "fit": partial(fitted, bare, work, folder, 0, 0),
        "+ accuracy": partial(fitted, measured, work, folder, 0, 0),
        "+ ProgbarLogger": partial(fitted, measured, work, folder, 0, 1),
        **full,
        "the same again": full["+ TensorBoard"],
    }


def seconds(work: Work, rounds: int) -> Seconds:
    """What each step took in this process."""
    with (
        tempfile.TemporaryDirectory() as name,
        Path(name, "printed").open("w", encoding="utf-8") as printed,
        redirect_stdout(printed),
    ):
        timings = interleave(ladder(work, Path(name)), rounds)
    return {step: {"cpu": each.cpu, "thread": each.thread} for step, each in timings.items()}


def added(found: list[Seconds], batches: int) -> list[Row]:
    """CPU µs per batch of each step of the ladder, and how many more than the step before.

    In all threads, and in the one that trains.
    """
    timings: dict[str, Timing] = {}
    for each in found:
        for step, clocks in each.items():
            mine = timings.setdefault(step, Timing())
            mine.cpu += clocks["cpu"]
            mine.thread += clocks["thread"]
    first = before = next(iter(timings.values()))
    rows, unit = list[Row](), 1e6 / ((EPOCHS - 1) * batches)
    for step, mine in timings.items():
        more = mine.extra(before)
        low, high = more.quartiles
        rows.append(
            {
                "step": step,
                "us": mine.median() * unit,
                "x": mine.ratios(first).median,
                "more": more.median * unit,
                "half within": [low * unit, high * unit],
                "thread": mine.extra(before, "thread").median * unit,
            }
        )
        before = mine
    return rows


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [
        [
            *(row["step"], f"{row['us']:.0f}", f"{row['x']:.2f}", f"{row['more']:.0f}"),
            "{:.0f} to {:.0f}".format(*row["half within"]),
            f"{row['thread']:.0f}",
        ]
        for row in rows
    ]
    heads = ["", "CPU µs/batch", "× by hand", "more", "half within", "in the thread that trains"]
    return "\n".join([table(heads, body), "", footer(head)])


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="two rounds, short epochs")
    arguments.add_argument("--measure", action="store_true", help="in this process, as JSON")
    given = arguments.parse_args()
    work = Work("softmax", steps=QUICK_STEPS if given.quick else 0)
    if given.measure:
        torch.set_num_threads(1)
        print(json.dumps(seconds(work, QUICK_ROUNDS if given.quick else ROUNDS)))
        return
    os.environ.update(SURROUNDINGS)
    order = [__file__, "--measure", *(["--quick"] if given.quick else [])]
    found = [in_new_process(*order) for _ in range(QUICK_PROCESSES if given.quick else PROCESSES)]
    torch.set_num_threads(1)
    print(report(save("full_epoch", added(found, work.batches))))


if __name__ == "__main__":
    main()
