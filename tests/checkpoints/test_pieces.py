from __future__ import annotations

import numpy as np
import pytest

from backbeat.checkpoints.pieces import gathered, pieces

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
    """Row by row and little-endian, and no copy is larger than 4 MiB."""
    found = [bytes(piece) for piece in pieces(array)]

    assert b"".join(found) == np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    assert max(map(len, found)) <= 4 << 20


def test_what_lies_in_order_is_not_copied() -> None:
    """However large: one piece, in the array's own memory."""
    array = np.ones(3_000_000)
    (piece,) = pieces(array)
    array[0] = 7

    assert np.frombuffer(piece)[0] == 7


def test_small_neighbours_go_together() -> None:
    """Large parts stay what they are."""
    large = b"x" * 70_000
    parts = list(gathered([b"", b"a", b"b", large, b"c", b"y" * 65_535, b"d", b""]))

    assert [len(part) for part in parts] == [2, 70_000, 65_536, 1]
    assert parts[1] is large
    assert list(gathered([])) == []
