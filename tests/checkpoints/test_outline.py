from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from backbeat.checkpoints.outline import Outline
from backbeat.checkpoints.tree import Tree, read_tree
from backbeat.checkpoints.tree_writing import write_tree
from tests.files.disks import RecordingDisk

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int64", "uint8", "bool", "complex64", ">f4"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (5, 7), (2, 3, 4)])
def test_what_h5py_reads_is_what_was_written(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    """Every type and shape, empty and single values included, beside others."""
    array = (RANDOM.random(shape) * 9).astype(dtype)
    write_tree(tmp_path / "a.h5", Tree(arrays={"n": np.arange(4), "x": array, "é": array}))
    with h5py.File(tmp_path / "a.h5") as file:
        for name in ("x", "é"):
            assert file[name].shape == shape
            assert np.array_equal(file[name][()], array)
            assert file[name].chunks is None

    assert np.array_equal(read_tree(tmp_path / "a.h5")[0].arrays["x"], array)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (2, 0, 1)])
def test_arrays_that_lie_otherwise_in_memory(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Larger than what is turned at once, so that they go into the file in parts."""
    array = RANDOM.random((2, 700, 900)).transpose(order)
    tree = Tree({"a": "text"}, arrays={"x": array, "y": array[::-1, ::2]})
    write_tree(tmp_path / "a.h5", tree)
    found, verified = read_tree(tmp_path / "a.h5")

    assert verified
    assert np.array_equal(found.arrays["x"], array)
    assert np.array_equal(found.arrays["y"], array[::-1, ::2])


def test_large_arrays_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their own memory is handed to the system; small ones and what describes them go together."""
    given: list[tuple[int, int]] = []

    class Watching(RecordingDisk):
        def write(self, descriptor: int, data: memoryview) -> int:
            given.append((np.frombuffer(data, np.uint8).ctypes.data, len(data)))
            return super().write(descriptor, data)

    monkeypatch.setattr("backbeat.files.disk.current", Watching())
    large, small = np.ones(1_000_000), [np.ones(10) for _ in range(50)]
    arrays = {"large": large, **{str(number): each for number, each in enumerate(small)}}
    write_tree(tmp_path / "a.h5", Tree(arrays=arrays))

    own = range(large.ctypes.data, large.ctypes.data + large.nbytes)
    assert sum(size for place, size in given if place in own) == large.nbytes
    assert len([place for place, _ in given if place not in own]) <= 3


def test_an_outline_reads_back_what_it_holds() -> None:
    """As a file does: across pages, zeros in the gaps, nothing behind its end."""
    outline = Outline()
    outline.seek(70_000)
    outline.write(b"abc")
    outline.seek(65_530)
    outline.write(bytes(range(12)))
    outline.seek(-5, 2)
    buffer = bytearray(9)

    assert outline.tell() == 69_998
    assert outline.readinto(buffer) == 5
    assert bytes(buffer) == b"\0\0abc\0\0\0\0"

    outline.seek(65_528)
    outline.readinto(buffer)

    assert bytes(buffer) == b"\0\0" + bytes(range(7))
