"""Records: how an event file frames each of its events, and how they are read back."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import google_crc32c

__all__ = ["framed", "read_records"]

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER_BYTES = _LENGTH.size + _CHECKSUM.size

_checksum = cast(Callable[[bytes], int], google_crc32c.value)  # type: ignore[reportUnknownMemberType]
_headers: dict[int, bytes] = {}


def framed(payload: bytes) -> bytes:
    """`payload` as a record: its length, the length's checksum, itself, its own checksum."""
    size = len(payload)
    header = _headers.get(size)
    if header is None:
        header = _header(size)
    return header + payload + _CHECKSUM.pack(_masked(payload))


def read_records(path: Path) -> Iterator[bytes]:
    """The payloads of a file's records, up to the first that is torn or damaged.

    An event file of a running or killed training ends anywhere, so that is no error.
    """
    with path.open("rb") as file:
        while (payload := _read_one(file)) is not None:
            yield payload


def _read_one(file: BinaryIO) -> bytes | None:
    """The next payload, or None if no whole and sound record follows."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None
    (size,) = _LENGTH.unpack_from(header)
    if header != _header(size):
        return None
    record = file.read(size + _CHECKSUM.size)
    payload, checksum = record[:size], record[size:]
    return payload if checksum == _CHECKSUM.pack(_masked(payload)) else None


def _header(size: int) -> bytes:
    length = _LENGTH.pack(size)
    header = length + _CHECKSUM.pack(_masked(length))
    # Scalars, which come by the thousand, have a few lengths only.
    if size < 1024:
        _headers[size] = header
    return header


def _masked(data: bytes) -> int:
    """The checksum of `data`, turned so that it differs from that of a stored checksum."""
    crc = _checksum(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
