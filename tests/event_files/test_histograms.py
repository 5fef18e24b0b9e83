"""count: NumPy's counts on the same edges, for every number there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backbeat.event_files.histograms import Tally, count

FLOATS = st.one_of(
    arrays.arrays(np.float32, st.integers(0, 50), elements=st.floats(width=32)),
    arrays.arrays(np.float64, st.integers(0, 50), elements=st.floats()),
    arrays.arrays(np.float16, st.integers(0, 50), elements=st.floats(width=16)),
    arrays.arrays(np.int32, st.integers(0, 50)),
    arrays.arrays(np.bool_, st.integers(0, 50)),
)


def by_numpy(values: np.ndarray, rows: np.ndarray) -> list[float]:
    """NumPy's counts on the edges of `rows`."""
    edges = np.append(rows[:, 0], rows[-1:, 1])
    finite = values[np.isfinite(values)].astype(np.float64)
    return np.histogram(finite, edges)[0].tolist() if len(rows) else []


@given(FLOATS)
def test_counts_are_numpys(values: np.ndarray) -> None:
    """All finite numbers are counted, as NumPy counts them; the buckets touch and are in order."""
    rows, non_finite = count(values)

    assert rows[:, 2].tolist() == by_numpy(values, rows)
    assert rows[:, 2].sum() == np.isfinite(values).sum()
    assert non_finite == (~np.isfinite(values)).sum()
    assert (rows[:, 0] < rows[:, 1]).all()
    assert (rows[1:, 0] == rows[:-1, 1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_on_the_edges(dtype: type) -> None:
    """Numbers that are edges themselves, of either sign, are where NumPy puts them."""
    powers = np.ldexp(dtype(1), np.arange(-140, 127))
    values = np.concatenate([powers * scale for scale in (1, -1, 1.125, -1.125, 1.5, -1.875)])
    values = np.concatenate([values, np.nextafter(values, dtype(0)), [0.0, -0.0]]).astype(dtype)
    rows, _ = count(values)

    assert rows[:, 2].tolist() == by_numpy(values, rows)


def test_a_million(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many numbers, counted in several parts, give NumPy's counts; the array stays as it was."""
    values = np.random.default_rng(0).normal(0, 0.05, (1000, 300)).astype(np.float32)
    before = values.copy()
    rows, _ = count(values)

    assert rows[:, 2].tolist() == by_numpy(values.ravel(), rows)
    assert np.array_equal(values, before)
    assert len(rows) < 400


def test_buckets_are_fine_where_there_are_numbers() -> None:
    """A bucket that holds something is at most an eighth wide; empty neighbours are one bucket."""
    rows, _ = count(np.array([1e-3, 1.0, 1.9, 1e6]))
    filled = rows[rows[:, 2] > 0]

    assert len(rows) == 7
    assert (filled[:, 1] / filled[:, 0] <= 1.125).all()


def test_zeros_get_a_bucket_that_can_be_drawn() -> None:
    """Nothing but zeros is one bucket of width 1 around them."""
    assert count(np.array([0.0, -0.0])).rows.tolist() == [[-0.5, 0.5, 2.0]]


def test_nothing() -> None:
    """No numbers, or none that is finite, have no bucket."""
    assert count(np.zeros((0, 3))).rows.shape == (0, 3)
    assert count(np.array([np.nan, np.inf])).rows.shape == (0, 3)
    assert count(np.array([np.nan, -np.inf])).non_finite == 2


@given(FLOATS, st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=10, unique=True))
def test_given_edges(values: np.ndarray, edges: list[float]) -> None:
    """With edges there is one bucket between any two, empty or not, with NumPy's counts."""
    rows, non_finite = count(values, sorted(edges))

    assert rows[:, 0].tolist() == sorted(edges)[:-1]
    assert rows[:, 2].tolist() == by_numpy(values, rows)
    assert non_finite == (~np.isfinite(values)).sum()


def test_foreign_byte_order() -> None:
    """An array from another machine is counted by its values."""
    assert count(np.array([1.0], ">f4")).rows.tolist() == count(np.array([1.0])).rows.tolist()


def test_parts_are_counted_like_the_whole() -> None:
    """A Tally of parts has the buckets and counts of all their numbers together."""
    parts = [np.random.default_rng(number).normal(size=(7, 9)) for number in range(3)]
    parts[1][0, 0] = np.nan
    tally = Tally()
    for part in parts:
        tally.add(part)

    whole = count(np.concatenate(parts).astype(np.float32))
    assert tally.histogram().rows.tolist() == whole.rows.tolist()
    assert tally.histogram().non_finite == 1


def test_nothing_counted() -> None:
    """A Tally that was given nothing has no buckets."""
    assert Tally().histogram().rows.shape == (0, 3)
