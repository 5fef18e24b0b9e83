"""open_inside and read_inside: plain names only, ordinary files only."""

import os
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointCorruptError, CheckpointError


def test_reads_a_file(tmp_path: Path) -> None:
    """A file's bytes, all at once or as an open file; a directory may be reached by a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "state.json").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert files.read_inside(tmp_path / "link", "state.json", at_most=2) == b"{}"
    with files.open_inside(tmp_path / "real", "state.json") as file:
        assert file.read(1) == b"{"


@pytest.mark.parametrize("at_most", [2, 1 << 62, 1 << 70])
def test_takes_no_more_memory_than_the_file_has(tmp_path: Path, at_most: int) -> None:
    """However much is allowed."""
    (tmp_path / "state.json").write_bytes(b"{}")

    assert files.read_inside(tmp_path, "state.json", at_most=at_most) == b"{}"


@pytest.mark.parametrize("name", ["", ".", "..", "../secret", "/etc/passwd", "a/b", "a\0b"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    """A name with a path in it is refused before anything is opened."""
    with pytest.raises(CheckpointCorruptError, match="is not the plain name of a file"):
        files.read_inside(tmp_path, name, at_most=100)


def test_things_that_are_no_files(tmp_path: Path) -> None:
    """A link, a pipe and a directory are refused; none is followed or waited for."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "below").mkdir()

    with pytest.raises(CheckpointCorruptError, match="link is a link, not a file"):
        files.read_inside(tmp_path, "link", at_most=100)
    for name in ("pipe", "below"):
        with pytest.raises(CheckpointCorruptError, match="is not an ordinary file"):
            files.read_inside(tmp_path, name, at_most=100)


def test_too_large(tmp_path: Path) -> None:
    """A file beyond the limit is refused without being read to its end."""
    with (tmp_path / "state.json").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(CheckpointCorruptError, match=r"state\.json holds more than the 1000 bytes"):
        files.read_inside(tmp_path, "state.json", at_most=1000)


def test_not_there(tmp_path: Path) -> None:
    """A missing file is told from a damaged one."""
    with pytest.raises(CheckpointError, match=r"gone\.json cannot be read: No such file") as raised:
        files.read_inside(tmp_path, "gone.json", at_most=1)

    assert not isinstance(raised.value, CheckpointCorruptError)
