"""BackupAndRestore: a killed run goes on where it was when its script is started again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

from backbeat.callbacks._arguments import check_flags, check_whole, path_text
from backbeat.callbacks._backup import Backup
from backbeat.callbacks._triggers import Triggers
from backbeat.errors import ArgumentTypeError, CheckpointError, StateError
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

    With `background=True` training goes on as soon as all of it is copied: a thread writes it. A
    save that is due while one is still being written waits for it, and so does every end of the
    run. The copy stays in memory for the next save, until training ends. With `background=False`
    it is written before training goes on.

    A save that fails is a warning, the first time, and is tried again at the end of the epoch or
    the next moment that is due; if the backup is to be kept and the last one failed too, the run
    ends with CheckpointError. A directory in which another run is writing, or one that cannot be
    written, is an error before training, and so is a state of a callback that no file can hold;
    little room on the disk is a warning. It is for one process: under torchrun with several it
    is a StateError before training.

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
        background: bool = True,
    ) -> None:
        path_text(self, "backup_dir", backup_dir)
        self._triggers = Triggers("BackupAndRestore", save_freq, "save_freq")
        if self._triggers.hear_batches:
            # Only so that a run saved by epochs has nothing to call in a batch.
            self.on_train_batch_end = self._batch_ended
        check_whole(self, "keep", keep, at_least=2)
        check_flags(self, delete_checkpoint=delete_checkpoint, background=background)
        self.backup_dir = backup_dir
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self.keep = keep
        self.also = _checked_also(also)
        self.background = background
        self._was_used = False
        self._reset()

    def _reset(self) -> None:
        self._backup: Backup | None = None
        self._told: list[str] = []
        self._found: dict[str, Any] | None = None
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
        self._check_processes()
        self._backup = backup = Backup(
            self.backup_dir, keep=self.keep, in_background=self.background
        )
        backup.open()
        # What an earlier run of this very object left belongs to that run.
        newest = None if self._was_used else backup.newest()
        self._found = None if newest is None else newest.state

    def _check_processes(self) -> None:
        """The others would begin anew beside this one: better no backup than such a run."""
        processes = os.environ.get("WORLD_SIZE", "1")
        if processes != "1" and self.runs_on == "main":
            raise StateError(
                f"BackupAndRestore would save only one of the {processes} processes that train "
                "here (WORLD_SIZE), and a restart would let that one go on while the others begin "
                "anew. Leave it out, and save the model with ModelCheckpoint."
            )

    def _forget_plan(self) -> None:
        self.close()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Let the run go on from the newest backup, if there is one."""
        found, self._found = self._found, None
        self._was_used = True
        if found is not None:
            self.model.restore_run(found)
        else:
            self._present().rehearse(self.model)

    def _present(self) -> Backup:
        if self._backup is None:
            raise StateError(
                "BackupAndRestore was called outside of a run: pass it to model.fit(...) or to "
                "backbeat.Loop(...), where it can find out what a run is made of."
            )
        return self._backup

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if the epoch is due or the save before failed."""
        backup = self._present()
        failure = backup.take_up()
        first = self.params.get("initial_epoch") or 0
        if self._triggers.epoch_ended(epoch, first) or failure is not None:
            backup.save(self.model)

    def _batch_ended(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save, if the batch is due."""
        backup = self._present()
        if self._triggers.batch_ended(int((logs or {}).get("size", 1))):
            backup.save(self.model)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait until all is written; try again what is to be kept, and raise if that fails too."""
        backup = self._present()
        self._ended_normally = True
        failure = backup.take_up(wait=True)
        if failure is None or self.delete_checkpoint:
            return
        backup.save(self.model)
        failure = backup.take_up(wait=True)
        if failure is not None:
            raise CheckpointError(
                f"BackupAndRestore could not save the run in {self.backup_dir}: {failure} "
                "The model is still in memory: save it elsewhere with model.save(path)."
            ) from failure

    def on_exception(self, error: BaseException) -> None:
        """Save, if it is known how the run stood after its last whole batch; wait for it.

        It is, when Ctrl-C or SIGTERM ended it, or when the data, the validation or a callback at
        the end of the epoch failed.
        """
        self._ended_normally = False
        if self._backup is not None:
            if not self._backup.save(self.model):
                error.add_note(
                    "BackupAndRestore saved nothing at this end: nothing was trained yet, or no "
                    "run could go on from it exactly. A restart goes on from the last backup."
                )
            self._backup.take_up(wait=True)

    def close(self) -> None:
        """Wait until all is written and let others write there; after a normal end remove it."""
        backup, self._backup = self._backup, None
        if backup is not None:
            try:
                backup.close(remove=self._ended_normally and self.delete_checkpoint)
            finally:
                self._told = backup.troubles()

    def _troubles(self) -> list[str]:
        return self._told

    # State

    def state_dict(self) -> dict[str, Any]:
        """How much is done of what is waited for until the next save."""
        return {"triggers": self._triggers.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Count on."""
        self._triggers.load_state(state["triggers"])

    def __getstate__(self) -> dict[str, Any]:
        # The lock belongs to this process and this run.
        left_out = ("model", "validation_data", "_backup", "_found")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._backup = self._found = None


def _checked_also(also: Any) -> dict[str, Any]:
    if also is None:
        return {}
    if not isinstance(also, Mapping):
        raise ArgumentTypeError(
            "BackupAndRestore: also maps names to things, as in also={'ema': ema}; got "
            f"{also!r} ({type(also).__name__})."
        )
    return dict(cast(Mapping[str, Any], also))
