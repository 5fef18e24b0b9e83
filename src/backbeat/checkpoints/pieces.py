"""Pieces: the bytes of arrays on their way into a file, without copying all of an array at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from backbeat.checkpoints.checkpoint import Array, array_bytes

__all__ = ["Buffer", "gathered", "pieces", "sliced"]

Buffer = bytes | bytearray | memoryview

# Small enough to be still in the processor's cache when it is written after it was digested.
_PIECE_BYTES = 1 << 19
# So many columns of it at a time.
_STRIP = 256
# What is smaller goes into the file together with its neighbours.
_SMALL_BYTES = 1 << 16


def pieces(array: Array) -> Iterator[memoryview]:
    r"""The bytes of `array` as `array_bytes` gives them, bit by bit where they must be copied.

    Each is good until the next one is asked for.

    >>> [bytes(piece) for piece in pieces(np.array([[1, 2], [3, 4]], dtype=np.uint8).T)]
    [b'\x01\x03\x02\x04']
    """
    dtype = array.dtype.newbyteorder("<")
    if array.flags.c_contiguous and array.dtype == dtype:
        yield from sliced(array_bytes(array))
    else:
        yield from _turned(array, np.empty(min(array.size, _PIECE_BYTES // dtype.itemsize), dtype))


def _turned(array: Array, room: Array) -> Iterator[memoryview]:
    """The bytes of `array` that have to be copied, one part after the other in the same `room`."""
    if array.size <= room.size:
        ordered = room[: array.size].reshape(array.shape)
        _put_in_order(array, ordered)
        yield array_bytes(ordered)
        return
    rows = max(1, len(array) * room.size // array.size)
    for begin in range(0, len(array), rows):
        # What one row alone is too large for is parted along the next axis.
        yield from _turned(array[begin] if rows == 1 else array[begin : begin + rows], room)


def sliced(data: Buffer) -> Iterator[memoryview]:
    """`data` in pieces that share its memory."""
    view = memoryview(data)
    for begin in range(0, len(view), _PIECE_BYTES):
        yield view[begin : begin + _PIECE_BYTES]


def _put_in_order(array: Array, ordered: Array) -> None:
    """Copy `array` to `ordered`, which lies row by row and little-endian.

    In strips, because reading all of a row across the memory meets a new page at each step: this is
    four times as fast for a large transposed matrix.
    """
    columns = array.shape[-1] if array.ndim else 1
    for begin in range(0, columns, _STRIP):
        strip = (..., slice(begin, begin + _STRIP)) if array.ndim else ...
        ordered[strip] = array[strip]


def gathered(parts: Iterable[Buffer]) -> Iterator[Buffer]:
    """The same bytes with small neighbours put together: each part is a call of the system.

    >>> list(gathered([b"a", b"b"]))
    [bytearray(b'ab')]
    """
    small = bytearray()
    for part in parts:
        if len(small) + len(part) <= _SMALL_BYTES:
            small += part
            continue
        if small:
            yield small
        small = bytearray()
        if len(part) <= _SMALL_BYTES:
            small += part
        else:
            yield part
    if small:
        yield small
