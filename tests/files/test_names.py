from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from backbeat.errors import CheckpointError
from backbeat.files import Disk, disk, link, remove
from tests.files.disks import FailingDisk, RecordingDisk, names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a").write_text("new")
    return tmp_path / "a"


def test_another_name(file: Path) -> None:
    """For the same bytes, in place of what was there; it stays when the first one goes."""
    best = file.with_name("best")
    best.write_text("old")

    assert link(file, best)
    assert best.read_text() == "new"
    assert best.stat().st_ino == file.stat().st_ino

    remove(file)

    assert best.read_text() == "new"
    assert names(file.parent) == ["best"]


def test_the_same_again(file: Path) -> None:
    """Nothing happens, and nothing is left."""
    link(file, file.with_name("best"))

    assert link(file, file.with_name("best"))
    assert names(file.parent) == ["a", "best"]


def test_where_there_are_no_links(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and nothing has changed."""

    class Linkless(Disk):
        def link(self, source: Path, name: Path) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(disk, "current", Linkless())

    assert not link(file, file.with_name("best"))
    assert names(file.parent) == ["a"]


def test_a_disk_that_fails(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever operation it is: old or new, and no other file."""
    best = file.with_name("best")
    best.write_text("old")
    for number in (1, 2, 3):
        with monkeypatch.context() as patch:
            patch.setattr(disk, "current", FailingDisk(number, errno.EIO))
            if number == 1:
                assert not link(file, best)
            else:
                with pytest.raises(CheckpointError, match="best cannot be written"):
                    link(file, best)

        assert best.read_text() == ("new" if number == 3 else "old")
        assert names(file.parent) == ["a", "best"]


def test_removing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone already is no error; what cannot be removed is."""
    remove(file)
    remove(file)
    file.write_text("again")
    monkeypatch.setattr(disk, "current", FailingDisk(1, errno.EACCES))
    with pytest.raises(CheckpointError, match="Permission denied"):
        remove(file)

    assert file.exists()


def test_the_order(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new name is made durable."""
    recording = RecordingDisk()
    monkeypatch.setattr(disk, "current", recording)
    link(file, file.with_name("best"))

    assert recording.operations == ["link", "replace", "fsync_directory"]
