from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from backbeat.callbacks import CallbackList, ProgbarLogger, _progress
from backbeat.hooks import Averages, Logs
from backbeat.testing import play

EPOCHS = [{"val_loss": 0.5, "lr": 0.1, "loss": 1.0}, {"val_loss": -0.0005, "lr": 0.1, "loss": 0.0}]
BATCHES = [{"loss": 1.0, "size": 8}, {"loss": 1.0, "size": 4}]
PARAMS = {"samples": 12, "steps": 2, "metrics": ["loss", "val_loss"], "verbose": 1}


class Terminal(io.StringIO):
    """A stream that says it can be drawn on."""

    def isatty(self) -> bool:
        return True


def output(
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO,
    callback: ProgbarLogger | None = None,
    batches: Any = BATCHES,
    epochs: Any = EPOCHS,
    error: BaseException | None = None,
    **params: Any,
) -> str:
    """What a run writes to `stream`, with the seconds replaced by ?."""
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm")
    play(
        callback or ProgbarLogger(),
        epochs,
        batches=batches,
        params={**PARAMS, **params},
        error=error,
    )
    return re.sub(r"\d+\.\ds", "?s", stream.getvalue())


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_plain_stream_gets_one_line_per_epoch(
    monkeypatch: pytest.MonkeyPatch, verbose: int
) -> None:
    """The values of training first, of validation next, of other callbacks last."""
    text = output(monkeypatch, io.StringIO(), verbose=verbose)

    assert text == (
        "Epoch 1/2 - ?s - loss: 1.0000 - val_loss: 0.5000 - lr: 0.1000\n"
        "Epoch 2/2 - ?s - loss: 0.0000 - val_loss: -5.0000e-04 - lr: 0.1000\n"
    )


def test_a_stream_that_only_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as many a script puts in the place of stdout, to write into a file as well."""
    written: list[str] = []

    class Tee:
        def write(self, text: str) -> None:
            written.append(text)

    monkeypatch.setattr(sys, "stdout", Tee())
    play(ProgbarLogger(), EPOCHS, batches=BATCHES, params=PARAMS)

    assert len("".join(written).splitlines()) == 2


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_verbose_0_is_silent(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """Also if it was passed on purpose."""
    assert output(monkeypatch, stream(), verbose=0) == ""


def test_verbose_2_draws_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line per epoch, in a terminal too."""
    text = output(monkeypatch, Terminal(), verbose=2)

    assert "\r" not in text
    assert text.count("\n") == 2


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn in place; what stays is a whole line with the epoch's values."""
    text = output(monkeypatch, Terminal())
    first, second = (line.rsplit("\r", 1)[-1] for line in text.rstrip("\n").split("\n"))

    assert first.startswith("Epoch 1/2 100%|")
    assert "12/12 samples [" in first
    assert first.endswith("loss: 1.0000 - val_loss: 0.5000 - lr: 0.1000]")
    assert second.startswith("Epoch 2/2 100%|")


def test_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """count_mode='steps' counts batches."""
    text = output(monkeypatch, Terminal(), ProgbarLogger("steps"))

    assert "2/2 steps [" in text


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No control codes where they would be shown."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", Terminal())

    assert not _progress.can_draw(sys.stdout)


def test_an_interrupted_epoch_tells_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """The true count stands in the line that stays, in a file and in a terminal."""
    plain = output(monkeypatch, io.StringIO(), batches=BATCHES[:1], epochs=EPOCHS[:1])
    drawn = output(monkeypatch, Terminal(), batches=BATCHES[:1], epochs=EPOCHS[:1])

    assert plain.startswith("Epoch 1/1 - 8/12 samples - ?s - loss: 1.0000")
    assert "8/12 samples" in drawn.rsplit("\r", 1)[-1]
    assert drawn.endswith("\n")


def test_an_error_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in an epoch, the traceback does not begin behind the bar."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    hooks = CallbackList([ProgbarLogger()])
    hooks.set_params(PARAMS)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_end(0, {"size": 8})
    hooks.on_exception(KeyboardInterrupt())
    hooks.close()

    assert "8/12 samples" in stream.getvalue().rsplit("\r", 1)[-1]
    assert stream.getvalue().endswith("\n")


@pytest.mark.parametrize("target", [None, 0])
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_an_unknown_target(monkeypatch: pytest.MonkeyPatch, stream: Any, target: Any) -> None:
    """Nothing is known of the length, and nothing breaks."""
    text = output(monkeypatch, stream(), samples=target)

    assert "Epoch 1/2" in text
    assert "loss: 1.0000" in text


