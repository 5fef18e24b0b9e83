"""Digests that are put in where they belong when everything else is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backbeat import files
from backbeat.checkpoints import write_tensors, write_weights
from backbeat.checkpoints.blanks import Blanks, Marks, write_and_fill
from backbeat.checkpoints.checkpoint import LayerWeights
from backbeat.checkpoints.digests import Passing, of
from backbeat.errors import CheckpointError
from tests.files.disks import FailingDisk, RecordingDisk

LARGE = np.random.default_rng(0).random((1500, 1000)).astype(np.float32)


def test_every_mark_becomes_its_digest(tmp_path: Path) -> None:
    """Before, between and behind the arrays; digests that were known beforehand too."""
    marks = Marks(3)
    first, second, text = marks.texts
    turned = Passing(LARGE.T)
    small = Passing(np.arange(3))
    parts = [
        Blanks(f"<{second}|{text}>".encode(), marks),
        turned,
        Blanks(b"between", marks),
        small,
        Blanks(f"{first}{first}".encode(), marks),
    ]
    with files.whole(tmp_path / "file") as file:
        write_and_fill(file, parts, [turned, small, "t" * 64])

    head = f"<{of(np.arange(3))}|{'t' * 64}>".encode()
    tail = (2 * of(LARGE.T)).encode()
    body = LARGE.T.tobytes() + b"between" + np.arange(3).tobytes()
    assert (tmp_path / "file").read_bytes() == head + body + tail


class ReadingOnce(RecordingDisk):
    """Notes how much was written."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def write(self, descriptor: int, data: memoryview) -> int:
        self.bytes += len(data)
        return super().write(descriptor, data)


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5", "a.safetensors"])
def test_arrays_are_written_once_while_the_disk_is_at_work(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what holds digests is written twice; the disk does not wait for the last byte."""
    disk = ReadingOnce()
    monkeypatch.setattr(files.disk, "current", disk)
    big = [(f"w{number}", LARGE.T) for number in range(4)]
    if name.endswith(".safetensors"):
        write_tensors(tmp_path / name, dict(big))
    else:
        write_weights(tmp_path / name, [LayerWeights("dense", tuple(big), "dense")])

    size = (tmp_path / name).stat().st_size
    assert size <= disk.bytes < size + 70_000
    begun = disk.operations.index("start_writeback")
    assert begun < disk.operations.index("fsync") - 8
    assert "write" in disk.operations[begun:]


def test_a_disk_that_refuses_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, and nothing lies beside it."""
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    monkeypatch.setattr(files.disk, "current", FailingDisk(1, only="start_writeback"))
    with pytest.raises(CheckpointError, match="cannot be written: No space left"):
        write_tensors(path, {"a": LARGE, "b": LARGE})

    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]
