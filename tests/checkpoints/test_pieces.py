from __future__ import annotations

import numpy as np
import pytest

from backbeat.checkpoints.pieces import gathered, pieces, sliced

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.0),
        np.ones((0, 4)),
        np.arange(12.0).reshape(3, 4).T,
        RANDOM.random((1, 1000, 1500)).transpose(0, 2, 1),
        RANDOM.random((1500, 1000)).T,
        RANDOM.random((1000, 1500)).astype(">f8"),
        RANDOM.random(2_000_000)[::-1],
    ],
)
def test_together_they_are_the_array(array: np.ndarray) -> None:
    """Row by row and little-endian, and no copy is larger than half a MiB."""
    found = [bytes(piece) for piece in pieces(array)]

    assert b"".join(found) == np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    assert max(map(len, found), default=0) <= 1 << 19


def test_what_lies_in_order_is_not_copied() -> None:
    """However large: the pieces are the array's own memory."""
    array = np.ones(3_000_000)
    found = list(pieces(array))
    array[:] = 7

    assert all((np.frombuffer(piece) == 7).all() for piece in found)


def test_what_is_turned_takes_the_same_memory_over_and_over() -> None:
    """However large the array: no more than one piece."""
    places = {
        np.frombuffer(piece, np.uint8).ctypes.data for piece in pieces(RANDOM.random((900, 900)).T)
    }

    assert len(places) == 1


def test_bytes_in_slices() -> None:
    """Of at most half a MiB, in order and not copied; of nothing there are none."""
    data = bytearray(RANDOM.bytes((1 << 20) + 5))
    found = list(sliced(data))

    assert [len(piece) for piece in found] == [1 << 19, 1 << 19, 5]
    assert b"".join(found) == data
    assert all(piece.obj is data for piece in found)
    assert list(sliced(b"")) == []


def test_small_neighbours_go_together() -> None:
    """Large parts stay what they are."""
    large = b"x" * 70_000
    parts = list(gathered([b"", b"a", b"b", large, b"c", b"y" * 65_535, b"d", b""]))

    assert [len(part) for part in parts] == [2, 70_000, 65_536, 1]
    assert parts[1] is large
    assert list(gathered([])) == []
