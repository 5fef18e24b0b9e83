"""The crash machinery itself: it finds what unsafe writers do, and nothing in a safe one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backbeat import files
from tests.faults.worlds import check_every_crash, crash_everywhere

pytestmark = pytest.mark.faults

OLD, NEW = b"old" * 100, b"newer" * 100
CREATE = os.O_WRONLY | os.O_CREAT


def prepare(folder: Path) -> None:
    (folder / "file").write_bytes(OLD)


def bytes_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b"missing"


def write(path: Path, flags: int = CREATE, sync: bool = False) -> None:
    disk = files.disk.current
    descriptor = disk.open(path, flags)
    disk.write(descriptor, memoryview(NEW))
    if sync:
        disk.fsync(descriptor)
    disk.close(descriptor)


def in_place(folder: Path) -> None:
    write(folder / "file", CREATE | os.O_TRUNC, sync=True)


def renamed(folder: Path, *, sync: bool, directory: bool) -> None:
    write(folder / ".temp", sync=sync)
    files.disk.current.replace(folder / ".temp", folder / "file")
    if directory:
        files.disk.current.fsync_directory(folder)


def removed_first(folder: Path) -> None:
    write(folder / ".temp", sync=True)
    files.disk.current.unlink(folder / "file")
    files.disk.current.replace(folder / ".temp", folder / "file")
    files.disk.current.fsync_directory(folder)


def contents(
    folder: Path, act: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> set[bytes]:
    """What the file may hold, the oracle put aside."""
    monkeypatch.setattr("tests.faults.worlds.objections", lambda disk, event: [])
    first, second = folder / "first", folder / "second"
    first.mkdir()
    prepare(first)
    crashes = crash_everywhere(first, lambda: act(first))
    return {bytes_of(world.build(second) / "file") for world in crashes.during}


def test_writing_in_place_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overwriting leaves empty, half-zeroed and torn files behind."""
    found = contents(tmp_path, in_place, monkeypatch)

    zeroes = OLD + bytes(len(NEW) - len(OLD))
    assert found == {OLD, NEW, b"", zeroes, NEW[:250]}


def test_a_rename_without_fsync_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every kill -9 survives, a power failure does not."""
    found = contents(tmp_path, lambda at: renamed(at, sync=False, directory=True), monkeypatch)

    assert found == {OLD, NEW, b"", bytes(len(NEW)), NEW[:250]}


def test_removing_first_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between removal and rename there is nothing at all."""
    assert contents(tmp_path, removed_first, monkeypatch) == {OLD, NEW, b"missing"}


def test_the_safe_order_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary file, fsync, rename, fsync of the directory: old or new, in every world."""
    found = contents(tmp_path, lambda at: renamed(at, sync=True, directory=True), monkeypatch)

    assert found == {OLD, NEW}


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (lambda at: renamed(at, sync=False, directory=True), "its bytes are not durable"),
        (lambda at: renamed(at, sync=True, directory=False), "returned before these names"),
    ],
)
def test_the_oracle(tmp_path: Path, act: Callable[[Path], object], complaint: str) -> None:
    """A wrong order of operations is a failure by itself, whatever the worlds look like."""
    prepare(tmp_path)

    with pytest.raises(AssertionError, match=complaint):
        crash_everywhere(tmp_path, lambda: act(tmp_path))


def test_the_oracle_on_removing_the_old(tmp_path: Path) -> None:
    """The old may go only when the new one is durable."""
    prepare(tmp_path)

    def act() -> None:
        write(tmp_path / "file-2", sync=True)
        files.disk.current.unlink(tmp_path / "file")

    with pytest.raises(AssertionError, match="unlink  file: its successor is not durable"):
        crash_everywhere(tmp_path, act)


def test_the_oracle_on_directories(tmp_path: Path) -> None:
    """A directory gets its name last, and its marker last of all its files."""

    def act(*, sync: bool, marker: str) -> None:
        disk = files.disk.current
        disk.make_directory(tmp_path / ".temp")
        write(tmp_path / ".temp" / "data", sync=marker == "late")
        write(tmp_path / ".temp" / "manifest", sync=True)
        write(tmp_path / ".temp" / "data", sync=True)
        if sync:
            disk.fsync_directory(tmp_path / ".temp")
        disk.replace(tmp_path / ".temp", tmp_path / f"{sync}-{marker}")
        disk.fsync_directory(tmp_path)

    with pytest.raises(AssertionError, match="the names in it are not durable"):
        crash_everywhere(tmp_path, lambda: act(sync=False, marker="late"))
    with pytest.raises(AssertionError, match="manifest: other files of its directory"):
        crash_everywhere(tmp_path, lambda: act(sync=True, marker="early"), marker="manifest")
    crash_everywhere(tmp_path, lambda: act(sync=True, marker="late"), marker="manifest")


def test_files_that_grow(tmp_path: Path) -> None:
    """Appended and cut files have their worlds too: any tail may be missing."""

    def act(folder: Path) -> None:
        rows = files.open_rows(folder / "log", append=True)
        rows.write_row_text("one\n")
        rows.write_row_text("two\n")
        rows.close()

    found: set[bytes] = set()
    check_every_crash(tmp_path, act, lambda folder: found.add(bytes_of(folder / "log")))

    assert {b"missing", b"", b"one\n", b"one\ntwo\n"} <= found


def test_a_second_crash_while_recovering(tmp_path: Path) -> None:
    """Every world of a recovery from every world is looked at."""
    seen: set[bytes] = set()

    def check(folder: Path) -> None:
        seen.add(bytes_of(folder / "file"))
        assert bytes_of(folder / "file") in (OLD, NEW, b"third")

    def recover(folder: Path) -> None:
        with files.whole(folder / "file") as file:
            file.write(b"third")

    def durable(folder: Path) -> None:
        assert bytes_of(folder / "file") in (NEW, b"third")

    count = check_every_crash(
        tmp_path,
        lambda folder: renamed(folder, sync=True, directory=True),
        check,
        prepare=prepare,
        recover=recover,
        check_after=durable,
    )

    assert seen == {OLD, NEW, b"third"}
    assert count > 20


def test_a_fault_of_the_check_is_heard(tmp_path: Path) -> None:
    """A check that fails in one world fails the test."""

    def check(folder: Path) -> None:
        assert bytes_of(folder / "file") != NEW

    with pytest.raises(AssertionError):
        check_every_crash(
            tmp_path,
            lambda folder: renamed(folder, sync=True, directory=True),
            check,
            prepare=prepare,
        )
