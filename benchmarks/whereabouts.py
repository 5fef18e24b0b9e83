"""Where does the time of an epoch go?

One epoch of the softmax model, bare and with the callbacks of every day, under cProfile. The
profiler makes Python code look slower than it is and leaves kernels alone, so the shares of ours
are upper bounds; what they are good for is their order.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import torch
import torch.nn.functional as F
from _interleaved import machine

from backbeat.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential

SAMPLES, BATCH = 12_800, 128


def model() -> Sequential:
    """The model of the seed's examples, with its accuracy measured."""
    made = Sequential()
    made.add(Dense(10, input_dim=784))
    made.add(Activation("softmax"))
    made.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
    return made


def every_day(directory: Path) -> list[Callback]:
    """What a careful user has switched on."""
    return [
        CSVLogger(str(directory / "log.csv")),
        EarlyStopping("loss", patience=9),
        ReduceLROnPlateau("loss", patience=9),
        ModelCheckpoint(str(directory / "best.h5"), "loss", save_best_only=True),
    ]


def place_of(filename: str, function: str) -> str:
    """The room that a function belongs to; torch's kernels are in no file."""
    if filename == "~":
        return "kernels and built-ins" if "torch" in function or "method" in function else "Python"
    parts = Path(filename).parts
    if "backbeat" in parts:
        rooms = parts[parts.index("backbeat") + 1 :]
        return f"backbeat.{rooms[0].removesuffix('.py')}"
    return "torch, in Python" if "torch" in parts else "Python"


def report(name: str, profile: cProfile.Profile) -> None:
    """Print the microseconds of a batch by room, those of the fit's two ends included."""
    seconds: Counter[str] = Counter()
    for (filename, _, function), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        seconds[place_of(filename, function)] += own
    batches, whole = SAMPLES // BATCH, sum(seconds.values())
    print(f"\n{name}: {whole / batches * 1e6:.0f} µs per batch, profiled")
    for room, own in seconds.most_common():
        if own > whole / 1000:
            print(f"{room:<26}{own / batches * 1e6:>8.1f}{own / whole:>8.1%}")


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.rand(SAMPLES, 784)
    y = F.one_hot(torch.randint(0, 10, (SAMPLES,)), 10).float()
    for name, verbose in (("bare", 0), ("with the callbacks of every day", 1)):
        trained = model()
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            callbacks = every_day(Path(folder)) if verbose else []
            trained.fit(x, y, batch_size=BATCH, verbose=verbose, callbacks=callbacks)
            profile = cProfile.Profile(time.process_time)
            profile.enable()
            trained.fit(x, y, batch_size=BATCH, verbose=verbose, callbacks=callbacks)
            profile.disable()
        report(name, profile)
    print(machine())


if __name__ == "__main__":
    main()
