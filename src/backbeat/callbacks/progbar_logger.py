"""ProgbarLogger: how far the run is, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, ClassVar, cast

from backbeat.callbacks._arguments import check_choice, names_in
from backbeat.callbacks._progress import BarMeter, LineMeter, Meter, can_draw
from backbeat.callbacks._values import number, printable, short
from backbeat.hooks.averages import Averages
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.logs import Logs
from backbeat.outlets import Outlet, outlet_of

__all__ = ["ProgbarLogger"]

_get = cast(Callable[..., int], dict[str, Any].get)


class ProgbarLogger(Callback):
    """Shows the progress of every epoch, and of an evaluation or prediction outside of `fit`.

    In a terminal or notebook a bar is drawn. A file or pipe gets one line per epoch, and one
    every half minute of a longer epoch. `params["verbose"]`: 0 is silent, 1 as said (the default),
    2 writes one line per epoch anywhere.

    `count_mode` counts `"samples"` or `"steps"`. What is shown of an unfinished epoch are means so
    far, except for the metrics in `stateful_metrics`, any iterable of names (a text is one
    name), of which the last value is shown.

    A pipe that nobody reads, a halted terminal and a file on a disk that hangs are waited for once,
    for a second. What they do not take is given up at the end, and counted in `history.troubles`.

    Raises ArgumentError, a ValueError, for another `count_mode`.

    >>> bar = ProgbarLogger("steps")
    >>> bar.set_params({"epochs": 3, "steps": 10, "verbose": 1})
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"
    runs_on: ClassVar[RunsOn] = "main"

    _meter: Meter | None = None
    _outlet: Outlet | None = None
    _in_fit = False
    _seen = 0
    _began = 0.0
    _due = float("inf")

    def __init__(
        self, count_mode: str = "samples", stateful_metrics: Iterable[str] | None = None
    ) -> None:
        check_choice(self, "count_mode", count_mode, ("samples", "steps"))
        self.count_mode = count_mode
        self.stateful_metrics = names_in(self, "stateful_metrics", stateful_metrics)
        self._means = Averages(self.stateful_metrics)
        self._counts_samples = count_mode == "samples"

    # Training

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """From now on an evaluation is a part of something else."""
        self._in_fit, self._outlet = True, None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin to show an epoch."""
        epochs = self.params.get("epochs")
        self._open(f"Epoch {epoch + 1}/{epochs}" if epochs else f"Epoch {epoch + 1}")

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the batch; only now and then its values are looked at."""
        # A size never waits on a device, so the Logs' own way of reading is left out.
        self._seen += _get(logs, "size", 1) if self._counts_samples and logs else 1
        if type(logs) is dict:
            self._means.add(logs)
        if perf_counter() >= self._due:
            self._show(logs or {})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the whole epoch, or as much of it as there was."""
        self._finish(logs or {})

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """An evaluation stands alone again."""
        self._in_fit = False

    def close(self) -> None:
        """End the line of what was interrupted, and give up what stdout does not take."""
        self._in_fit = False
        self._finish({})
        if self._outlet is not None:
            self._outlet.give_up()

    # Evaluating and predicting

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to show an evaluation, unless it is the validation of `fit`."""
        if not self._in_fit:
            self._open("Evaluating")

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the batch; within `fit` say now and then how far the validation is."""
        if not self._in_fit:
            self.on_batch_end(batch, logs)
        elif perf_counter() >= self._due:
            self._draw(f" - validation: {batch + 1} batches")

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Show the results."""
        if not self._in_fit:
            self._finish(logs or {})

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to show a prediction, unless it is made by a callback of `fit`."""
        if not self._in_fit:
            self._open("Predicting")

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the batch."""
        if not self._in_fit:
            self.on_batch_end(batch, logs)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Show that it is done."""
        if not self._in_fit:
            self._finish({})

    # Showing

    def _open(self, label: str) -> None:
        self._finish({})
        self._seen = 0
        self._means.reset()
        self._meter = self._new_meter(label)
        self._began = perf_counter()
        self._due = self._began + self._meter.interval if self._meter else float("inf")

    def _new_meter(self, label: str) -> Meter | None:
        # Looked up now: tests, notebooks and contextlib.redirect_stdout exchange it.
        stream, verbose = sys.stdout, self.params.get("verbose", 1)
        if not verbose or stream is None:  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
            return None
        target = self.params.get(self.count_mode) or None
        unit = self.count_mode.removesuffix("s")
        outlet = self._outlet
        if outlet is None or outlet.stream is not stream:
            self._outlet = outlet = outlet_of(stream)
        if verbose == 2 or not can_draw(stream):
            return LineMeter(label, target, unit, outlet, heartbeat=verbose != 2)
        return BarMeter(label, target, unit, outlet)

    def _show(self, logs: Mapping[str, Any]) -> None:
        self._draw(self._texts(self._so_far(logs)))

    def _draw(self, values: str) -> None:
        assert self._meter is not None
        now = perf_counter()
        self._due = now + self._meter.interval
        self._meter.show(self._seen, now - self._began, values)

    def _so_far(self, logs: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(logs, Logs):
            return dict(self._means)
        measured = [name for name in logs if name not in ("batch", "size")]
        means = logs.means(name for name in measured if name not in self.stateful_metrics)
        last = {name: logs[name] for name in measured if name in self.stateful_metrics}
        return {**means, **last}

    def _texts(self, values: Mapping[str, Any]) -> str:
        """The values that are numbers: those of training, of validation, of other callbacks."""
        known = [name for name in self.params.get("metrics") or () if name in values]
        others = sorted((n for n in values if n not in known), key=lambda n: n.startswith("val_"))
        shown = [(name, number(values[name])) for name in (*known, *others)]
        return "".join(f" - {printable(name)}: {short(v)}" for name, v in shown if v is not None)

    def _finish(self, logs: Mapping[str, Any]) -> None:
        meter, self._meter, self._due = self._meter, None, float("inf")
        if meter is not None:
            meter.finish(self._seen, perf_counter() - self._began, self._texts(logs))

    def __getstate__(self) -> dict[str, Any]:
        # What is drawn belongs to the stream of this process.
        running = ("_meter", "_outlet", "_in_fit", "_seen", "_began", "_due", "_means")
        return {name: value for name, value in vars(self).items() if name not in running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._means = Averages(self.stateful_metrics)
