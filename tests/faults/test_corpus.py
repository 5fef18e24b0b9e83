"""Every file of the corpus is refused: nothing runs, nothing changes, no memory to speak of."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.errors import ArgumentError, CheckpointError
from backbeat.models import Sequential, load_model
from tests.faults.make_corpus import CORPUS, MARKER, all_files, model
from tests.faults.trials import Trial, in_child

pytestmark = pytest.mark.faults

FILES = sorted(CORPUS.glob("*.*"))
DESCRIBED = sorted((CORPUS / "described").glob("*.*"))
MEMORY = 300 << 20


def state_of(made: Sequential) -> list[Any]:
    """Every bit of the weights and of the optimizer."""
    optimizer = made.optimizer.state_dict()["torch"]["state"]
    slots = [np.asarray(value).tobytes() for each in optimizer.values() for value in each.values()]
    return [made.optimizer.lr, *(array.tobytes() for array in made.get_weights()), *slots]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sequential:
    """A model that every child has from its parent, which has imported all that loading needs."""
    built = model()
    path = tmp_path_factory.mktemp("good") / "good.h5"
    built.save(path)
    load_model(path)
    return built


def refused(load: Callable[[Sequential, Path], object], made: Sequential, path: Path) -> str:
    """The error that `load` gives; fails if it gives none, or changed the model before."""
    before = state_of(made)
    try:
        load(made, path)
    except (CheckpointError, ArgumentError) as error:
        assert state_of(made) == before, "a failed load changed the model"
        return str(error)
    raise AssertionError(f"{path.name} was loaded without complaint")


def load_state(made: Sequential, path: Path) -> None:
    made.load(path)


def load_weights(made: Sequential, path: Path) -> None:
    made.load_weights(path)


def load_whole(made: Sequential, path: Path) -> None:
    del made
    load_model(path)


def tried(
    load: Callable[[Sequential, Path], object], made: Sequential, path: Path, folder: Path
) -> Trial:
    """`load` in a child that may take little memory, in an empty directory."""

    def action() -> str:
        os.chdir(folder)
        warnings.simplefilter("ignore")
        return refused(load, made, path)

    return in_child(action, memory=MEMORY, seconds=20)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_harmful_file_is_refused(tmp_path: Path, made: Sequential, path: Path) -> None:
    """Whoever loads it gets an error with its name, and the model as it was."""
    loads = [load_state, load_weights]
    loads += [load_whole] if path.suffix == ".h5" else []
    for load in loads:
        trial = tried(load, made, path, tmp_path)

        assert trial.ended, trial
        assert path.name in trial.result
        assert len(trial.result) < 1500
    assert not (tmp_path / MARKER).exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", DESCRIBED, ids=lambda path: path.name)
def test_a_harmful_description_is_refused(tmp_path: Path, made: Sequential, path: Path) -> None:
    """What a file says of its model is data: no name in it is looked up outside of backbeat."""
    trial = tried(load_whole, made, path, tmp_path)

    assert trial.ended, trial
    assert path.name in trial.result
    assert not (tmp_path / MARKER).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_corpus_is_what_its_script_makes() -> None:
    """Each file is there under the name that the script gives it, and none is missing."""
    there = {str(path.relative_to(CORPUS)) for path in (*FILES, *DESCRIBED)}

    assert set(all_files()) <= there
    assert all(path.stat().st_size < 100_000 for path in (*FILES, *DESCRIBED))


def test_an_unharmed_file_is_loaded(tmp_path: Path, made: Sequential) -> None:
    """The same trials let a good file through, so that a refusal means something."""
    made.save(tmp_path / "good.h5")
    for load in (load_state, load_weights, load_whole):
        trial = tried(load, made, tmp_path / "good.h5", tmp_path)

        assert "was loaded without complaint" in (trial.error or "")
