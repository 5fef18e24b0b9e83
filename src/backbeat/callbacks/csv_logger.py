"""CSVLogger: one row per epoch in a CSV file."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

from backbeat import files
from backbeat.callbacks._arguments import path_text
from backbeat.callbacks._csv_rows import GAP, LINE_END, cell, first_row, row, widened
from backbeat.errors import ArgumentError, ArgumentTypeError, BackbeatWarning, CheckpointError
from backbeat.hooks.callback import Callback, Phase, Role, RunsOn
from backbeat.hooks.plan import Plan

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes the logs of every epoch as a row: the epoch, counted from 0, and the sorted names.

    Whatever can be text can be logged; lists, tuples and arrays become `"[a, b]"`. Not finite
    numbers are `nan`, `inf` and `-inf`. A value that is missing in an epoch is `NA`; a name that
    comes late becomes a new last column, for which the file is written anew, whole. Line ends are
    CR LF.

    A row is in the file when the epoch is over. The file is opened with the first row, its
    missing directories are created then. `append=False` overwrites what is there, the rows of this
    object's own last run included; `append=True` goes on behind it and follows its header.

    Raises ArgumentError if `separator` is not one character.
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"
    runs_on: ClassVar[RunsOn] = "main"

    _rows: files.Rows | None = None

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        path_text(self, "filename", filename)
        _check_separator(separator)
        self.filename = filename
        self.sep = separator
        self.append = append
        self._reset()

    def _reset(self) -> None:
        self.keys: list[str] | None = None
        """The columns after the epoch, once there is a header."""
        self._columns: list[str] = []
        self._was_opened = False
        self._waiting: list[dict[str, Any]] = []

    # The run

    def _check_plan(self, plan: Plan) -> None:
        try:
            files.probe(self.filename)
        except CheckpointError as error:
            warnings.warn(f"CSVLogger will write nothing: {error}", BackbeatWarning, stacklevel=2)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before; the file is not touched yet."""
        self.close()
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a row, and the rows that could not be written before."""
        self._waiting.append({**(logs or {}), "epoch": epoch})
        self._write()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write what could not be written before."""
        if self._waiting:
            self._write()

    def close(self) -> None:
        """Close the file."""
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    # The file

    def _write(self) -> None:
        """Write all rows that wait; if that fails they wait on."""
        names = {name for values in self._waiting for name in values}
        if self._rows is None:
            self._open(names)
        elif not names <= set(self._columns):
            self._widen(names)
        text = "".join(self._row(values) for values in self._waiting)
        assert self._rows is not None
        self._rows.write_row_text(text)
        self._waiting.clear()

    def _row(self, values: dict[str, Any]) -> str:
        known = (values.get(name, GAP) for name in self._columns)
        return row((cell(value, self.sep) for value in known), self.sep)

    def _open(self, names: set[str]) -> None:
        files.make_parents(self.filename)
        goes_on = self.append or self._was_opened
        old = _text_in(self.filename) if goes_on else ""
        columns = first_row(old, self.sep)
        if columns:
            self._columns = columns
            if names <= set(columns):
                self._go_on(old)
            else:
                self._widen(names)
        else:
            expected = {*(self.params.get("metrics") or ()), *names}
            self._columns = ["epoch", *sorted(expected - {"epoch"})]
            self._start(self._header(), append=False)
        self._was_opened = True
        self.keys = [name for name in self._columns if name != "epoch"]

    def _go_on(self, old: str) -> None:
        # A last row that was cut off while it was written ends here; the next is not glued to it.
        is_whole = old.endswith("\n")
        in_quotes = old.count('"') % 2 == 1
        self._start("" if is_whole else ('"' if in_quotes else "") + LINE_END, append=True)

    def _start(self, text: str, *, append: bool) -> None:
        """Open the file and write what comes before the rows."""
        rows = files.open_rows(self.filename, append)
        try:
            rows.write_row_text(text)
        except BaseException:
            rows.close()
            raise
        self._rows = rows

    def _widen(self, names: set[str]) -> None:
        """Write the file anew, whole, with further columns."""
        self.close()
        columns = [*self._columns, *sorted(names - set(self._columns))]
        text = widened(_text_in(self.filename), columns, self.sep)
        with files.whole(self.filename) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        self._columns = columns
        self.keys = [name for name in columns if name != "epoch"]
        self._start("", append=True)

    def _header(self) -> str:
        return row((cell(name, self.sep) for name in self._columns), self.sep)

    # State

    def state_dict(self) -> dict[str, Any]:
        """Whether there is a file of this run to go on with."""
        return {"was_opened": self._was_opened}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the rows of an earlier run, whatever `append` says."""
        self._was_opened = state["was_opened"]

    def __getstate__(self) -> dict[str, Any]:
        # The open file belongs to this process.
        return {name: value for name, value in vars(self).items() if name != "_rows"}


def _text_in(path: str | os.PathLike[str]) -> str:
    """What the file holds; nothing if there is none."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig", "surrogateescape")
    except FileNotFoundError:
        return ""


def _check_separator(separator: Any) -> None:
    if not isinstance(separator, str):
        raise ArgumentTypeError(
            f"CSVLogger: separator is one character, such as ','; got {separator!r} "
            f"({type(separator).__name__})."
        )
    if len(separator) != 1 or separator in '"\r\n':
        raise ArgumentError(
            f"CSVLogger: separator is one character, such as ',' or ';'; got {separator!r}."
        )
