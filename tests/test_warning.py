"""Where warnings point."""

from __future__ import annotations

import inspect
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from backbeat import Loop
from backbeat.callbacks import EarlyStopping
from backbeat.errors import BackbeatWarning
from backbeat.layers import Dense
from backbeat.models import Sequential
from backbeat.warning import warn

X, Y = np.ones((4, 2), dtype="float32"), np.ones((4, 1), dtype="float32")


def line_of(record: list[warnings.WarningMessage]) -> tuple[str, str]:
    """The file that the only warning points at, and the text of the line."""
    (only,) = record
    return only.filename, Path(only.filename).read_text().splitlines()[only.lineno - 1].strip()


def test_the_line_that_called_fit() -> None:
    """However deep it arises, a warning shows the user's own line."""
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    with pytest.warns(BackbeatWarning, match="watches 'val_loss'") as record:
        model.fit(X, Y, verbose=0, callbacks=[EarlyStopping()])

    assert line_of(list(record)) == (
        __file__,
        "model.fit(X, Y, verbose=0, callbacks=[EarlyStopping()])",
    )


def test_the_line_of_a_loop_of_ones_own() -> None:
    """What arises in a `with` points at it, or at what stands in it."""
    module = torch.nn.Linear(2, 1)
    stopping = EarlyStopping("nothing", mode="min")
    with (
        pytest.warns(BackbeatWarning, match="watches 'nothing'") as record,
        Loop(module, callbacks=[stopping]) as loop,
    ):
        for _ in loop.epochs():
            for _ in loop.batches([X]):
                loop.log_batch(loss=1.0)

    assert line_of(list(record)) == (__file__, "for _ in loop.epochs():")


def test_a_thread_of_our_own() -> None:
    """Where no line of the user's is on the stack, it shows where the thread began."""
    with pytest.warns(BackbeatWarning, match="^lost$") as record:
        thread = threading.Thread(target=warn, args=("lost",))
        thread.start()
        thread.join()

    assert line_of(list(record))[0] == inspect.getsourcefile(threading)
