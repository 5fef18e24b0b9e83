"""Rows of a CSV file as text: the excel dialect with any separator."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

from backbeat.callbacks._values import non_finite_text, number
from backbeat.errors import ArgumentError, ArgumentTypeError

__all__ = [
    "GAP",
    "LINE_END",
    "cell",
    "checked_separator",
    "end_of_row",
    "end_of_whole_rows",
    "first_row",
    "row",
    "row_count",
    "unsafe",
    "widened",
]

LINE_END = "\r\n"
GAP = "NA"
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def checked_separator(owner: object, separator: Any) -> str:
    """`separator`, which is one character that means nothing else in such a file.

    Raises ArgumentTypeError or ArgumentError otherwise.
    """
    who = type(owner).__name__
    if not isinstance(separator, str):
        raise ArgumentTypeError(
            f"{who}: separator is one character, such as ','; got {separator!r} "
            f"({type(separator).__name__})."
        )
    if len(separator) != 1 or separator in '"\r\n':
        raise ArgumentError(
            f"{who}: separator is one character, such as ',' or ';'; got {separator!r}."
        )
    return separator


def row(cells: Iterable[str], separator: str) -> str:
    """A whole line."""
    return separator.join(cells) + LINE_END


def cell(value: Any, separator: str, *, safe: bool = False) -> str:
    """`value` as it stands between separators: quoted where that is needed, or if it is a list.

    With `safe` a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = _text(value)
    if safe and text.startswith(_FORMULA_SIGNS) and number(value) is None:
        text = f"'{text}"
    if _is_list(value) or any(sign in text for sign in (separator, '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


def unsafe(text: str) -> str:
    """What `cell(..., safe=True)` was given."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA_SIGNS) else text


def _text(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return value if isinstance(value, str) else value.decode(errors="backslashreplace")
    if value is None:
        return ""
    if _is_list(value):
        return f"[{', '.join(_text(each) for each in value)}]"
    as_float = number(value)
    if as_float is None:
        return str(value)
    # Whatever the library calls them: not 'NaN', not 'tensor(inf)'.
    return non_finite_text(as_float) or str(value if _says_itself(value) else value.item())


def _is_list(value: Any) -> bool:
    if isinstance(value, (str, bytes, Mapping)) or getattr(value, "ndim", None) == 0:
        return False
    return isinstance(value, Iterable)


def _says_itself(value: object) -> bool:
    """Whether `str` gives the bare number: a number does, an array of one too, a tensor not."""
    is_number = isinstance(value, Number) or type(value).__module__ == "numpy"
    return is_number or not hasattr(value, "item")


def first_row(text: str, separator: str) -> list[str]:
    """The cells of the first row that holds anything."""
    for cells in _reader(_lines(text), separator):
        if cells:
            return cells
    return []


def widened(text: str, header: Sequence[str], separator: str) -> str:
    """`text`, a CSV file, with the cells of another header, and gaps at the end of shorter rows."""
    # The rows themselves are kept as they are written: only what is missing is added.
    rows = [
        row([as_written.rstrip("\r\n"), *[GAP] * (len(header) - count)], separator)
        for as_written, count in _rows_below_header(text, separator)
    ]
    return row(header, separator) + "".join(rows)


def row_count(text: str, separator: str) -> int:
    """How many rows there are below the header."""
    return sum(1 for _ in _rows_below_header(text, separator))


def end_of_row(text: str, rows: int, separator: str) -> tuple[int, int]:
    """Where so many rows below the header end, or as many as there are; and how many those are."""
    below = [as_written for as_written, _ in _rows_below_header(text, separator)]
    return len(text) - sum(map(len, below[rows:])), min(rows, len(below))


def end_of_whole_rows(data: bytes, separator: str) -> int:
    """Where the last row ends that was written to its end, its line end included."""
    end = data.rfind(b"\n") + 1
    if data.find(b'"', 0, end) < 0:
        return end
    # That line end may stand in a cell. How many quotes there are does not tell: in a cell without
    # quotes around it they are letters. What comes after a row that has no end is taken into it.
    text = data[:end].decode("utf-8", "surrogateescape")
    records = list(_records([*_lines(text), "end"], separator))
    if records[-1][0] == "end":
        return end
    torn = records[-1][0].removesuffix("end")
    return end - len(torn.encode("utf-8", "surrogateescape"))


def _rows_below_header(text: str, separator: str) -> Iterator[tuple[str, int]]:
    """Each row as it is written, and how many cells it has; blank lines come with the next row."""
    records = _records(_lines(text), separator)
    for _, count in records:
        if count:
            break
    blank = ""
    for as_written, count in records:
        if count:
            yield blank + as_written, count
        blank = "" if count else blank + as_written


def _records(lines: list[str], separator: str) -> Iterator[tuple[str, int]]:
    """Each row of `lines` as it is written, and how many cells it has."""
    reader, begin = _reader(lines, separator), 0
    for cells in reader:
        yield "".join(lines[begin : reader.line_num]), len(cells)
        begin = reader.line_num


def _lines(text: str) -> list[str]:
    # Not str.splitlines, which takes several other signs for line ends too.
    return list(io.StringIO(text, newline=""))


def _reader(lines: list[str], separator: str) -> Any:
    return csv.reader(lines, delimiter=separator)
