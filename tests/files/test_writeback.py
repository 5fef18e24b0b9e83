from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backbeat.files import writeback
from backbeat.files.writeback import start_writeback


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """An open file with something new in it."""
    opened = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    os.write(opened, b"new" * 10_000)
    yield opened
    os.close(opened)


def test_what_is_written_stays_what_it_is(descriptor: int, tmp_path: Path) -> None:
    """Asked for over and over, while it is written and overwritten."""
    for _ in range(3):
        start_writeback(descriptor)
    os.pwrite(descriptor, b"NEW", 0)
    start_writeback(descriptor)
    os.fsync(descriptor)

    assert (tmp_path / "file").read_bytes() == b"NEW" + b"new" * 9_999


def test_what_has_no_disk() -> None:
    """A pipe cannot be asked; that is no error."""
    reading, writing = os.pipe()
    start_writeback(writing)
    os.close(reading)
    os.close(writing)


def test_a_system_without_the_call(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens there."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    writeback._sync_file_range.cache_clear()
    start_writeback(descriptor)
    found = writeback._sync_file_range()
    writeback._sync_file_range.cache_clear()

    assert found is None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.ENOSYS, errno.EPERM])
def test_a_disk_that_refuses(descriptor: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an error; a system or container that does not know the call is none."""

    def refusing(*_: Any) -> int:
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(writeback, "_sync_file_range", lambda: refusing)
    if code in (errno.ENOSYS, errno.EPERM):
        start_writeback(descriptor)
        return
    with pytest.raises(OSError, match=os.strerror(code)):
        start_writeback(descriptor)


def test_a_closed_file() -> None:
    """Is the caller's mistake, and said."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        start_writeback(987_654)
