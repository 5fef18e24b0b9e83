"""Does `fit` keep a GPU as busy as a loop by hand does?

The MLP with Adam. `bare` shows nothing; `full` has the usual callbacks on, with TensorBoard per
epoch, so no value of a batch is asked for. With `graph` they are compiled with cuda_graph=True.
Their data are on the GPU from the start; those of the last two are in host memory, from where the
loop by hand sends each batch as documentation shows it. Counted are the operations of a batch that
wait for the GPU, as torch reports them. Without a GPU there is nothing to ask, and this says so.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from _interleaved import Stopwatch, interleave
from _results import Row, footer, save, table
from _work import BATCH, NEVER, Work

from backbeat import callbacks as watching
from backbeat.layers import Dense
from backbeat.losses import SparseCategoricalCrossentropy
from backbeat.models import Sequential
from backbeat.optimizers import Adam

GOALS = {"bare": 1.03, "full": 1.05}

Fit = Callable[[int, int], None]
"""Trains that many epochs of that many batches."""


def by_hand(work: Work, device: str) -> Fit:
    """The shortest loop with the same shuffling and the same form of the optimizer."""
    module = work.module().to(device)
    optimizer = work.torch_optimizer(module, fused=True)
    x, y = (tensor.to(device) for tensor in work.tensors)

    def fit(epochs: int, batches: int) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(batches * BATCH, device=device).split(BATCH):
                optimizer.zero_grad()
                F.cross_entropy(module(x.index_select(0, rows)), y.index_select(0, rows)).backward()
                optimizer.step()

    return fit


def by_hand_from_host(work: Work, device: str) -> Fit:
    """The same from host memory: a batch is gathered there and then sent."""
    module = work.module().to(device)
    optimizer = work.torch_optimizer(module, fused=True)
    x, y = work.tensors

    def fit(epochs: int, batches: int) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(batches * BATCH).split(BATCH):
                optimizer.zero_grad()
                inputs, labels = x[rows].to(device), y[rows].to(device)
                F.cross_entropy(module(inputs), labels).backward()
                optimizer.step()

    return fit


def ours(
    work: Work, device: str, folder: Path | None = None, *, graph: bool = False, host: bool = False
) -> Fit:
    """`fit`; `full` if there is a folder for what the callbacks write."""
    hidden = [Dense(256, activation="relu", input_dim=784), Dense(256, activation="relu")]
    model = Sequential([*hidden, Dense(10)])
    model.compile(
        optimizer=Adam(work.rate),
        loss=SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"] if folder else None,
        device=device,
        cuda_graph=graph,
    )
    x, y = work.tensors if host else (tensor.to(device) for tensor in work.tensors)

    def fit(epochs: int, batches: int) -> None:
        with redirect_stdout(io.StringIO()):
            model.fit(
                *(x[: batches * BATCH], y[: batches * BATCH]),
                batch_size=BATCH,
                epochs=epochs,
                verbose=1 if folder else 0,
                callbacks=usual(folder) if folder else None,
            )

    return fit


def usual(folder: Path) -> list[Any]:
    """The callbacks of an ordinary run."""
    return [
        watching.CSVLogger(str(folder / "log.csv")),
        watching.EarlyStopping("loss", patience=NEVER),
        watching.ReduceLROnPlateau("loss", patience=NEVER),
        watching.ModelCheckpoint(
            str(folder / "best.h5"), "loss", save_best_only=True, save_weights_only=True
        ),
        watching.TensorBoard(str(folder / "board")),
    ]


def waits_per_batch(fit: Fit, batches: int) -> float:
    """How often a batch waits for the GPU: what longer epochs add to the count, per batch.

    Epochs wait too, a few times at their ends, however long they are.
    """
    counts: list[int] = []
    torch.cuda.set_sync_debug_mode("warn")
    for share in (2, 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(1, batches // share)
        counts.append(sum("synchronizing" in str(each.message) for each in caught))
    torch.cuda.set_sync_debug_mode("default")
    return (counts[1] - counts[0]) / (batches - batches // 2)


def timed(fit: Fit, epochs: int, batches: int) -> Callable[[], Stopwatch]:
    """That many epochs, until the GPU has done them too."""

    def run() -> Stopwatch:
        watch = Stopwatch()
        watch.start()
        fit(epochs, batches)
        torch.cuda.synchronize()
        watch.stop()
        return watch

    return run


def measure(device: str, steps: int, rounds: int) -> list[Row]:
    """Slopes between fits of 4 epochs and of 1, by the wall clock, and waits."""
    work = Work("mlp", steps=steps)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fits = {
            "by hand": by_hand(work, device),
            "bare": ours(work, device),
            "full": ours(work, device, folder),
            "bare, graph": ours(work, device, graph=True),
            "full, graph": ours(work, device, folder, graph=True),
            "by hand, host memory": by_hand_from_host(work, device),
            "bare, host memory": ours(work, device, host=True),
        }
        turns = {(n, epochs): timed(fits[n], epochs, steps) for n in fits for epochs in (1, 4)}
        timings = interleave(turns, rounds)
        waits = {name: waits_per_batch(fit, steps) for name, fit in fits.items()}
    slopes = {
        name: [
            (long - short) / (3 * steps) * 1e6
            for short, long in zip(timings[name, 1].wall, timings[name, 4].wall, strict=True)
        ]
        for name in fits
    }
    return [
        {
            "contender": name,
            "us": median(mine),
            "x": median(a / b for a, b in zip(mine, slopes["by hand"], strict=True)),
            "waits": waits[name],
        }
        for name, mine in slopes.items()
    ]


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [
        [
            row["contender"],
            *(f"{row['us']:.0f}", f"{row['x']:.3f}", GOALS.get(row["contender"], "")),
            f"{row['waits']:.3f}",
        ]
        for row in rows
    ]
    heads = [head["gpu"], "wall µs/batch", "× by hand", "goal", "waits/batch"]
    return "\n".join([table(heads, body), "", footer(head)])


def main() -> None:
    """Measure, save, print; or say why not."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one round, short epochs")
    quick = arguments.parse_args().quick
    if not torch.cuda.is_available():
        print("No GPU here, so nothing was measured.")
        return
    rows = measure("cuda", 50 if quick else 400, 1 if quick else 4)
    print(report(save("gpu", rows, gpu=torch.cuda.get_device_name())))


if __name__ == "__main__":
    main()
