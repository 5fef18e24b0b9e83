"""ModelCheckpoint: saves the model after each epoch, each better one, or as often as you like."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from backbeat.callbacks._arguments import (
    check_choice,
    check_flags,
    check_number,
    check_whole,
    path_text,
)
from backbeat.callbacks._checked import Checked
from backbeat.callbacks._fixed_names import check_fixed_names
from backbeat.callbacks._improvement import is_better
from backbeat.callbacks._monitor import Monitor, checked_mode
from backbeat.callbacks._saver import Save
from backbeat.callbacks._template import Template
from backbeat.callbacks._triggers import Triggers
from backbeat.errors import ArgumentError

__all__ = ["ModelCheckpoint"]

StrPath = str | os.PathLike[str]


class ModelCheckpoint(Checked):
    """Saves the model at the end of epochs, or as often as `every` says.

    `filepath` may hold `{epoch}`, counted from 1, and the name of any logged value, as in
    `weights.{epoch:02d}-{val_loss:.2f}.hdf5`. Missing directories are created. It is saved every
    `period` epochs, counted from `initial_epoch`; with `save_best_only` only if `monitor` is better
    than at every save of this run, and than `initial_value_threshold` if there is one.
    `mode="auto"` asks the metric for its direction, then its name. `save_weights_only` calls
    `model.save_weights`, otherwise `model.save` is called.

    `filepath` and the fixed names may be addresses such as `s3://bucket/{epoch}.h5`: the file is
    written on this machine and uploaded by the thread. Needs `pip install 'backbeat[remote]'` and
    the package of the protocol.

    `every` takes the place of `period`: `"epoch"`, a number of steps, `"3 epochs"`,
    `"5000 samples"`, `"10 min"`, or a list of these. In the middle of an epoch `filepath` may hold
    `{batch}` and `{step}` (of the run), both counted from 1, and the means so far. What has to be
    judged by `monitor` waits for the end of the epoch, where its value is known.

    `keep_last` and `keep_best` say how many files stay; what this run wrote beyond that is removed
    once the new file is safe, and nothing else ever is. `best_path` and `last_path` are fixed names
    under which the best and the latest save are found too. `save_on_exception` names a file for
    the state in which an error, or Ctrl-C, ended the training.

    With `background=True` training goes on as soon as the weights are copied: a thread writes them,
    and training ends only when all is written. If a save is due while one is still being written
    it waits (`when_busy="wait"`) or is left out (`"skip"`; `skipped` counts them). The copy stays
    in memory for the next save, until training ends. With `background=False`, and where `save` is a
    method of your own, the save is done in line.

    A save that fails leaves the file from before and is a warning; it is tried again at the next
    epoch that is due and at the end of training. If that fails too CheckpointError is raised, with
    the model still in memory. Before training one save is rehearsed, under another name;
    `rehearsal` holds its size and time. A directory that cannot be written, and a name in
    `filepath` that is never logged, are errors then. A monitor that never comes is a warning, with
    `strict=True` a MonitorError.

    Raises ArgumentError if `filepath` is no template, `period` less than 1, or arguments contradict
    each other.

    `best` is the value of the best save of the present run.
    """

    def __init__(
        self,
        filepath: StrPath,
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
        every: str | int | Sequence[str | int] | None = None,
        keep_last: int | None = None,
        keep_best: int | None = None,
        best_path: StrPath | None = None,
        last_path: StrPath | None = None,
        save_on_exception: StrPath | None = None,
    ) -> None:
        self._template = Template(path_text(self, "filepath", filepath))
        self._watch = Monitor(
            self,
            monitor,
            strict=strict,
            consequence=f"It can save best only with {monitor} available, skipping.",
        )
        check_number(self, "verbose", verbose)
        check_flags(
            self,
            save_best_only=save_best_only,
            save_weights_only=save_weights_only,
            strict=strict,
            background=background,
        )
        check_whole(self, "period", period, at_least=1)
        check_choice(self, "when_busy", when_busy, ("wait", "skip"))
        if initial_value_threshold is not None:
            check_number(self, "initial_value_threshold", initial_value_threshold)
        for name, number in (("keep_last", keep_last), ("keep_best", keep_best)):
            if number is not None:
                check_whole(self, name, number, at_least=1)
        if every is not None and period != 1:
            raise ArgumentError(
                f"ModelCheckpoint: every={every!r} takes the place of period={period}; pass one of "
                "them."
            )
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
        self.when_busy = when_busy
        self.every = every
        self.keep_last = keep_last
        self.keep_best = keep_best
        self.best_path = self._fixed("best_path", best_path)
        self.last_path = self._fixed("last_path", last_path)
        self.save_on_exception = self._fixed("save_on_exception", save_on_exception)
        self._fixed_names = {
            "best_path": self.best_path,
            "last_path": self.last_path,
            "save_on_exception": self.save_on_exception,
        }
        check_fixed_names(self._template, self._fixed_names, best_only=save_best_only)
        self._triggers = Triggers("ModelCheckpoint", f"{period} epochs" if every is None else every)
        counts = {"batch", "step"} & set(self._template.names)
        self._hears_batches = self._triggers.hear_batches or bool(counts)
        self._reset()

    def _fixed(self, name: str, path: StrPath | None) -> str | None:
        return None if path is None else path_text(self, name, path)

    def _reset(self) -> None:
        self._begin_keeping()
        self._begin_judging()
        self._first_epoch: int | None = None
        self._epoch = 0
        self._step = 0
        self._batch: int | None = None
        self._is_due = False
        self._triggers.begin()

    # The run

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before, its best value included."""
        self._watch.begin()
        self._reset()
        self._use_background()
        self._first_epoch = self.params.get("initial_epoch")
        self._resolve_direction()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note which epoch it is."""
        self._epoch, self._batch = epoch, None

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if so many batches, samples or minutes have gone by."""
        super()._after_batch(batch, logs)
        if not self._hears_batches:
            return
        logs = {} if logs is None else logs
        self._step += 1
        self._batch = batch
        if not self._triggers.batch_ended(int(logs.get("size", 1))):
            return
        if self._waits_for_value:
            self._is_due = True
        else:
            self._save(self._epoch, self._template.means(logs), "saving model to")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if this epoch is due and good enough."""
        self._take_up()
        logs = {} if logs is None else logs
        if self._first_epoch is None:
            self._first_epoch = epoch
        self._last = (epoch, dict(logs))
        if self._triggers.epoch_ended(epoch, self._first_epoch) or self._is_due:
            self._is_due = False
            self._consider(epoch, logs)
        self._attend()

    def _save(
        self, epoch: int, logs: Mapping[str, Any], news: str, value: float | None = None
    ) -> None:
        """Save the model and say so, or warn that it could not be done."""
        if not self._may_start():
            return
        is_best = value is not None and is_better(value, self.best, self._direction)
        try:
            path = self._template.fill(epoch, logs, self._counts())
        except ArgumentError as error:
            self._fail(Save(self._template.text), error)
            return
        self._tell(epoch, f"{news} {path}")
        before = (self.best, self._retention.state())
        if value is not None and is_best:
            self.best = value
        gone = self._retention.add(path, value)
        self._start(Save(path, before, self._other_names(is_best), self._removable(gone)))
        self._check_room(path, self._saver.size)

    def _counts(self) -> dict[str, int]:
        """What a name may hold besides logged values."""
        batch = {} if self._batch is None else {"batch": self._batch + 1}
        return batch | {"step": self._step} if self._hears_batches else {}

    # The end

    def on_exception(self, error: BaseException) -> None:
        """Wait until all is written; save what there is if `save_on_exception` names a file."""
        super().on_exception(error)
        if self.save_on_exception is not None:
            self._start(Save(self.save_on_exception))
            self._take_up(wait=True)

    # State

    def state_dict(self) -> dict[str, Any]:
        """The best value, the files that are kept, and how far the counts are.

        Waits until what is being saved is on the disk, so that it is true.
        """
        self._take_up(wait=True)
        return {
            "best": self.best if math.isfinite(self.best) else None,
            "files": self._retention.state(),
            "step": self._step,
            "intervals": self._triggers.state(),
            "is_due": self._is_due,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the best save of an earlier run."""
        self._resolve_direction()
        if state["best"] is not None:
            self.best = state["best"]
        self._retention.load_state(state.get("files", ()))
        self._step = state.get("step", 0)
        self._triggers.load_state(state.get("intervals", ()))
        self._is_due = state.get("is_due", False)
