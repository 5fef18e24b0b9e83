"""Bits turned over at random, in every kind of file that backbeat writes."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from backbeat.checkpoints.generation import Generation
from backbeat.checkpoints.generations import Generations
from backbeat.errors import CheckpointCorruptError
from tests.faults.damage import everything_in, flips, try_all
from tests.faults.writers import FILES, write_generation

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


def newest(folder: Path) -> Generation:
    """The one generation in `folder`; if it is set aside it is put back, and refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Generations(folder).newest()
    if found is None:
        (aside,) = folder.glob("*.corrupt")
        aside.rename(folder / aside.name.removesuffix(".corrupt"))
        raise CheckpointCorruptError(f"{aside} was set aside.")
    return found


def generation_with(path: Path) -> Any:
    """All that is in the generation that `path` is a file of."""
    found = newest(path.parent.parent)
    weights = {name: array.tobytes() for name, array in found.state["weights"].items()}
    return found.number, found.state["version"], weights


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "tensors.safetensors"])
def test_a_generation_is_set_aside(tmp_path: Path, name: str) -> None:
    """A thousand flips in each file of a generation: it is as it was written, or not used."""
    write_generation(tmp_path, 7)
    (path,) = tmp_path.rglob(name)
    whole, expected = path.read_bytes(), generation_with(path)
    counts = try_all(path, flips(whole, 0), 1000, expected=expected, read=generation_with)

    print(f"{name}: 1000 flips, {dict(counts)}")
    assert counts == {"noticed": 1000}


@pytest.mark.long
@pytest.mark.timeout(3600)
@EVERY_FILE
def test_many_more(tmp_path: Path, name: str) -> None:
    """The same, twenty thousand times."""
    flip(tmp_path / name, 20_000, seed=1)
