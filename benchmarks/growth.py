"""What grows with a run, and does it grow in a straight line?

The time per batch should stay what it is, and so should the memory, whether a run has a thousand
batches or a million. A callback or metric more should cost the same after the first ten thousand
as after the first ten, and a layer more what it costs in a loop by hand.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _interleaved import Stopwatch, interleave
from _results import Row, footer, save, table
from torch import Tensor, nn

from backbeat import Loop
from backbeat.callbacks import Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau
from backbeat.layers import Dense
from backbeat.models import Sequential

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> float:
    """The memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE / 1e6


class Rest(Callback):
    """Keeps the time and the memory from the second epoch on, which leaves the set-up out."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.memory, self.watch = resident(), Stopwatch()
            self.watch.start()

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.watch.stop()
            self.memory = resident() - self.memory


class BothEnds(Callback):
    """Answers the begin and the end of every batch."""

    def on_batch_begin(self, batch, logs=None):
        pass

    def on_batch_end(self, batch, logs=None):
        pass


def usual(folder: str) -> list[Callback]:
    """The callbacks of an ordinary run, none of which ever acts."""
    watching = EarlyStopping("loss", patience=10**9), ReduceLROnPlateau("loss", patience=10**9)
    return [CSVLogger(str(Path(folder) / "log.csv")), *watching]


def small(metrics: list[Any] | None = None) -> Sequential:
    """A model so small that little else is measured."""
    model = Sequential([Dense(2, input_dim=8)])
    model.compile("sgd", "mse", metrics=metrics)
    return model


def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same batch for ever."""
    x, y = np.ones((8, 8), np.float32), np.ones((8, 2), np.float32)
    while True:
        yield x, y


def fitted(model: Sequential, batches: int, callbacks: list[Callback]) -> Row:
    """The second of two epochs of that many batches: CPU µs per batch, and MB more."""
    rest = Rest()
    model.fit(endless(), steps_per_epoch=batches, epochs=2, verbose=0, callbacks=[callbacks, rest])
    return {"us": rest.watch.cpu / batches * 1e6, "mb": rest.memory}


def by_batches(counts: list[int]) -> list[Row]:
    """`fit` with the usual callbacks, by the number of batches in an epoch."""
    fitted(small(), 100, [])
    rows: list[Row] = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append({"grows": "batches (fit)", "count": count})
            rows[-1] |= fitted(small(), count, usual(folder))
    return rows


def by_logged_batches(counts: list[int]) -> list[Row]:
    """An own loop that does nothing but tell its loss, which leaves only what is ours."""
    rows: list[Row] = []
    for count in counts:
        watch, module = Stopwatch(), nn.Linear(1, 1)
        optimizer = torch.optim.SGD(module.parameters())
        with (
            tempfile.TemporaryDirectory() as folder,
            Loop(module, optimizer, callbacks=usual(folder), epochs=1) as loop,
        ):
            for _ in loop.epochs():
                watch.start()
                before = resident()
                for _ in loop.batches(range(count)):
                    loop.log_batch(loss=0.5, size=8)
                watch.stop()
                grown = resident() - before
        rows.append({"grows": "batches (own loop)", "count": count})
        rows[-1] |= {"us": watch.cpu / count * 1e6, "mb": grown}
    return rows


def by_callbacks(counts: list[int], batches: int = 200) -> list[Row]:
    """Callbacks that answer both ends of every batch."""
    bare = fitted(small(), batches, [])["us"]
    rows: list[Row] = []
    for count in counts:
        found = fitted(small(), batches, [BothEnds() for _ in range(count)])
        rows.append({"grows": "callbacks", "count": count, **found})
        rows[-1]["each"] = (found["us"] - bare) / count
    return rows


def by_metrics(counts: list[int]) -> list[Row]:
    """Metrics that compute next to nothing, each with its name in the logs and the history."""
    bare = fitted(small(), 50, [])["us"]
    rows: list[Row] = []
    for count in counts:
        metrics = [_metric(number) for number in range(count)]
        begin = time.process_time()
        found = fitted(small(metrics), 20, [])
        rows.append({"grows": "metrics", "count": count, **found})
        rows[-1]["each"] = (found["us"] - bare) / count
        rows[-1]["in all s"] = time.process_time() - begin
    return rows


def _metric(number: int) -> Callable[[Tensor, Tensor], Tensor]:
    def metric(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return y_pred.sum()

    metric.__name__ = f"metric_{number}"
    return metric


def by_layers(counts: list[int], rounds: int) -> list[Row]:
    """`fit` of many small layers, next to a loop by hand over the same."""
    rows: list[Row] = []
    x, y = torch.ones(8 * 20, 8), torch.ones(8 * 20, 8)
    for count in counts:
        model = Sequential([Dense(8, input_dim=8) for _ in range(count)])
        model.compile("adam", "mse")
        module = nn.Sequential(*(nn.Linear(8, 8) for _ in range(count)))
        optimizer = torch.optim.Adam(module.parameters(), fused=True)

        def by_hand(module: nn.Module = module, optimizer: Any = optimizer) -> None:
            for rows in torch.randperm(len(x)).split(8):
                optimizer.zero_grad()
                F.mse_loss(module(x.index_select(0, rows)), y.index_select(0, rows)).backward()
                optimizer.step()

        def fit(model: Sequential = model) -> None:
            model.fit(x, y, batch_size=8, verbose=0)

        timings = interleave({"fit": fit, "by hand": by_hand}, rounds)
        mine, theirs = timings["fit"], timings["by hand"]
        rows.append({"grows": "layers", "count": count, "us": mine.median() / 20 * 1e6})
        rows[-1] |= {"each": mine.median() / 20 * 1e6 / count, "x": mine.ratios(theirs).median}
    return rows


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [
        [
            row["grows"],
            f"{row['count']:,}",
            f"{row['us']:.1f}",
            f"{row['each']:.3f}" if "each" in row else "",
            f"{row['mb']:.1f}" if "mb" in row else "",
            f"{row['x']:.2f}" if "x" in row else "",
        ]
        for row in rows
    ]
    heads = ["", "count", "CPU µs/batch", "µs for each", "MB more in the epoch", "× loop by hand"]
    return "\n".join([table(heads, body), "", footer(head)])


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="nothing beyond thousands")
    arguments.add_argument(
        "--million", action="store_true", help="`fit` up to a million batches too: minutes more"
    )
    chosen = arguments.parse_args()
    quick = chosen.quick
    torch.set_num_threads(1)
    rows = [
        *by_batches(
            [100, 1_000] if quick else [1_000, 10_000, 100_000, *[1_000_000] * chosen.million]
        ),
        *by_logged_batches([1_000, 10_000] if quick else [1_000, 10_000, 100_000, 1_000_000]),
        *by_callbacks([10, 100] if quick else [10, 100, 1_000, 10_000]),
        *by_metrics([10, 100] if quick else [10, 100, 1_000, 10_000]),
        *by_layers([1, 10] if quick else [1, 10, 100, 1_000], 1 if quick else 3),
    ]
    print(report(save("growth", rows)))


if __name__ == "__main__":
    main()
