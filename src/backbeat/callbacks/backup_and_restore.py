"""BackupAndRestore: a killed run goes on where it was when its script is started again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from backbeat.callbacks._arguments import check_whole, path_text
from backbeat.callbacks._triggers import Triggers
from backbeat.checkpoints.generations import Generations
from backbeat.errors import ArgumentTypeError, BackbeatWarning, CheckpointError
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.plan import Plan

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Saves the whole run in `backup_dir`, and goes on from there when the script runs again.

    Weights, optimizer, schedules, random numbers, the position in the data, History and every
    callback's `state_dict` are one commit, made when all other callbacks have heard the moment:
    the run that goes on equals one that was never interrupted. Where that cannot be promised, one
    warning says why.

    `save_freq` is "epoch", a number of batches, counted over all epochs, a text such as "10 min",
    "2 epochs" or "5000 samples", or a list of these. After a normal end the
    backup is removed (`delete_checkpoint`); what is not of this callback's making is never
    touched. The newest `keep` saves stay, at least 2: a damaged one is put aside, with a warning,
    and the one before it is used, and so is the newest whose weights are finite.

    `also` maps names to further things that belong to the run: generators of random numbers
    (torch's, NumPy's, Python's), and whatever has `state_dict` and `load_state_dict`.

    A save that fails is a warning and is tried again at the next moment that is due; if the backup
    is to be kept and the last one failed too, the run ends with CheckpointError. A directory in
    which another run is writing, or one that cannot be written, is an error before training.

    >>> backup = BackupAndRestore("runs/digits/backup", save_freq=500)
    """

    phase: ClassVar[Phase] = "save"
    role: ClassVar[Role | None] = "keeper"
    runs_on: ClassVar[RunsOn] = "main"
    keeps_runs: ClassVar[bool] = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int | Sequence[str | int] = "epoch",
        delete_checkpoint: bool = True,
        *,
        keep: int = 2,
        also: Mapping[str, Any] | None = None,
    ) -> None:
        path_text(self, "backup_dir", backup_dir)
        self._triggers = Triggers("BackupAndRestore", save_freq, "save_freq")
        if self._triggers.hear_batches:
            # Only so that a run saved by epochs has nothing to call in a batch.
            self.on_train_batch_end = self._batch_ended
        check_whole(self, "keep", keep, at_least=2)
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self.keep = keep
        self.also = _checked_also(also)
        self._was_used = False
        self._reset()

    def _reset(self) -> None:
        self._generations: Generations | None = None
        self._found: dict[str, Any] | None = None
        self._failure: Exception | None = None
        self._ended_normally = False
        self._triggers.begin()

    # The run

    def _check_plan(self, plan: Plan) -> None:
        self._reset()
        if not hasattr(self.model, "capture_run"):
            raise ArgumentTypeError(
                f"BackupAndRestore cannot save a run of a {type(self.model).__name__}: use it in "
                "model.fit(...) or in backbeat.Loop(...)."
            )
        generations = Generations(self.backup_dir, keep=self.keep)
        generations.open()
        self._generations = generations
        # What an earlier run of this very object left belongs to that run.
        newest = None if self._was_used else generations.newest()
        self._found = None if newest is None else newest.state

    def _forget_plan(self) -> None:
        self.close()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Let the run go on from the newest backup, if there is one."""
        found, self._found = self._found, None
        self._was_used = True
        if found is not None:
            self.model.restore_run(found)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if the epoch is due or the save before failed."""
        first = self.params.get("initial_epoch") or 0
        if self._triggers.epoch_ended(epoch, first) or self._failure is not None:
            self._save()

    def _batch_ended(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if the batch is due."""
        if self._triggers.batch_ended(int((logs or {}).get("size", 1))):
            self._save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Try again what failed last, if it is to be kept; raise if it fails for good."""
        self._ended_normally = True
        if self._failure is None or self.delete_checkpoint:
            return
        failure = self._save()
        if failure is not None:
            raise CheckpointError(
                f"BackupAndRestore could not save the run in {self.backup_dir}: {failure} "
                "The model is still in memory: save it elsewhere with model.save(path)."
            ) from failure

    def on_exception(self, error: BaseException) -> None:
        """Save, if the run was ended between two batches, as by Ctrl-C or SIGTERM."""
        self._ended_normally = False
        if self._generations is not None:
            self._save()

    def close(self) -> None:
        """Let others write there; after a normal end the backup is removed."""
        generations, self._generations = self._generations, None
        if generations is None:
            return
        if self._ended_normally and self.delete_checkpoint:
            generations.discard()
        else:
            generations.close()

    # Saving

    def _save(self) -> Exception | None:
        """Save, if the run stands where it can be saved; returns what kept it from it."""
        assert self._generations is not None
        state = self.model.capture_run()
        if state is None:
            return self._failure
        self._failure = None
        try:
            self._generations.commit(state, is_finite=state["finite"])
        except (OSError, MemoryError) as error:
            self._failure = error
            warnings.warn(
                f"BackupAndRestore could not save the run in {self.backup_dir}: {error} What was "
                "saved before is as it was. It is tried again at the next save.",
                BackbeatWarning,
                stacklevel=2,
            )
        return self._failure

    # State

    def state_dict(self) -> dict[str, Any]:
        """How much is done of what is waited for until the next save."""
        return {"triggers": self._triggers.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Count on."""
        self._triggers.load_state(state["triggers"])

    def __getstate__(self) -> dict[str, Any]:
        # The lock belongs to this process and this run.
        left_out = ("model", "validation_data", "_generations", "_found", "_failure")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._generations = self._found = self._failure = None


def _checked_also(also: Any) -> dict[str, Any]:
    if also is None:
        return {}
    if not isinstance(also, Mapping):
        raise ArgumentTypeError(
            "BackupAndRestore: also maps names to things, as in also={'ema': ema}; got "
            f"{also!r} ({type(also).__name__})."
        )
    return dict(cast(Mapping[str, Any], also))
