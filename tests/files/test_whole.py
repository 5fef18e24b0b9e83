"""whole: the complete old file or the complete new one, whatever happens."""

import errno
import os
import stat
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import ArgumentError, ArgumentTypeError, CheckpointError
from tests.files.disks import DyingDisk, FailingDisk, Killed, MiserlyDisk, RecordingDisk, names

OLD, NEW = b"old" * 1000, b"new" * 1000


def replace(path: Path) -> None:
    with files.whole(path) as file:
        file.write(NEW[:100])
        file.write(NEW[100:])


def interrupted(path: Path, error: type[BaseException], text: bool = False) -> None:
    with files.whole(path, "w" if text else "wb") as file:
        file.write("half" if text else b"half")
        raise error


def operations_of_one_write(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    disk = RecordingDisk()
    (directory / "counted").write_bytes(OLD)
    with monkeypatch.context() as patch:
        patch.setattr(files.disk, "current", disk)
        replace(directory / "counted")
    (directory / "counted").unlink()
    return disk.operations


def test_writes_a_new_file(tmp_path: Path) -> None:
    """A path that did not exist holds exactly what was written, and nothing lies beside it."""
    replace(tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == NEW
    assert names(tmp_path) == ["a.bin"]


def test_text_keeps_its_line_ends(tmp_path: Path) -> None:
    """mode="w" writes UTF-8 and leaves the line ends alone."""
    with files.whole(tmp_path / "a.txt", "w") as file:
        file.write("에포크\r\n끝\n")

    assert (tmp_path / "a.txt").read_bytes() == "에포크\r\n끝\n".encode()


def test_durable_before_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are synced before the rename, the directory after it."""
    asked = operations_of_one_write(tmp_path, monkeypatch)

    assert asked == [
        *("open", "write", "write", "set_mode", "fsync", "close", "replace", "fsync_directory")
    ]


def test_every_operation_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever operation fails, the file is whole, nothing is left, and the error teaches."""
    count = len(operations_of_one_write(tmp_path, monkeypatch))
    path = tmp_path / "a.bin"
    for number in range(1, count + 1):
        path.write_bytes(OLD)
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", FailingDisk(number))
            with pytest.raises(CheckpointError, match=r"a\.bin cannot be written: No space left"):
                replace(path)

        # Only the last operation comes after the rename.
        assert path.read_bytes() == (NEW if number == count else OLD)
        assert names(tmp_path) == ["a.bin"]


def test_the_process_may_die_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the process dies, the path holds all of the old or all of the new version."""
    count = len(operations_of_one_write(tmp_path, monkeypatch))
    path = tmp_path / "a.bin"
    for number in range(1, count + 1):
        path.write_bytes(OLD)
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", DyingDisk(number))
            with pytest.raises(Killed):
                replace(path)

        assert path.read_bytes() in (OLD, NEW)


def test_a_failed_fsync_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fsync that file is given up; the next write uses a new one."""
    disk = FailingDisk(at=5, code=errno.EIO)
    monkeypatch.setattr(files.disk, "current", disk)
    (tmp_path / "a.bin").write_bytes(OLD)
    with pytest.raises(CheckpointError, match="Is the disk still there") as raised:
        replace(tmp_path / "a.bin")

    assert disk.operations[4:] == ["fsync", "close", "unlink"]
    assert raised.value.errno == errno.EIO


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_an_error_while_writing(tmp_path: Path, error: type[BaseException]) -> None:
    """An error of the caller's passes through as it is; the old file stays, nothing is left."""
    (tmp_path / "a.bin").write_bytes(OLD)
    with pytest.raises(error):
        interrupted(tmp_path / "a.bin", error)

    assert (tmp_path / "a.bin").read_bytes() == OLD
    assert names(tmp_path) == ["a.bin"]


def test_an_error_while_writing_text(tmp_path: Path) -> None:
    """The same for text, whose buffer is thrown away."""
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "a.txt", KeyboardInterrupt, text=True)

    assert names(tmp_path) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a part at a time gets all of it."""
    monkeypatch.setattr(files.disk, "current", MiserlyDisk())
    replace(tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == NEW


def test_keeps_the_mode_of_the_old_file(tmp_path: Path) -> None:
    """Replacing a file keeps its permissions; a new file gets those of the umask."""
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "old").chmod(0o640)
    before = os.umask(0o027)
    try:
        replace(tmp_path / "old")
        replace(tmp_path / "new")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Writing to a link replaces the file that it points to, existing or not."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.bin").write_bytes(OLD)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a.bin")
    (tmp_path / "dangling").symlink_to(tmp_path / "real" / "b.bin")
    replace(tmp_path / "link")
    replace(tmp_path / "dangling")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.bin").read_bytes() == NEW
    assert (tmp_path / "real" / "b.bin").read_bytes() == NEW


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    """A directory, a pipe (which would block for ever) and a device are refused by name."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CheckpointError, match="is a directory; give the path of a file"):
        replace(tmp_path)
    with pytest.raises(CheckpointError, match="is a pipe"):
        replace(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="is a device or a socket"):
        replace(Path("/dev/null"))


def test_refuses_a_write_protected_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename could replace a protected file, so the protection is asked for first."""
    (tmp_path / "a.bin").write_bytes(OLD)
    monkeypatch.setattr(files.disk.Disk, "writable", lambda self, path: False)
    with pytest.raises(CheckpointError, match=r"write-protected.*chmod u\+w"):
        replace(tmp_path / "a.bin")

    assert (tmp_path / "a.bin").read_bytes() == OLD


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    """The error says which directory is missing and how to create it."""
    with pytest.raises(CheckpointError, match=r"there is no directory .*no/such.*make_parents"):
        replace(tmp_path / "no" / "such" / "a.bin")


def test_the_longest_name_still_fits(tmp_path: Path) -> None:
    """A name of 255 bytes works, although the temporary name must fit as well."""
    replace(tmp_path / ("é" * 127))

    assert names(tmp_path) == ["é" * 127]


@pytest.mark.parametrize("path", [3, None, b"bytes"])
def test_not_a_path(path: object) -> None:
    """Another kind of thing is refused with an example of a path."""
    with pytest.raises(ArgumentTypeError, match="a path is a str"):
        replace(path)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_an_impossible_path(path: str) -> None:
    """An empty path, and one with a zero byte, name nothing."""
    with pytest.raises(ArgumentError, match="is not a path"):
        replace(path)  # type: ignore[arg-type]
