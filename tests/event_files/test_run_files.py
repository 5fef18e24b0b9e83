"""RunFiles: a file is begun anew after each failure, and nothing is in two files."""

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from backbeat import files
from backbeat.errors import CheckpointError
from backbeat.event_files.records import framed
from backbeat.event_files.run_files import RunFiles
from tests.event_files.reading import events_in, events_of
from tests.files.disks import FailingDisk, MiserlyDisk, RecordingDisk, names

RECORDS = [framed(Event(step=step).SerializeToString()) for step in range(5)]


def run_files(directory: Path, start_step: int | None = None) -> RunFiles:
    return RunFiles(directory, "cafe", start_step)


def steps_in(directory: Path) -> list[int]:
    """The steps of everything but the first two records of each file."""
    paths = sorted(directory.glob("*tfevents*"))
    return [event.step for path in paths for event in events_of(path)[2:]]


def test_how_a_file_begins(tmp_path: Path) -> None:
    """First the version that readers ask for, then a session that replaces nothing."""
    out = run_files(tmp_path / "a" / "run")
    out.write(RECORDS[:1])
    out.close()
    version, start, _ = events_in(tmp_path / "a" / "run")

    assert version.file_version == "brain.Event:2"
    assert start.session_log.status == SessionLog.START
    assert start.step == 2**63 - 1
    assert 0 < version.wall_time == start.wall_time


def test_a_session_begins_at_a_step(tmp_path: Path) -> None:
    """The first file tells the step at which a resumed run goes on, the next one does not."""
    out = run_files(tmp_path, start_step=7)
    for record in RECORDS[:2]:
        out.write([record])
        out.close()

    assert [event.step for event in events_in(tmp_path) if event.HasField("session_log")] == [
        7,
        2**63 - 1,
    ]


def test_nothing_is_appended_to_a_closed_file(tmp_path: Path) -> None:
    """After a close the next record opens a file that is read later."""
    out = run_files(tmp_path)
    out.write(RECORDS[:2])
    out.close()
    out.write(RECORDS[2:3])
    out.close()
    out.close()

    assert len(names(tmp_path)) == 2
    assert steps_in(tmp_path) == [0, 1, 2]
    assert list(out.sizes.values()) == [path.stat().st_size for path in sorted(tmp_path.iterdir())]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a part at a time gets all of it."""
    monkeypatch.setattr(files.disk, "current", MiserlyDisk())
    out = run_files(tmp_path)
    out.write(list(RECORDS))
    out.close()

    assert steps_in(tmp_path) == [0, 1, 2, 3, 4]


def test_every_operation_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever operation fails, every record is in exactly one file in the end, in order."""
    for number in range(1, 30):
        directory = tmp_path / str(number)
        disk = FailingDisk(number)
        monkeypatch.setattr(files.disk, "current", disk)
        out, failures = run_files(directory), 0
        for record in RECORDS:
            waiting = [record]
            while waiting:
                failures += fails(partial(out.write, waiting))
            failures += fails(out.sync)
        failures += fails(out.close)

        assert steps_in(directory) == [0, 1, 2, 3, 4]
        assert failures == (number <= len(disk.operations))
        assert [path.stat().st_size for path in sorted(directory.iterdir())] == list(
            out.sizes.values()
        )


def fails(operation: Callable[[], object]) -> bool:
    try:
        operation()
    except CheckpointError:
        return True
    return False


def test_what_was_written_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails in its middle keeps the records that are not wholly in the file."""

    class Filling(MiserlyDisk):
        """Full after a few writes of 7 bytes, once."""

        room = 16

        def write(self, descriptor: int, data: memoryview) -> int:
            self.room -= 1
            if self.room == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(descriptor, data)

    monkeypatch.setattr(files.disk, "current", Filling())
    out, waiting = run_files(tmp_path), list(RECORDS)
    with pytest.raises(CheckpointError, match=r"tfevents.* cannot be written: No space left"):
        out.write(waiting)

    assert 0 < len(waiting) < 5
    out.write(waiting)
    out.close()
    assert waiting == []
    assert steps_in(tmp_path) == [0, 1, 2, 3, 4]
    assert len(names(tmp_path)) == 2


def test_a_file_without_anything_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk that lets files be created, but not filled, does not fill up with empty ones."""

    class Full(RecordingDisk):
        def before(self, number: int, name: str) -> None:
            if name == "write":
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.disk, "current", Full())
    out = run_files(tmp_path)
    for _ in range(3):
        with pytest.raises(CheckpointError):
            out.write(list(RECORDS))

    assert names(tmp_path) == []
    assert out.sizes == {}


def test_two_processes_of_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that somebody else took at the same moment is left to them."""

    class Late(RecordingDisk):
        """Another process creates the file just before."""

        def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
            if not path.exists() and not names(tmp_path):
                path.write_bytes(b"theirs")
            return super().open(path, flags, mode)

    monkeypatch.setattr(files.disk, "current", Late())
    out = run_files(tmp_path)
    out.write(RECORDS[:1])
    out.close()
    theirs, ours = sorted(tmp_path.iterdir())

    assert theirs.read_bytes() == b"theirs"
    assert len(events_of(ours)) == 3
