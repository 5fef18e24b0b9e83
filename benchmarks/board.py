"""What does TensorBoard cost in `fit`, with the values of every batch and of every epoch?

The seed's softmax example, from the same weights on the same shuffled batches, without the callback
and with it; the directory is empty at the start of each fit, and closing the files counts too.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import numpy as np
import torch
from _interleaved import Stopwatch, interleave, machine

from backbeat.callbacks import TensorBoard
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential

SAMPLES, BATCH, EPOCHS, GOAL = 12_800, 128, 5, 1.15
random = np.random.RandomState(0)
X = random.rand(SAMPLES, 784).astype("float32")
Y = np.eye(10, dtype="float32")[(X[:, :10] * 10).argmax(1)]


def fit(**settings: Any) -> Stopwatch:
    """Train once; with settings, those of the callback."""
    torch.manual_seed(0)
    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as directory:
        callbacks = [TensorBoard(directory, **settings)] if settings else []
        watch.start()
        model.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)
        watch.stop()
    return watch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    contenders = {
        "without": fit,
        "without, again": fit,
        "per epoch": lambda: fit(update_freq="epoch"),
        "per batch": lambda: fit(update_freq="batch"),
    }
    timings = interleave(contenders, rounds)
    batches = EPOCHS * SAMPLES // BATCH
    print(f"{'TensorBoard':<16}{'µs a batch':>12}{'CPU ratio':>12}{'wall ratio':>12}  half within")
    for name, timing in timings.items():
        cpu, wall = (timing.ratios(timings["without"], clock) for clock in ("cpu", "wall"))
        low, high = cpu.quartiles
        print(
            f"{name:<16}{timing.median() / batches * 1e6:>12.1f}{cpu.median:>12.3f}"
            f"{wall.median:>12.3f}  {low:.3f} to {high:.3f}"
        )
    print(f"goal per batch: at most {GOAL}\n{machine()}")


if __name__ == "__main__":
    main()
