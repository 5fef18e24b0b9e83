"""Directories: whole or not there, renamed, removed; nothing half-done is ever seen."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError
from tests.files.disks import DyingDisk, FailingDisk, Killed, RecordingDisk, names


def fill(path: Path) -> None:
    with files.whole_directory(path) as new:
        for name in ("a", "b"):
            with files.whole(new / name) as file:
                file.write(b"complete")


def tree(path: Path) -> None:
    """A directory with a file, a link out of it, and a directory in it."""
    (path / "below").mkdir(parents=True)
    (path / "below" / "file").write_text("gone soon")
    (path / "link").symlink_to(path.parent / "kept", target_is_directory=True)


def count_operations(
    act: object, path: Path, monkeypatch: pytest.MonkeyPatch, prepare: object = None
) -> int:
    disk = RecordingDisk()
    if callable(prepare):
        prepare(path)
    with monkeypatch.context() as patch:
        patch.setattr(files.disk, "current", disk)
        assert callable(act)
        act(path)
    shutil.rmtree(path, ignore_errors=True)
    return len(disk.operations)


def test_a_directory_appears_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its names are durable before it gets its own, which is durable on return."""
    disk = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    fill(tmp_path / "new")

    assert names(tmp_path) == ["new"]
    assert names(tmp_path / "new") == ["a", "b"]
    assert disk.operations[0] == "make_directory"
    assert disk.operations[-3:] == ["fsync_directory", "replace", "fsync_directory"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_while_filling(tmp_path: Path, error: type[BaseException]) -> None:
    """An error of the caller's passes through, and nothing is left."""
    with pytest.raises(error), files.whole_directory(tmp_path / "new") as new:
        (new / "a").write_text("half")
        raise error

    assert names(tmp_path) == []


def test_something_is_there_already(tmp_path: Path) -> None:
    """A directory that is there and not empty is not touched."""
    fill(tmp_path / "new")
    (tmp_path / "new" / "a").write_text("mine")
    with pytest.raises(CheckpointError, match="new cannot be written: Directory not empty"):
        fill(tmp_path / "new")

    assert (tmp_path / "new" / "a").read_text() == "mine"
    assert names(tmp_path) == ["new"]


@pytest.mark.parametrize("faulty", [FailingDisk, DyingDisk])
def test_every_operation_of_filling_may_fail(
    tmp_path: Path, faulty: type[RecordingDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever operation fails or is the last, the directory is whole or not there."""
    count = count_operations(fill, tmp_path / "new", monkeypatch)
    for number in range(1, count + 1):
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", faulty(number))
            with pytest.raises((CheckpointError, Killed)):
                fill(tmp_path / "new")

        if (tmp_path / "new").exists():
            assert names(tmp_path / "new") == ["a", "b"]
            shutil.rmtree(tmp_path / "new")
        files.sweep(tmp_path)
        assert names(tmp_path) == []


def test_probing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a file in it is really made, and nothing of it stays."""
    disk = RecordingDisk()
    monkeypatch.setattr("backbeat.files.disk.current", disk)
    files.probe_directory(tmp_path)

    assert {"make_directory", "open", "unlink", "remove_directory"} <= set(disk.operations)
    assert names(tmp_path) == []


@pytest.mark.parametrize("at", [1, 2])
def test_probing_what_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Whether it is the directory or the file in it."""
    monkeypatch.setattr("backbeat.files.disk.current", FailingDisk(at, errno.EACCES))
    with pytest.raises(CheckpointError, match="You may not write there"):
        files.probe_directory(tmp_path)

    assert names(tmp_path) == []


def test_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory gets its new name durably, and never replaces a full one."""
    fill(tmp_path / "old")
    disk = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    files.rename_directory(tmp_path / "old", tmp_path / "new")

    assert disk.operations == ["replace", "fsync_directory"]
    assert names(tmp_path) == ["new"]
    fill(tmp_path / "other")
    with pytest.raises(CheckpointError, match="new cannot be written: Directory not empty"):
        files.rename_directory(tmp_path / "other", tmp_path / "new")


def test_remove(tmp_path: Path) -> None:
    """All that is in a directory goes with it; what its links point to stays."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("still here")
    tree(tmp_path / "old")
    files.remove_tree(tmp_path / "old")
    files.remove_tree(tmp_path / "old")

    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["file"]


def test_remove_loses_the_name_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a removal dies, the directory is whole or gone; the next one finishes the work."""
    (tmp_path / "kept").mkdir()
    count = count_operations(files.remove_tree, tmp_path / "old", monkeypatch, tree)
    assert count == 6
    for number in range(1, count + 1):
        tree(tmp_path / "old")
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", DyingDisk(number))
            with pytest.raises(Killed):
                files.remove_tree(tmp_path / "old")

        if number == 1:
            assert names(tmp_path / "old") == ["below", "link"]
        else:
            assert not (tmp_path / "old").exists()
        files.remove_tree(tmp_path / "old")
        assert names(tmp_path) == ["kept"]


def test_sweep_leaves_what_is_not_ours(tmp_path: Path) -> None:
    """Only what backbeat itself left half-done is swept away."""
    for name in (".trash-1000", ".hidden", "backbeat-trash-1"):
        (tmp_path / name).mkdir()
    files.sweep(tmp_path)

    assert names(tmp_path) == [".hidden", ".trash-1000", "backbeat-trash-1"]


def test_free_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is that of the disk where a path will be, whose directories may be missing."""
    status = os.statvfs(tmp_path)
    free = files.free_bytes(tmp_path / "not" / "there" / "yet.h5")

    assert abs(free - status.f_bavail * status.f_frsize) < 1 << 30

    class Tight(files.Disk):
        def free_bytes(self, path: Path) -> int:
            return 7 if path == tmp_path else 0

    monkeypatch.setattr(files.disk, "current", Tight())
    assert files.free_bytes(tmp_path / "runs" / "new.h5") == 7


def test_errors_teach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that cannot be written names the directory that was asked for."""
    fill(tmp_path / "old")
    for act in (files.remove_tree, fill):
        monkeypatch.setattr(files.disk, "current", FailingDisk(1, errno.EROFS))

        with pytest.raises(CheckpointError, match="old cannot be written: Read-only file system"):
            act(tmp_path / "old")
