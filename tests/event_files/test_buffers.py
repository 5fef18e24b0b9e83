"""Buffers: a copy is a copy, in memory that was there before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbeat.event_files import buffers
from backbeat.event_files.buffers import Buffers

BIG = np.arange(100_000, dtype=np.float64)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_is_used_again() -> None:
    """What was given back holds the next copy of that size, whatever its shape and type."""
    kept = Buffers()
    first = kept.copy(BIG)
    kept.give_back(first)
    second = kept.copy(BIG.astype(np.int64).reshape(100, 1000)[::-1])

    assert address(second) == address(first)
    assert np.array_equal(second, BIG.astype(np.int64).reshape(100, 1000)[::-1])


def test_what_is_in_use_is_not_touched() -> None:
    """Copies that were not given back keep what they hold."""
    kept = Buffers()
    first, second = kept.copy(BIG), kept.copy(BIG + 1)
    kept.give_back(first)
    third = kept.copy(BIG + 2)

    assert np.array_equal(second, BIG + 1)
    assert np.array_equal(third, BIG + 2)
    assert address(third) != address(second)


@given(st.lists(st.tuples(st.sampled_from([32_768, 40_000]), st.booleans()), max_size=20))
def test_any_order(steps: list[tuple[int, bool]]) -> None:
    """However copying and giving back alternate, every copy in use is what was copied."""
    kept, used = Buffers(), list[tuple[int, np.ndarray]]()
    for number, (size, gives_back) in enumerate(steps):
        used.append((number, kept.copy(np.full(size, float(number)))))
        if gives_back:
            kept.give_back(used.pop(0)[1])

        assert all((copy == value).all() for value, copy in used)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, memory goes back to the system; so does all of it when cleared."""
    monkeypatch.setattr(buffers, "_MOST_BYTES", 2 * BIG.nbytes)
    kept = Buffers()
    copies = [kept.copy(BIG) for _ in range(3)]
    for copy in copies:
        kept.give_back(copy)
    addresses = {address(copy) for copy in copies[:2]}
    again = [kept.copy(BIG) for _ in range(2)]

    assert {address(copy) for copy in again} == addresses
    kept.give_back(again[0])
    kept.clear()
    assert kept._free == {}


def test_small_ones_are_not_kept() -> None:
    """A small copy is new each time: nothing would be gained."""
    kept = Buffers()
    kept.give_back(kept.copy(BIG[:10]))

    assert kept._free == {}
