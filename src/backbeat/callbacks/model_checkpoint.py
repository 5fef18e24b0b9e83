"""ModelCheckpoint: saves the model after each epoch, or each better one."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from backbeat import files
from backbeat.callbacks._arguments import check_choice, check_number, check_whole, path_text
from backbeat.callbacks._improvement import is_better, worst
from backbeat.callbacks._monitor import Monitor, checked_mode, guess_direction
from backbeat.callbacks._saver import Save, Saver
from backbeat.callbacks._template import Template
from backbeat.errors import BackbeatWarning, CheckpointError
from backbeat.hooks.callback import Callback, Role, RunsOn
from backbeat.hooks.host import Direction
from backbeat.hooks.plan import Plan

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Saves the model at the end of epochs.

    `filepath` may hold `{epoch}`, counted from 1, and the name of any logged value, as in
    `weights.{epoch:02d}-{val_loss:.2f}.hdf5`. Missing directories are created. It is saved every
    `period` epochs, counted from `initial_epoch`; with `save_best_only` only if `monitor` is better
    than at every save of this run, and than `initial_value_threshold` if there is one.
    `mode="auto"` asks the metric for its direction, then its name. `save_weights_only` calls
    `model.save_weights`, otherwise `model.save` is called.

    With `background=True` training goes on as soon as the weights are copied: a thread writes them,
    and training ends only when all is written. If a save is due while one is still being written
    it waits (`when_busy="wait"`) or is left out (`"skip"`; `skipped` counts them). The copy stays
    in memory for the next save, until training ends. With `background=False`, and where `save` is a
    method of your own, the save is done in line.

    A save that fails leaves the file from before and is a warning; it is tried again at the next
    epoch that is due and at the end of training. If that fails too CheckpointError is raised, with
    the model still in memory. A directory that cannot be written, and a name in `filepath` that
    is never logged, are errors before training begins. A monitor that never comes is a warning,
    with `strict=True` a MonitorError.

    Raises ArgumentError if `filepath` is no template or `period` less than 1.

    `best` is the value of the best save of the present run.
    """

    role: ClassVar[Role | None] = "keeper"
    runs_on: ClassVar[RunsOn] = "main"

    announce: Callable[[Path], None] | None = None
    """Told of every complete save; the Loop lets all the other callbacks know by it."""
    listen_anew: Callable[[str], None] | None = None
    """Called when it begins or ceases to answer a moment; the Loop sees to it that it is rung."""

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        period: int = 1,
        *,
        strict: bool = False,
        initial_value_threshold: float | None = None,
        background: bool = True,
        when_busy: Literal["wait", "skip"] = "wait",
    ) -> None:
        self._template = Template(path_text(self, "filepath", filepath))
        self._watch = Monitor(
            self,
            monitor,
            strict=strict,
            consequence=f"It can save best only with {monitor} available, skipping.",
        )
        check_number(self, "verbose", verbose)
        check_whole(self, "period", period, at_least=1)
        if initial_value_threshold is not None:
            check_number(self, "initial_value_threshold", initial_value_threshold)
        self.filepath = filepath
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.mode = checked_mode(self, mode)
        self.period = period
        self.strict = strict
        self.initial_value_threshold = initial_value_threshold
        self.background = background
        check_choice(self, "when_busy", when_busy, ("wait", "skip"))
        self.when_busy = when_busy
        self._reset()

    def _reset(self) -> None:
        self.skipped = 0
        # Used bare, without a run that closes it, everything is done in line.
        self._saver = self._new_saver(in_background=False)
        self._is_resolved = not self.save_best_only
        self._set_direction(guess_direction(self.monitor) if self.mode == "auto" else self.mode)
        self._first_epoch: int | None = None
        self._last: tuple[int, dict[str, Any]] | None = None
        self._owes = False
        self._failure: Exception | None = None

    def _new_saver(self, *, in_background: bool) -> Saver:
        return Saver(
            in_background=in_background,
            weights_only=self.save_weights_only,
            as_text=isinstance(self.filepath, str),
        )

    def _set_direction(self, direction: Any) -> None:
        self._direction: Direction = direction
        self.monitor_op = np.less if direction == "min" else np.greater
        threshold = self.initial_value_threshold
        self.best = worst(direction) if threshold is None else float(threshold)

    def _resolve_direction(self) -> None:
        """Now that the model is known, ask it which way is better."""
        if not self._is_resolved:
            self._is_resolved = True
            self._set_direction(self._watch.direction(self.model, self.mode))

    # The run

    def _check_plan(self, plan: Plan) -> None:
        if plan.complete:
            self._template.check(plan.epoch_names)
        if self.save_best_only:
            self._watch.check(plan)
        example = self._template.example() or "."
        files.probe(example)
        # Not every host knows file formats; one that does refuses a wrong suffix now.
        check_path = getattr(self.model, "check_path", None)
        if check_path is not None:
            check_path(example, weights_only=self.save_weights_only)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before, its best value included."""
        self._watch.begin()
        self._reset()
        self._saver = self._new_saver(in_background=self.background)
        self._first_epoch = self.params.get("initial_epoch")
        self._resolve_direction()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if this epoch is due and good enough."""
        self._take_up()
        logs = {} if logs is None else logs
        if self._first_epoch is None:
            self._first_epoch = epoch
        self._last = (epoch, dict(logs))
        if (epoch - self._first_epoch + 1) % self.period == 0:
            self._consider(epoch, logs)
        self._attend(self._saver.is_pending)

    def _consider(self, epoch: int, logs: dict[str, Any]) -> None:
        """Save, if this epoch is good enough."""
        if not self.save_best_only:
            self._save(epoch, logs, "saving model to")
            return
        current = self._watch.find(logs)
        if current is None:
            return
        self._resolve_direction()
        if is_better(current, self.best, self._direction):
            news = (
                f"{self.monitor} improved from {self.best:0.5f} to {current:0.5f}, saving model to"
            )
            self._save(epoch, logs, news, current)
        else:
            self._tell(epoch, f"{self.monitor} did not improve from {self.best:0.5f}")

    def _save(
        self, epoch: int, logs: dict[str, Any], news: str, value: float | None = None
    ) -> None:
        """Save the model and say so, or warn that it could not be done."""
        if not self._may_start():
            return
        save = Save(self._template.text, value, self.best)
        try:
            save = replace(save, path=self._template.fill(epoch, logs))
            self._tell(epoch, f"{news} {save.path}")
            if value is not None:
                self.best = value
            is_over = self._saver.start(self.model, save)
        except Exception as error:
            self._fail(save, error)
            return
        if is_over:
            self._succeed(save)

    def _may_start(self) -> bool:
        """Whether there is nothing in the way of a save, after waiting for it if that is wanted."""
        self._owes = self._saver.is_busy and self.when_busy == "skip"
        if not self._owes:
            self._take_up(wait=True)
            return True
        self.skipped += 1
        if self.skipped == 1:
            warnings.warn(
                f"ModelCheckpoint left out a save to {self._template.text}: the one before is "
                "still being written. Further ones are only counted, in its attribute skipped; "
                "pass when_busy='wait' to wait instead.",
                BackbeatWarning,
                stacklevel=2,
            )
        return False

    # What became of it

    def _take_up(self, *, wait: bool = False) -> None:
        """Learn how the save in the background ended, if it has or if that is to be waited for."""
        ended = self._saver.outcome(wait=wait)
        if ended is None:
            return
        save, error = ended
        if error is None:
            self._succeed(save)
        else:
            self._fail(save, error)

    def _succeed(self, save: Save) -> None:
        self._failure = None
        if self.announce is not None:
            self.announce(Path(save.path))

    def _fail(self, save: Save, error: Exception) -> None:
        self._failure = error
        if save.best_before is not None:
            self.best = save.best_before
        warnings.warn(
            f"ModelCheckpoint could not save {save.path}: {_sentence(error)} What was saved "
            "before is as it was. It is tried again at the next save and when training ends.",
            BackbeatWarning,
            stacklevel=2,
        )

    def _attend(self, is_pending: bool) -> None:
        """Hear the end of batches only as long as there is something to learn from it."""
        hears = "on_train_batch_end" in vars(self)
        if hears == is_pending or self.listen_anew is None:
            return
        if is_pending:
            self.on_train_batch_end = self._after_batch
        else:
            del self.on_train_batch_end
        self.listen_anew("on_train_batch_end")

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch, logs
        self._take_up()

    def _tell(self, epoch: int, text: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: {text}")

    # The end

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait until all is written; try again what failed last, and raise if it fails for good."""
        self._take_up(wait=True)
        if self._last is not None and (self._owes or self._failure is not None):
            self._consider(*self._last)
            self._take_up(wait=True)
        self._raise_failure()

    def on_exception(self, error: BaseException) -> None:
        """Wait until all is written."""
        self._take_up(wait=True)

    def close(self) -> None:
        """Wait until all is written, and let go of the memory."""
        try:
            self._take_up(wait=True)
        finally:
            self._saver = self._new_saver(in_background=False)
            self._attend(False)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise CheckpointError(
                f"ModelCheckpoint could not save {self._template.text}: "
                f"{_sentence(self._failure)} The model is still in memory: save it elsewhere with "
                "model.save(path)."
            ) from self._failure

    # State

    def state_dict(self) -> dict[str, Any]:
        """The value of the best save; waits until that is written, so that it is true."""
        self._take_up(wait=True)
        return {"best": self.best if math.isfinite(self.best) else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the best save of an earlier run."""
        self._resolve_direction()
        if state["best"] is not None:
            self.best = state["best"]

    def __getstate__(self) -> dict[str, Any]:
        # The hooks of the run belong to the run.
        left_out = ("listen_anew", "on_train_batch_end", "_failure", "_saver")
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._failure = None
        self._saver = self._new_saver(in_background=False)


def _sentence(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
