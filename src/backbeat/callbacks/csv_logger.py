"""CSVLogger: one row per epoch in a CSV file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, ClassVar

from backbeat import files
from backbeat.callbacks._anchor import Anchor
from backbeat.callbacks._arguments import check_flags, path_text, seconds
from backbeat.callbacks._claim import Claim
from backbeat.callbacks._csv_file import CsvFile, Position
from backbeat.callbacks._csv_rows import cell, checked_separator
from backbeat.errands import Errands
from backbeat.errors import CheckpointError, FileInUseError
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.plan import Plan
from backbeat.warning import warn

__all__ = ["CSVLogger"]

# How long an epoch waits for its row; a disk that does not answer is not waited for again.
_PATIENCE_SECONDS = 1.0
_MOST_WAITING = 10_000


class CSVLogger(Callback):
    """Writes the logs of every epoch as a row: the epoch, counted from 0, and the sorted names.

    Whatever can be text can be logged; lists, tuples and arrays become `"[a, b]"`. Not finite
    numbers are `nan`, `inf` and `-inf`. A value that is missing in an epoch is `NA`; a name that
    comes late becomes a new last column, for which the file is written anew, whole. Line ends are
    CR LF. With `safe_cells` a text or name that a spreadsheet would take for a formula begins
    with an apostrophe.

    A row is in the file when the epoch is over. The file is opened with the first row, its
    missing directories are created then. `append=False` overwrites what is there, the rows of this
    object's own last run included; `append=True` goes on behind it and follows its header. A
    resumed run goes on behind the rows of the one before, whatever `append` says. What must be cut
    off for that, and a last row that was never written to its end, is kept in `*.orphan` beside
    the file.

    One run at a time: a second one on the same file, in whatever process, is refused before its
    first batch. While a run goes on, a hidden `.NAME.lock` lies beside the file.

    No disk disturbs the training: rows that cannot be written wait, up to 10000 of them, for the
    next epoch; what is not written `close_timeout` seconds after the end is given up, and said.

    Raises ArgumentError if `separator` is not one character; before the first batch FileInUseError
    if another run writes the file, StateError if this very object takes part in another run.
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"
    runs_on: ClassVar[RunsOn] = "main"

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
        *,
        safe_cells: bool = False,
        close_timeout: float = 5.0,
    ) -> None:
        path_text(self, "filename", filename)
        check_flags(self, append=append, safe_cells=safe_cells)
        self.filename = filename
        self.sep = checked_separator(self, separator)
        self.append = append
        self.safe_cells = safe_cells
        self.close_timeout = seconds(self, "close_timeout", close_timeout)
        self._claim = Claim(self, filename)
        self._reset()

    def _reset(self) -> None:
        self._anchor = Anchor()
        self._begin_file()
        self._waiting: list[dict[str, str]] = []
        self._failures = 0
        self._lost = 0
        self._news: list[str] = []

    def _begin_file(self) -> None:
        self._file = CsvFile(
            self.filename,
            self.sep,
            goes_on=self.append,
            expected=self.params.get("metrics") or (),
            safe_cells=self.safe_cells,
        )
        self._position: Position | None = None
        self._errands = Errands("CSVLogger")
        self._hangs = False
        self._sent = 0

    @property
    def keys(self) -> list[str] | None:
        """The columns after the epoch, once there is a header."""
        return [name for name in self._file.columns if name != "epoch"] or None

    # The run

    def _check_plan(self, plan: Plan) -> None:
        self._claim.begin()
        will = "write nothing"
        try:
            if not self._ask(lambda: files.probe(self.filename)):
                warn(f"CSVLogger: the disk with {self.filename} does not answer.")
            will = "write without a lock, and so may others"
            self._ask(self._claim.take_if_there)
        except FileInUseError:
            raise
        except CheckpointError as error:
            warn(f"CSVLogger will {will}: {error}")

    def _forget_plan(self) -> None:
        if not self._claim.is_of_another_run():
            self._claim.end(self._ask)

    def _ask(self, call: Callable[[], object]) -> bool:
        """Whether the disk has done `call` by now; one that is gone is not waited for."""
        return Errands("CSVLogger").run(call, _PATIENCE_SECONDS)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before; the file is not touched yet."""
        self._end()
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a row, and the rows that could not be written before."""
        values = {**(logs or {}), "epoch": epoch}
        self._waiting.append(
            {name: cell(value, self.sep, safe=self.safe_cells) for name, value in values.items()}
        )
        self._write(_PATIENCE_SECONDS)
        if len(self._waiting) > _MOST_WAITING + self._sent:
            self._lost += 1
            del self._waiting[self._sent]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the file where no `close` will come."""
        if self._nobody_will_close():
            self.close()

    def close(self) -> None:
        """Write what still waits, if the disk allows it in time, and close the file."""
        self._end()
        self._claim.end(self._ask)

    def _end(self) -> None:
        self._is_done(lambda: self._errands.finish(self.close_timeout))
        if self._waiting and not self._hangs:
            self._write(self.close_timeout)
        if not self._hangs:
            self._send(self._file.close, self.close_timeout)
        if self._hangs:
            self._lost += len(self._waiting)
            warn(
                f"CSVLogger gives up {len(self._waiting)} rows: the disk with {self.filename} has "
                f"not answered for {self.close_timeout:g} s."
            )
            self._waiting.clear()
            self._begin_file()

    def _troubles(self) -> list[str]:
        lost, failures = self._lost + len(self._waiting), self._failures
        told = [f"{lost} rows were not written to {self.filename}"] if lost else []
        told += [f"{failures} writes to {self.filename} failed"] if failures else []
        return told + self._news

    # Writing beside the training

    def _write(self, seconds: float) -> None:
        """Write all rows that wait; if that fails they wait on."""
        records, write, claim = list(self._waiting), self._file.write, self._claim
        self._file.path = claim.path = self._anchor.name(self.filename)

        def send() -> None:
            claim.take()
            write(records)

        self._send(send, seconds, rows=len(records))

    def _send(self, call: Callable[[], None], seconds: float, rows: int = 0) -> bool:
        """Let `call` work on the file; whether it was over in time and went well."""
        if not self._is_done(lambda: self._errands.finish(0 if self._hangs else seconds)):
            return False
        self._sent = rows
        return self._is_done(lambda: self._errands.run(call, seconds))

    def _is_done(self, wait: Callable[[], bool]) -> bool:
        try:
            self._hangs = not wait()
        except OSError as error:
            self._sent, self._hangs = 0, False
            self._fail(error)
            return False
        if self._hangs:
            return False
        del self._waiting[: self._sent]
        self._sent, self._position = 0, self._file.known
        for loss in self._file.losses:
            warn(f"CSVLogger: {loss}.")
        self._news += [*self._file.losses, *self._file.kept]
        self._file.losses.clear()
        self._file.kept.clear()
        return True

    def _fail(self, error: OSError) -> None:
        self._failures += 1
        if self._failures == 1:
            warn(f"CSVLogger: {error} Training goes on; the rows wait for the next epoch.")

    # State

    def state_dict(self) -> dict[str, Any]:
        """How far the file is written, and the rows that could not be written yet."""
        # Where a resumed run goes on must not be lost by a power failure that loses the rows.
        self._send(self._file.settle, _PATIENCE_SECONDS)
        return {
            "file": os.fspath(self.filename),
            "position": None if self._position is None else asdict(self._position),
            "waiting": [dict(record) for record in self._waiting],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the earlier run was: rows that it wrote later are cut off and kept aside."""
        self._waiting = [dict(record) for record in state["waiting"]]
        if state["position"] is not None:
            self._file.resume(Position.of(state["position"]))
            self._position = self._file.known
            self._write(_PATIENCE_SECONDS)

    def __getstate__(self) -> dict[str, Any]:
        # The open file belongs to this process.
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in _RUNNING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._claim = Claim(self, self.filename)
        self._reset()


_RUNNING = ("_claim", "_file", "_errands", "_position", "_waiting", "_sent", "_hangs")
