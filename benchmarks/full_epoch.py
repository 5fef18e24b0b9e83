"""What does each callback of `full` add to a batch?

The softmax model: the loop by hand, `fit`, `fit` with the accuracy and a bar, then one callback
more at a time. All take turns in one process, and what a step adds is the median of what it added
in each round, beginning and end of the fit included. Callbacks work in the thread that trains and
in threads of their own, so the first is shown by itself too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import torch
from _contenders.backbeat import LAYERS, usual
from _contenders.raw import Raw, shuffled
from _interleaved import interleave
from _results import Row, footer, save, table
from _work import BATCH, Work

from backbeat.losses import SparseCategoricalCrossentropy
from backbeat.models import Sequential
from backbeat.optimizers import RMSprop

EPOCHS = 4

_COLUMNS = (("x", 2), ("more", 1), ("thread", 1))

Fit = Callable[[int], None]


def fitted(work: Work, folder: Path, callbacks: int = 0, *, full: bool = True) -> Fit:
    """A `fit` with accuracy and bar if `full`, and with the first so many of the callbacks."""
    folder.mkdir()
    model = Sequential(LAYERS[work.model]())
    model.compile(
        RMSprop(work.rate),
        SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if full else None,
    )
    x, y = work.arrays

    def fit(epochs: int) -> None:
        model.fit(
            *(x, y),
            batch_size=BATCH,
            epochs=epochs,
            verbose=1 if full else 0,
            callbacks=usual(folder)[:callbacks],
        )

    return fit


def ladder(work: Work, folder: Path) -> dict[str, Fit]:
    """From the loop by hand to `full`, one thing more at a time."""
    names = [type(each).__name__ for each in usual(folder)]
    return {
        "loop by hand, shuffled": Raw(work, False, folder, shuffled).fit,
        "fit": fitted(work, folder / "fit", full=False),
        "+ accuracy, ProgbarLogger": fitted(work, folder / "bar"),
        **{
            f"+ {name}": fitted(work, folder / name, number) for number, name in enumerate(names, 1)
        },
    }


def added(work: Work, folder: Path, rounds: int) -> list[Row]:
    """CPU µs per batch of each step of the ladder, and how many more than the step before.

    In all threads, and in the one that trains.
    """
    steps = ladder(work, folder)
    timings = interleave({name: partial(fit, EPOCHS) for name, fit in steps.items()}, rounds)
    by_hand = before = next(iter(timings.values()))
    rows, unit = list[Row](), 1e6 / (EPOCHS * work.batches)
    for name, mine in timings.items():
        rows.append(
            {
                "step": name,
                "us": mine.median() * unit,
                "x": mine.ratios(by_hand).median,
                "more": mine.extra(before).median * unit,
                "thread": mine.extra(before, "thread").median * unit,
            }
        )
        before = mine
    return rows


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [
        [row["step"], f"{row['us']:.0f}", *(f"{row[n]:.{d}f}" for n, d in _COLUMNS)] for row in rows
    ]
    heads = ["", "CPU µs/batch", "× by hand", "more", "of it in the thread that trains"]
    return "\n".join([table(heads, body), "", footer(head)])


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="two rounds, short epochs")
    quick = arguments.parse_args().quick
    torch.set_num_threads(1)
    work = Work("softmax", steps=5 if quick else 0)
    with (
        tempfile.TemporaryDirectory() as name,
        Path(name, "printed").open("w", encoding="utf-8") as printed,
        redirect_stdout(printed),
    ):
        rows = added(work, Path(name), 2 if quick else 24)
    print(report(save("full_epoch", rows)))


if __name__ == "__main__":
    main()
