"""Bits turned over at random, in every kind of file that backbeat writes."""

from pathlib import Path

import pytest

from tests.faults.damage import everything_in, flips, try_all
from tests.faults.writers import FILES

pytestmark = pytest.mark.faults

EVERY_FILE = pytest.mark.parametrize("name", FILES)


def flip(path: Path, trials: int, seed: int) -> None:
    FILES[path.name](path, 7)
    whole, expected = path.read_bytes(), everything_in(path)
    counts = try_all(path, flips(whole, seed), trials, expected=expected)

    print(f"{path.name}: {trials} flips, {dict(counts)}")
    assert counts.total() == trials
    assert counts["noticed"] > trials // 20
    assert counts["crashed"] <= trials // 100


@EVERY_FILE
def test_each_is_noticed_or_harmless(tmp_path: Path, name: str) -> None:
    """A thousand flips in each kind: none is misread, and none raises another error."""
    flip(tmp_path / name, 1000, seed=0)


@pytest.mark.long
@pytest.mark.timeout(3600)
@EVERY_FILE
def test_many_more(tmp_path: Path, name: str) -> None:
    """The same, twenty thousand times."""
    flip(tmp_path / name, 20_000, seed=1)
