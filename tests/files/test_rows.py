"""open_rows: a text file that grows row by row."""

import os
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError, StateError
from tests.files.disks import FailingDisk, MiserlyDisk, RecordingDisk


def test_a_row_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    """Each row can be read from outside before the file is closed."""
    rows = files.open_rows(tmp_path / "log.csv")
    rows.write_row_text("epoch,loss\r\n")

    assert (tmp_path / "log.csv").read_bytes() == b"epoch,loss\r\n"
    rows.write_row_text("0,손실\r\n")
    assert (tmp_path / "log.csv").read_text("utf-8").endswith("0,손실\n")
    assert rows.size == (tmp_path / "log.csv").stat().st_size
    rows.close()
    rows.close()


@pytest.mark.parametrize(("append", "expected"), [(True, "old\nnew\n"), (False, "new\n")])
def test_append_or_not(tmp_path: Path, append: bool, expected: str) -> None:
    """append=True writes behind what is there; append=False empties the file first."""
    (tmp_path / "log.csv").write_text("old\n")
    rows = files.open_rows(str(tmp_path / "log.csv"), append=append)
    rows.write_row_text("new\n")
    rows.close()

    assert (tmp_path / "log.csv").read_text() == expected


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a part at a time gets the whole row."""
    monkeypatch.setattr(files.disk, "current", MiserlyDisk())
    rows = files.open_rows(tmp_path / "log.csv")
    rows.write_row_text("a rather long row\n")
    rows.close()

    assert (tmp_path / "log.csv").read_text() == "a rather long row\n"


def test_no_half_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that could be written only in part is taken back; the next one may work again."""

    class Filling(MiserlyDisk):
        written = 0

        def write(self, descriptor: int, data: memoryview) -> int:
            self.written += 1
            if self.written == 3:
                raise OSError(28, "No space left on device")
            return super().write(descriptor, data)

    monkeypatch.setattr(files.disk, "current", Filling())
    rows = files.open_rows(tmp_path / "log.csv")
    rows.write_row_text("first\n")
    with pytest.raises(CheckpointError, match="The disk is full"):
        rows.write_row_text("a long second row\n")
    rows.write_row_text("third\n")
    rows.close()

    assert (tmp_path / "log.csv").read_text() == "first\nthird\n"


def test_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening where one may not, and what is no file, says so."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="is a pipe"):
        files.open_rows(tmp_path / "pipe")
    monkeypatch.setattr(files.disk, "current", FailingDisk(1))

    with pytest.raises(CheckpointError, match=r"log\.csv cannot be written"):
        files.open_rows(tmp_path / "log.csv")


def test_after_close(tmp_path: Path) -> None:
    """A row for a closed file is refused."""
    rows = files.open_rows(tmp_path / "log.csv")
    rows.close()

    with pytest.raises(StateError, match="is closed; open it again"):
        rows.write_row_text("late\n")


def test_cut_back(tmp_path: Path) -> None:
    """What was written last can be taken away; the next row follows what is left."""
    rows = files.open_rows(tmp_path / "log.csv")
    rows.write_row_text("first\n")
    size = rows.size
    rows.write_row_text("second\n")
    rows.cut_back(size)
    rows.write_row_text("third\n")
    rows.sync()
    rows.close()

    assert (tmp_path / "log.csv").read_text() == "first\nthird\n"
    assert rows.size == len("first\nthird\n")


def test_half_a_row_that_cannot_be_taken_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken back before the next row is written; while that fails, nothing is added."""

    class Sick(files.Disk):
        is_sick = True

        def write(self, descriptor: int, data: memoryview) -> int:
            if self.is_sick and len(data) < 6:
                raise OSError(5, "Input/output error")
            return super().write(descriptor, data[:4])

        def truncate(self, descriptor: int, size: int) -> None:
            if self.is_sick:
                raise OSError(5, "Input/output error")
            super().truncate(descriptor, size)

    disk = Sick()
    monkeypatch.setattr(files.disk, "current", disk)
    rows = files.open_rows(tmp_path / "log.csv")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="Is the disk still there"):
            rows.write_row_text("a row\n")
        assert (tmp_path / "log.csv").read_text() == "a ro"
    disk.is_sick = False
    rows.write_row_text("another\n")
    rows.close()

    assert (tmp_path / "log.csv").read_text() == "another\n"


def test_is_gone(tmp_path: Path) -> None:
    """Whether the name still leads to the open file."""
    rows = files.open_rows(tmp_path / "log.csv")

    assert not rows.is_gone()
    (tmp_path / "log.csv").rename(tmp_path / "old.csv")
    assert rows.is_gone()
    (tmp_path / "log.csv").write_text("another")
    assert rows.is_gone()
    rows.close()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_new_file_is_found_after_a_power_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    """Its name is made durable with its first rows, once."""
    path = tmp_path / "log.csv"
    if not is_new:
        path.write_text("before\n")
    disk = RecordingDisk()
    monkeypatch.setattr("backbeat.files.disk.current", disk)
    rows = files.open_rows(path, append=True)
    for text in ("a\n", "b\n"):
        rows.write_row_text(text)
        rows.sync()
    rows.close()

    assert disk.operations.count("fsync_directory") == is_new
    assert disk.operations.count("fsync") == 2