def test_a_long_epoch_has_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a plain stream it says now and then that it lives, and what the means are so far."""
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)
    batches = [{"loss": 1.0, "acc": 0.25, "size": 4}, {"loss": 3.0, "acc": 0.75, "size": 4}]
    text = output(
        monkeypatch,
        io.StringIO(),
        ProgbarLogger(stateful_metrics="acc"),
        batches=batches,
        epochs=EPOCHS[:1],
    )

    assert text.splitlines()[:2] == [
        "Epoch 1/1 - 4/12 samples - ?s - loss: 1.0000 - acc: 0.2500",
        "Epoch 1/1 - 8/12 samples - ?s - loss: 2.0000 - acc: 0.7500",
    ]


def test_verbose_2_has_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line per epoch is one line per epoch."""
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)

    assert output(monkeypatch, io.StringIO(), verbose=2).count("\n") == 2


def late_logs(fetched: list[int], means: Mapping[str, Any]) -> Logs:
    def fetch(values: list[Any]) -> list[float]:
        fetched.append(len(values))
        return [float(value) for value in values]

    logs = Logs({"batch": 0, "size": 4}, fetch=fetch, means=means)
    logs.add_late({"loss": 2.0})
    return logs


def test_reads_nothing_unless_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is not shown costs no reading of the device."""
    fetched: list[int] = []
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    bar = ProgbarLogger()
    bar.set_params(PARAMS)
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(0, late_logs(fetched, {}))

    assert fetched == []


def test_shows_the_means_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the Loop keeps means they are shown, not added up a second time."""
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)
    stream, means = io.StringIO(), Averages()
    monkeypatch.setattr(sys, "stdout", stream)
    means.add({"loss": 7.0})
    bar = ProgbarLogger()
    bar.set_params(PARAMS)
    bar.on_epoch_begin(0)
    bar.on_train_batch_end(0, late_logs([], means))

    assert "loss: 7.0000" in stream.getvalue()


def test_evaluate_and_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a training they have a line of their own."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    hooks = CallbackList([ProgbarLogger("steps")])
    hooks.set_params({"steps": 1, "verbose": 1})
    hooks.on_test_begin()
    hooks.on_test_batch_end(0, {"size": 4})
    hooks.on_test_end({"loss": 0.5})
    hooks.on_predict_begin()
    hooks.on_predict_batch_end(0, {"size": 4})
    hooks.on_predict_end()
    hooks.close()

    assert re.sub(r"\d+\.\ds", "?s", stream.getvalue()) == (
        "Evaluating - ?s - loss: 0.5000\nPredicting - ?s\n"
    )


def test_validation_inside_fit_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to its epoch, whose count it does not touch."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    hooks = CallbackList([ProgbarLogger()])
    hooks.set_params({"samples": 4, "epochs": 1})
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_end(0, {"size": 3})
    hooks.on_test_begin()
    hooks.on_test_batch_end(0, {"size": 4})
    hooks.on_test_end({"loss": 0.5})
    hooks.on_epoch_end(0, {"loss": 0.25})
    hooks.close()

    assert "3/4 samples" in stream.getvalue()
    assert "Evaluating" not in stream.getvalue()


def test_a_long_validation_shows_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as training would be shown; the line of the epoch is as without it."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_HEARTBEATS", 0.0)
    hooks = CallbackList([ProgbarLogger()])
    hooks.set_params({"samples": 4, "epochs": 1})
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_test_batch_end(0, {"size": 4, "loss": 0.5})
    hooks.on_test_batch_end(1, {"size": 4, "loss": 0.5})
    hooks.on_epoch_end(0, {"loss": 0.25})
    hooks.close()

    assert re.sub(r"\d+\.\ds", "?s", stream.getvalue()) == (
        "Epoch 1/1 - 0/4 samples - ?s - validation: 1 batches\n"
        "Epoch 1/1 - 0/4 samples - ?s - validation: 2 batches\n"
        "Epoch 1/1 - 0/4 samples - ?s - loss: 0.2500\n"
    )


def test_without_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program without a console is not disturbed."""
    monkeypatch.setattr(sys, "stdout", None)
    play(ProgbarLogger(), EPOCHS, batches=BATCHES, params=PARAMS)


def test_no_tqdm_before_a_bar_is_drawn() -> None:
    """A plain stream does not import it."""
    program = (
        "import sys; from backbeat.callbacks import ProgbarLogger as P; b = P();"
        "b.on_epoch_begin(0); b.on_epoch_end(0, {}); sys.exit('tqdm' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_batch_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Well below five microseconds, on any machine; in truth less than half of one."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    bar, logs = ProgbarLogger(), Logs({"batch": 0, "size": 4})
    bar.set_params(PARAMS)
    bar.on_epoch_begin(0)
    best = min(timed(bar, logs) for _ in range(5))

    assert best < 5e-6


def timed(bar: ProgbarLogger, logs: Logs) -> float:
    began = time.perf_counter()
    for batch in range(2000):
        bar.on_batch_end(batch, logs)
    return (time.perf_counter() - began) / 2000
