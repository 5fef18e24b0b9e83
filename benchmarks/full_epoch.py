"""What does each callback of `full` add to a batch?

The softmax model: the loop by hand, `fit`, `fit` with the accuracy and a bar, then one callback
more at a time. All take turns in one process.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import torch
from _contenders.backbeat import LAYERS, usual
from _contenders.raw import Raw, shuffled
from _interleaved import interleave
from _results import Row, footer, save, table
from _work import BATCH, Work

from backbeat.losses import SparseCategoricalCrossentropy
from backbeat.models import Sequential
from backbeat.optimizers import RMSprop

SHORT, LONG = 1, 4

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
    """CPU µs per batch of each step of the ladder, and how many more than the step before."""
    steps = ladder(work, folder)
    timings = interleave(
        {
            f"{name} {epochs}": lambda fit=fit, epochs=epochs: fit(epochs)
            for name, fit in steps.items()
            for epochs in (SHORT, LONG)
        },
        rounds,
    )
    batches = (LONG - SHORT) * work.batches
    slopes = {
        name: timings[f"{name} {LONG}"].extra(timings[f"{name} {SHORT}"]).values for name in steps
    }
    before, rows = [0.0] * rounds, list[Row]()
    for name, mine in slopes.items():
        more = median(a - b for a, b in zip(mine, before, strict=True))
        rows.append(
            {"step": name, "us": median(mine) / batches * 1e6, "more": more / batches * 1e6}
        )
        before = mine
    return rows


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [[row["step"], f"{row['us']:.0f}", f"{row['more']:+.1f}"] for row in rows]
    return "\n".join([table(["", "CPU µs/batch", "more"], body), "", footer(head)])


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
        rows = added(work, Path(name), 2 if quick else 9)
    print(report(save("full_epoch", rows)))


if __name__ == "__main__":
    main()
