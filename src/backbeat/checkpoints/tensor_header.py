"""The JSON at the start of a safetensors file, checked before memory is taken for the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from backbeat.checkpoints.strict_json import from_text

__all__ = ["CODES", "LARGEST_HEADER", "METADATA", "Header", "Place", "read_header"]

METADATA = "__metadata__"
LARGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors package itself."""

CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
"""The format's name of each type."""

_NAMES = {code: name for name, code in CODES.items()}
_BITS = {code: int("".join(filter(str.isdigit, code.split("_")[0])) or 8) for code in _NAMES}
_MOST_DIMENSIONS = 64


@dataclass(frozen=True)
class Place:
    """What one tensor is, and where in the file's data it lies."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """All that the start of a file says; the tensors fill the rest of it without holes."""

    tensors: dict[str, Place]
    metadata: dict[str, str]
    data_bytes: int


def read_header(file: BinaryIO, size: int) -> Header:
    """The header of an open file of `size` bytes; the data come next.

    Raises ValueError if anything in it contradicts anything else, or the size of the file.
    """
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, LARGEST_HEADER):
        raise ValueError(f"its header claims {length} bytes")
    try:
        return _parsed(file.read(length).decode("utf-8"), size - 8 - length)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header is not one of safetensors: {error}") from error


def _parsed(text: str, data_bytes: int) -> Header:
    """What the JSON says, if that can be."""
    found = from_text(text)
    if not text.startswith("{"):
        raise ValueError("its header does not begin with '{'")
    metadata = _metadata(found.pop(METADATA, None))
    tensors = {name: _place(name, part) for name, part in found.items()}
    _check_places(tensors, data_bytes)
    return Header(tensors, metadata, data_bytes)


def _metadata(part: Any) -> dict[str, str]:
    """The texts about the file."""
    texts = cast(dict[str, Any], {} if part is None else part)
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("its metadata are not all texts")
    return dict(texts)


def _place(name: str, part: Mapping[str, Any]) -> Place:
    """One tensor's entry, whose parts have to agree."""
    code, shape, (begin, end) = part["dtype"], part["shape"], part["data_offsets"]
    if code not in _NAMES:
        raise ValueError(f"{name[:80]!r} has values of the unknown type {str(code)[:40]!r}")
    if len(shape) > _MOST_DIMENSIONS or not all(map(_is_size, (*shape, begin, end))):
        raise ValueError(f"{name[:80]!r} has an impossible shape or place")
    if math.prod(shape) * _BITS[code] != 8 * (end - begin):
        raise ValueError(f"the shape of {name[:80]!r} does not fit its bytes")
    return Place(_NAMES[code], tuple(shape), begin, end)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _check_places(tensors: Mapping[str, Place], data_bytes: int) -> None:
    """One tensor after the other, none over another, nothing between them or behind."""
    end = 0
    for place in sorted(tensors.values(), key=lambda each: (each.begin, each.end)):
        if place.begin != end:
            raise ValueError("its tensors overlap, or leave holes")
        end = place.end
    if end != data_bytes:
        raise ValueError(f"its tensors take {end} bytes, the file has {data_bytes} for them")
