"""CsvFile: a CSV file of whole rows; what has to be cut off is kept in a file beside it."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backbeat import files
from backbeat.callbacks._csv_rows import (
    GAP,
    cell,
    end_of_row,
    end_of_whole_rows,
    first_row,
    row,
    row_count,
    unsafe,
    widened,
)
from backbeat.errors import CheckpointError

__all__ = ["CsvFile", "Position"]


@dataclass(frozen=True)
class Position:
    """How far a file was written: what a resumed run cuts it back to."""

    size: int
    """Bytes; those from before the run included."""
    rows: int
    """Rows below the header."""
    columns: tuple[str, ...]
    """The names in the header; none if there was no file to go on with yet."""

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Position:
        """From what `dataclasses.asdict` makes of it, however that was stored."""
        return cls(int(state["size"]), int(state["rows"]), tuple(state["columns"]))


class CsvFile:
    """Rows go to its end; it is opened with the first one.

    With `goes_on` they follow what is there, under its header, otherwise the file is emptied
    first. `expected` are names that get a column from the beginning.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        separator: str,
        *,
        goes_on: bool = False,
        expected: Iterable[str] = (),
        safe_cells: bool = False,
    ) -> None:
        self.path = path
        self.goes_on = goes_on
        self.columns: list[str] = []
        self.known: Position | None = None
        """How far it is written, as far as that is known without asking the disk."""
        self.losses: list[str] = []
        """What is not there any more."""
        self.kept: list[str] = []
        """What was cut off and put aside."""
        self._separator = separator
        self._expected = set(expected)
        self._safe = safe_cells
        self._count = 0
        self._target: Position | None = None
        self._rows: files.Rows | None = None

    # Writing

    def write(self, records: Sequence[Mapping[str, str]]) -> None:
        """Add a row for each of `records`, which map names to cells; all of them or none.

        Raises CheckpointError if that cannot be done.
        """
        with self._understood():
            if self._target is not None:
                self._cut_back(self._target)
                self._target = None
            if records:
                self._write(records)

    def _write(self, records: Sequence[Mapping[str, str]]) -> None:
        names = {name for record in records for name in record}
        if self._rows is not None and self._rows.is_gone():
            self.losses.append(f"{self.path} was removed; a new one begins with the next row")
            self.close()
        if self._rows is None:
            self._open(names)
        if not names <= set(self.columns):
            self._widen(names)
        assert self._rows is not None
        self._rows.write_row_text("".join(map(self._row, records)))
        self._count += len(records)
        self.known = Position(self._rows.size, self._count, tuple(self.columns))

    def _row(self, record: Mapping[str, str]) -> str:
        return row((record.get(name, GAP) for name in self.columns), self._separator)

    def _header(self) -> str:
        cells = (cell(name, self._separator, safe=self._safe) for name in self.columns)
        return row(cells, self._separator)

    def _open(self, names: set[str]) -> None:
        files.make_parents(self.path)
        columns: list[str] = []
        if self.goes_on:
            data = self._data()
            whole = end_of_whole_rows(data, self._separator)
            self._keep_aside(data[whole:], "a row that was not written to its end")
            columns = self._names(data[:whole])
            self._count = row_count(_text(data[:whole]), self._separator)
        if columns:
            self.columns = columns
            self._start("", append=True)
        else:
            others = sorted((self._expected | names) - {"epoch"})
            self.columns, self._count = self.columns or ["epoch", *others], 0
            self._start(self._header(), append=False)
        self.goes_on = True

    def _start(self, text: str, *, append: bool) -> None:
        """Open the file and write what comes before the rows."""
        rows = files.open_rows(self.path, append)
        try:
            rows.write_row_text(text)
        except BaseException:
            rows.close()
            raise
        self._rows = rows

    def _widen(self, names: set[str]) -> None:
        """Write the file anew, whole, with further columns."""
        self.close()
        columns = [*self.columns, *sorted(names - set(self.columns))]
        header = [cell(name, self._separator, safe=self._safe) for name in columns]
        text = widened(_text(self._data()), header, self._separator)
        with files.whole(self.path) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        self.columns = columns
        self._start("", append=True)

    def settle(self) -> None:
        """Return once all rows are on the disk, and it is known how far they go."""
        if self._rows is not None:
            self._rows.sync()
        elif self.known is None:
            with self._understood():
                self.known = self._found()

    @contextlib.contextmanager
    def _understood(self) -> Generator[None]:
        """Turn what Python's reader cannot read into an error that says what to do."""
        try:
            yield
        except csv.Error as error:
            raise CheckpointError(
                f"{self.path} cannot be gone on with: {error}. Allow larger cells with "
                "csv.field_size_limit(size), or give another file name."
            ) from error

    def close(self) -> None:
        """Close the file; the next row opens it again."""
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    # Going on where another run was

    def _found(self) -> Position:
        """How far the file goes that nothing was written to yet."""
        data = self._data()
        if not self.goes_on:
            return Position(len(data), 0, ())
        data = data[: end_of_whole_rows(data, self._separator)]
        count = row_count(_text(data), self._separator)
        return Position(len(data), count, tuple(self._names(data)))

    def resume(self, position: Position) -> None:
        """Go on at `position` of an earlier run: what it wrote later is cut off before a row is."""
        self._target = self.known = position

    def _cut_back(self, position: Position) -> None:
        data = self._data()
        if position.columns:
            self.goes_on = True
            end = self._end_of(data, position)
        else:
            # The run had not begun to write: what is there now was there before, or is abandoned.
            is_as_before = len(data) == position.size
            end = len(data) if is_as_before else 0
        self._keep_aside(data[end:], "work that is done again")

    def _end_of(self, data: bytes, position: Position) -> int:
        """Where the rows at `position` end."""
        columns, text = tuple(self._names(data)), _text(data)
        if columns[: len(position.columns)] != position.columns:
            self.columns = list(position.columns)
            self.losses.append(f"{self.path} is no more what the run that is resumed has written")
            return 0
        is_as_left = len(data) >= position.size and data[: position.size].endswith(b"\n")
        if columns == position.columns and is_as_left:
            return position.size
        # Columns that came later, or somebody's hand, moved the rows: they are counted.
        end, count = end_of_row(text, position.rows, self._separator)
        if count < position.rows:
            self.losses.append(f"{self.path} lacks {position.rows - count} rows of the earlier run")
        return len(data) - len(text[end:].encode("utf-8", "surrogateescape"))

    def _keep_aside(self, tail: bytes, what: str) -> None:
        """Cut `tail` off the end of the file, once it is safe in a file beside it."""
        if not tail:
            return
        orphan = _free_name(Path(self.path))
        with files.whole(orphan) as file:
            file.write(tail)
        rows = files.open_rows(self.path, append=True)
        try:
            rows.cut_back(rows.size - len(tail))
        finally:
            rows.close()
        self.kept.append(f"{what}: {orphan} has what was cut off {self.path}")

    def _names(self, data: bytes) -> list[str]:
        names = first_row(_text(data), self._separator)
        return [unsafe(name) for name in names] if self._safe else names

    def _data(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except FileNotFoundError:
            return b""


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "surrogateescape")


def _free_name(path: Path) -> Path:
    names: Any = (f".orphan-{number}" if number > 1 else ".orphan" for number in range(1, 10**6))
    return next(
        path.with_name(path.name + name)
        for name in names
        if not path.with_name(path.name + name).exists()
    )
