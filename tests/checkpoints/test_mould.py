from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from backbeat.checkpoints import tree_writing
from backbeat.checkpoints.tree import Tree, read_tree
from backbeat.checkpoints.tree_writing import write_tree


def _tree(value: float, *, text: str = "a", shape: tuple[int, ...] = (3, 2)) -> Tree:
    tree = Tree({"about": text})
    tree.add("g/w", np.full(shape, value, np.float32))
    tree.add("g/b", np.full(2, value, np.float32))
    return tree


@pytest.fixture(autouse=True)
def no_moulds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in a process that has saved nothing yet."""
    monkeypatch.setattr(tree_writing, "_moulds", {})


def test_a_second_save_is_byte_for_byte_what_a_first_one_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mould of another save leaves nothing of that behind."""
    write_tree(tmp_path / "alone.h5", _tree(2.0))
    monkeypatch.setattr(tree_writing, "_moulds", {})
    write_tree(tmp_path / "first.h5", _tree(1.0))
    write_tree(tmp_path / "second.h5", _tree(2.0))

    assert (tmp_path / "second.h5").read_bytes() == (tmp_path / "alone.h5").read_bytes()
    assert (tmp_path / "first.h5").read_bytes() != (tmp_path / "second.h5").read_bytes()


def test_hdf5_describes_a_model_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further saves of the same names and shapes do without it."""
    opened: list[object] = []
    original = h5py.File

    def counting(*args: object, **options: object) -> object:
        opened.append(args[0])
        return original(*args, **options)

    monkeypatch.setattr(h5py, "File", counting)
    for value in range(5):
        write_tree(tmp_path / "a.h5", _tree(value))
    monkeypatch.undo()
    found, verified = read_tree(tmp_path / "a.h5")

    assert len(opened) == 1
    assert verified
    assert np.array_equal(found.find("g/w"), np.full((3, 2), 4.0))


@pytest.mark.parametrize("change", [{"text": "b"}, {"text": "longer"}, {"shape": (2, 3)}])
def test_what_differs_in_more_than_values_gets_a_mould_of_its_own(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """Texts and shapes are part of what is described."""
    write_tree(tmp_path / "a.h5", _tree(1.0))
    other = _tree(1.0, **change)  # type: ignore[arg-type]
    write_tree(tmp_path / "a.h5", other)
    found, verified = read_tree(tmp_path / "a.h5")

    assert verified
    assert found.texts() == other.texts()
    assert found.find("g/w").shape == other.find("g/w").shape  # type: ignore[union-attr]


def test_thousands_of_digests_in_several_attributes(tmp_path: Path) -> None:
    """All are filled in anew, those of later pieces too."""
    for value in (1.0, 2.0):
        arrays = {f"weight {number}": np.full(2, value + number) for number in range(2000)}
        write_tree(tmp_path / "a.h5", Tree(arrays=arrays))
    found, verified = read_tree(tmp_path / "a.h5")

    assert verified
    assert np.array_equal(found.arrays["weight 1999"], [2001.0, 2001.0])


def test_few_moulds_are_kept(tmp_path: Path) -> None:
    """Models come and go; their outlines do not stay for good."""
    for size in range(1, 9):
        write_tree(tmp_path / "a.h5", _tree(1.0, shape=(size,)))

    assert len(tree_writing._moulds) == 4
