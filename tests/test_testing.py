from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.errors import ArgumentError
from backbeat.hooks import Callback, Plan
from backbeat.testing import FakeHost, HookRecorder, play


class Stops(Callback):
    """Asks to stop in the hook named."""

    def __init__(self, hook: str) -> None:
        def stop(*arguments: Any) -> None:
            self.model.stop("enough", by=self)

        setattr(self, hook, stop)


@pytest.mark.parametrize(
    ("hook", "epochs", "batches"),
    [
        ("on_train_begin", 0, 0),
        ("on_batch_end", 1, 1),
        ("on_epoch_end", 1, 2),
    ],
)
def test_a_request_to_stop_is_honoured(hook: str, epochs: int, batches: int) -> None:
    """Before the first epoch, after a batch, after an epoch."""
    recorder = HookRecorder("on_epoch_end", "on_train_batch_end", "on_train_end")
    host = play([Stops(hook), recorder], [{}, {}], batches=[{}, {}])

    assert host.stop_reason == "enough"
    assert host.stopped_by == "Stops"
    assert recorder.hooks.count("on_epoch_end") == epochs
    assert recorder.hooks.count("on_train_batch_end") == batches
    assert recorder.hooks[-1] == "on_train_end"


def test_the_logs_of_a_run() -> None:
    """Batches have an index and a size, epochs what was given; begin and end share a batch."""
    recorder = HookRecorder("on_train_batch_begin", "on_train_batch_end", "on_epoch_end")
    play(recorder, [{"loss": 1.0}], batches=[{"loss": 2.0, "size": 5}], initial_epoch=3)

    assert recorder.calls == [
        ("on_train_batch_begin", 0, {"batch": 0, "size": 1}),
        ("on_train_batch_end", 0, {"batch": 0, "size": 5, "loss": 2.0}),
        ("on_epoch_end", 3, {"loss": 1.0}),
    ]


def test_a_run_is_played_twice_from_the_same_logs() -> None:
    """What callbacks add does not get into the logs that were given."""

    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["mine"] = 1

    epochs = [{"loss": 1.0}]
    play(Adds(), epochs)

    assert epochs == [{"loss": 1.0}]


def test_params_and_plan_reach_the_callbacks() -> None:
    """The number of epochs is known; a plan can be given."""
    seen: list[Any] = []

    class Looks(Callback):
        def _check_plan(self, plan: Plan) -> None:
            seen.append(plan.complete)

        def on_train_begin(self, logs: Any = None) -> None:
            seen.append(dict(self.params))

    play(Looks(), [{}], params={"verbose": 0}, plan=Plan(complete=True), initial_epoch=2)

    assert seen == [True, {"epochs": 3, "verbose": 0}]


def test_a_run_that_ends_by_an_error() -> None:
    """on_exception and close, no on_train_end; the error is not raised."""
    recorder, error = HookRecorder("on_exception", "on_train_end", "close"), RuntimeError("boom")
    play(recorder, [{}], error=error)

    assert recorder.calls == [("on_exception", error), ("close",)]


def test_the_host_remembers(tmp_path: Path) -> None:
    """Rates, files, restored weights."""
    host = FakeHost({"w": [1.0, 2.0]}, learning_rate=0.5)
    before = host.snapshot()
    host.weights["w"] += 1
    host.learning_rate = 0.25
    host.save(tmp_path / "a")
    host.restore(before)
    host.save_weights(tmp_path / "b")

    assert host.rates == [0.5, 0.25]
    assert host.saved == [tmp_path / "a", tmp_path / "b"]
    assert (tmp_path / "a").read_text() == "w [2.0, 3.0]\n"
    assert (tmp_path / "b").read_text() == "w [1.0, 2.0]\n"
    assert [np.asarray(each["w"]).tolist() for each in host.restored] == [[1.0, 2.0]]


def test_a_snapshot_is_a_copy() -> None:
    """Changing what it hands out, or the host, changes nothing in it."""
    host = FakeHost({"w": [1.0]})
    snapshot = host.snapshot()
    host.weights["w"] += 1
    snapshot.arrays()["w"][0] = 9

    assert snapshot.arrays()["w"].tolist() == [1.0]


def test_a_recorder_of_a_hook_that_is_none_teaches() -> None:
    """The hooks there are, are told."""
    with pytest.raises(ArgumentError, match="There is no hook 'on_epoch_ended'"):
        HookRecorder("on_epoch_ended")


def test_needs_no_torch() -> None:
    """Neither it nor the callbacks bring torch in."""
    program = (
        "import sys, backbeat.testing, backbeat.callbacks, backbeat.hooks;"
        "sys.exit('torch' in sys.modules)"
    )
    source = Path(__file__).parents[1] / "src"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
