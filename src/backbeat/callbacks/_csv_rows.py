"""Rows of a CSV file as text: the excel dialect with any separator."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

from backbeat.callbacks._values import non_finite_text, number

__all__ = ["GAP", "LINE_END", "cell", "first_row", "row", "widened"]

LINE_END = "\r\n"
GAP = "NA"


def row(cells: Iterable[str], separator: str) -> str:
    """A whole line."""
    return separator.join(cells) + LINE_END


def cell(value: Any, separator: str) -> str:
    """`value` as it stands between separators: quoted where that is needed, or if it is a list."""
    text = _text(value)
    if _is_list(value) or any(sign in text for sign in (separator, '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


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


def widened(text: str, columns: Sequence[str], separator: str) -> str:
    """`text`, a CSV file, with `columns` as its header and gaps at the end of shorter rows."""
    header = row((cell(name, separator) for name in columns), separator)
    return header + "".join(_wide(_lines(text), len(columns), separator))


def _wide(lines: list[str], width: int, separator: str) -> Iterator[str]:
    # The rows themselves are kept as they are written: only what is missing is added.
    reader, begin, is_header = _reader(lines, separator), 0, True
    for cells in reader:
        as_written = "".join(lines[begin : reader.line_num]).rstrip("\r\n")
        begin = reader.line_num
        if cells and not is_header:
            gaps = [GAP] * (width - len(cells))
            yield row([as_written, *gaps], separator)
        is_header = is_header and not cells


def _lines(text: str) -> list[str]:
    # Not str.splitlines, which takes several other signs for line ends too.
    return list(io.StringIO(text, newline=""))


def _reader(lines: list[str], separator: str) -> Any:
    return csv.reader(lines, delimiter=separator)
