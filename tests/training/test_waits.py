"""How often a run waits for its device, and for whom: never within a batch, unless asked to.

The values of these tests play ones of an accelerator: they can be computed with, and count how
often they are read.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from backbeat import Sequential
from backbeat.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from backbeat.errors import BackbeatWarning
from backbeat.layers import Dense
from backbeat.training import Loop

BATCHES, EPOCHS = 20, 3


class OnDevice:
    """A number that an accelerator still has."""

    device = "accelerator"
    ndim = 0
    reads = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def __mul__(self, other: Any) -> OnDevice:
        return OnDevice(self.value * other)

    def __add__(self, other: OnDevice) -> OnDevice:
        return OnDevice(self.value + other.value)

    def __truediv__(self, other: Any) -> OnDevice:
        return OnDevice(self.value / other)

    def __float__(self) -> float:
        OnDevice.reads += 1
        return self.value


def run(callbacks: Any, *, verbose: int = 0, metrics: int = 2) -> Loop:
    """Train by hand on values of the device; `reads` counts from 0."""
    OnDevice.reads = 0
    names = ["loss", *(f"metric_{number}" for number in range(1, metrics))]
    module = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with Loop(
        module, optimizer, callbacks=callbacks, epochs=EPOCHS, metrics=names, verbose=verbose
    ) as loop:
        for _ in loop.epochs():
            for batch in loop.batches([[0.0] * 8] * BATCHES):
                loop.log_batch(**{name: OnDevice(0.5) for name in names}, size=len(batch))
    return loop


def everybody(directory: Path) -> list[Callback]:
    return [
        CSVLogger(str(directory / "log.csv")),
        EarlyStopping("loss", patience=9),
        ReduceLROnPlateau("loss", patience=9),
        ModelCheckpoint(str(directory / "best.h5"), "loss", save_best_only=True),
        TensorBoard(str(directory / "runs")),
    ]


def test_no_batch_is_waited_for(tmp_path: Path) -> None:
    """With every callback that is used every day: one transfer per epoch, for all its means."""
    with redirect_stdout(io.StringIO()) as shown:
        loop = run(everybody(tmp_path), verbose=1)

    assert loop.history.waits == {"BaseLogger.on_epoch_end": EPOCHS}
    assert OnDevice.reads == EPOCHS * 2
    assert loop.history["loss"] == [0.5] * EPOCHS
    assert "loss: 0.5000" in shown.getvalue()


@pytest.mark.parametrize(
    ("callback", "cause", "count"),
    [
        (TerminateOnNaN(), "TerminateOnNaN.on_train_batch_end", BATCHES * EPOCHS),
        (
            LambdaCallback(on_batch_end=lambda batch, logs: batch % 10 or logs["loss"]),
            "LambdaCallback.on_train_batch_end",
            2 * EPOCHS,
        ),
    ],
    ids=["TerminateOnNaN", "LambdaCallback"],
)
def test_who_reads_is_named(callback: Callback, cause: str, count: int) -> None:
    """The callback, its hook, and how often."""
    loop = run(callback)

    assert loop.history.waits == {cause: count, "BaseLogger.on_epoch_end": EPOCHS}


def test_all_values_of_a_batch_come_in_one_transfer() -> None:
    """Whoever reads one of them has read all."""

    class ReadsTwice(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            assert (logs["loss"], logs["metric_1"]) == (0.5, 0.5)

    assert run(ReadsTwice()).history.waits["ReadsTwice.on_train_batch_end"] == BATCHES * EPOCHS


def test_a_bar_that_draws_waits_once_for_all_its_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not once for each value that it shows."""
    monkeypatch.setattr("backbeat.callbacks._progress._SECONDS_BETWEEN_HEARTBEATS", 0.0)
    with redirect_stdout(io.StringIO()):
        loop = run(ProgbarLogger("steps"), verbose=1, metrics=5)

    assert loop.history.waits["ProgbarLogger.on_train_batch_end"] == BATCHES * EPOCHS


def test_the_switch_warns_of_each_cause_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """BACKBEAT_WAITS=1 says at once what is slow."""
    monkeypatch.setenv("BACKBEAT_WAITS", "1")
    with pytest.warns(BackbeatWarning) as caught:
        run(TerminateOnNaN())

    assert [str(each.message).split(" reads ")[0] for each in caught] == [
        "TerminateOnNaN.on_train_batch_end",
        "BaseLogger.on_epoch_end",
    ]
    assert str(caught[0].message).endswith(
        "reads values that are still on the device, so the device has to finish and stands idle "
        "meanwhile. Read them less often, or at the end of the epoch."
    )


def test_a_second_run_counts_anew() -> None:
    """The counts are those of one run."""
    module = nn.Linear(1, 1)
    loop = Loop(module, torch.optim.SGD(module.parameters(), lr=0.1))
    for _ in range(2):
        with loop:
            for _ in loop.epochs():
                for _ in loop.batches([[0.0]]):
                    loop.log_batch(loss=OnDevice(1.0))

    assert loop.history.waits == {"BaseLogger.on_epoch_end": 1}


# True, in a loop that does nothing else.
@pytest.mark.filterwarnings("ignore:BaseLogger.on_train_batch_end takes")
def test_ten_thousand_metrics_are_averaged() -> None:
    """In one transfer, however many there are."""
    loop = run([], metrics=10_000)

    assert len(loop.history.history) == 10_000
    assert loop.history.waits == {"BaseLogger.on_epoch_end": EPOCHS}


def test_fit_on_a_cpu_waits_for_nobody() -> None:
    """Reading is free there, so values are floats at once and nothing is counted."""
    model = Sequential([Dense(1, input_dim=4)])
    model.compile("sgd", "mse")
    history = model.fit(
        torch.zeros(8, 4), torch.zeros(8, 1), verbose=0, callbacks=[TerminateOnNaN()]
    )

    assert history.waits == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("make", [everybody, lambda _: []], ids=["everybody", "nobody"])
def test_fit_on_a_gpu_waits_for_no_batch(
    make: Callable[[Path], list[Callback]], tmp_path: Path
) -> None:
    """CUDA itself says so: within the batches everything that waits is an error."""
    set_mode = torch.cuda.set_sync_debug_mode
    with warnings.catch_warnings(action="ignore"):
        set_mode("default")  # which says once that it is a prototype
    # The first batches load kernels, and with the end of the last one come the epoch's own means.
    guard = LambdaCallback(
        on_batch_begin=lambda batch, _: set_mode("error" if batch > 2 else "default"),
        on_batch_end=lambda *_: set_mode("default"),
    )
    model = Sequential([Dense(16, activation="relu", input_dim=4), Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], device="cuda")
    # Listed last, it hears the end of a batch when all others have.
    callbacks = [*make(tmp_path), guard]
    x, y = torch.rand(640, 4), torch.randint(0, 3, (640,))
    try:
        history = model.fit(x, y, batch_size=32, epochs=2, verbose=0, callbacks=callbacks)
    finally:
        set_mode("default")

    assert sum(history.waits.values()) == 2
