"""cut_back: what a killed run wrote behind its last position is in no file that is read."""

import shutil
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError
from backbeat.event_files import EventFileWriter
from backbeat.event_files.cutting import cut_back
from tests.event_files.reading import events_in, scalars
from tests.files.disks import FailingDisk, RecordingDisk, names


def interrupted(directory: Path) -> dict:
    """A run that noted its position at step 3, and wrote on into a second file; returns it."""
    writer = EventFileWriter(directory)
    for step in range(3):
        writer.scalar("loss", step, step)
    position = writer.position()
    writer.scalar("loss", 99, 3)
    writer.flush()
    writer._files.close()
    writer.scalar("loss", 99, 4)
    writer.close()
    assert position is not None
    return position


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    """Nothing is doubled, and nothing that was written before the position is lost."""
    position = interrupted(tmp_path)
    writer = EventFileWriter(tmp_path, position=position, start_step=3)
    for step in range(3, 6):
        writer.scalar("loss", step, step)
    writer.close()

    assert scalars(tmp_path, "loss") == [(step, float(step)) for step in range(6)]
    assert sum(name.endswith(".orphan") for name in names(tmp_path)) == 2
    sessions = [event.step for event in events_in(tmp_path) if event.HasField("session_log")]
    assert sessions == [2**63 - 1, 3]


def test_again_and_again(tmp_path: Path) -> None:
    """A run may be killed and resumed several times, also twice at the same position."""
    position = interrupted(tmp_path)
    for turn in range(3):
        writer = EventFileWriter(tmp_path, position=position, start_step=3 + turn)
        writer.scalar("loss", 3 + turn, 3 + turn)
        position = writer.position() if turn else position
        writer.scalar("loss", 99, 9)
        writer.close()
    writer = EventFileWriter(tmp_path, position=position)
    writer.scalar("loss", 6, 6)
    writer.close()

    assert scalars(tmp_path, "loss") == [*((s, float(s)) for s in (0, 1, 2, 4, 5, 6))]


def test_files_of_others(tmp_path: Path) -> None:
    """Files of other runs in the directory, and what is no event file, stay as they are."""
    position = interrupted(tmp_path)
    other = EventFileWriter(tmp_path)
    other.scalar("other", 1, 99)
    other.close()
    (tmp_path / f"notes.{position['run']}").write_text("mine")
    before = {name for name in names(tmp_path) if not name.endswith(position["run"])}
    cut_back(tmp_path, position["run"], position["files"])

    assert before < set(names(tmp_path))
    assert scalars(tmp_path, "other") == [(99, 1.0)]
    assert (tmp_path / f"notes.{position['run']}").read_text() == "mine"


def test_nothing_is_lost(tmp_path: Path) -> None:
    """What is set aside is all there: file and orphan together are the file of before."""
    position = interrupted(tmp_path)
    [(name, size)] = position["files"].items()
    before = (tmp_path / name).read_bytes()
    cut_back(tmp_path, position["run"], position["files"])
    orphan = next(each for each in tmp_path.glob("*.orphan") if f".{size}." in each.name)

    assert (tmp_path / name).read_bytes() + orphan.read_bytes() == before


def test_every_operation_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever operation fails, doing it again gives the same as if nothing had happened."""
    position = interrupted(tmp_path / "made")
    disk = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    expected = shutil.copytree(tmp_path / "made", tmp_path / "expected")
    cut_back(expected, position["run"], position["files"])
    assert len(disk.operations) > 5
    for number in range(1, len(disk.operations) + 1):
        copy = shutil.copytree(tmp_path / "made", tmp_path / str(number))
        monkeypatch.setattr(files.disk, "current", FailingDisk(number))
        with pytest.raises(CheckpointError):
            cut_back(copy, position["run"], position["files"])
        cut_back(copy, position["run"], position["files"])

        assert contents(copy) == contents(expected)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    """There is nothing to cut where there is nothing."""
    cut_back(tmp_path / "gone", "cafe", {})

    assert names(tmp_path) == []
