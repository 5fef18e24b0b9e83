"""Writeback: the disk begins with a file while the rest of it is still being made."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from collections.abc import Callable

__all__ = ["start_writeback"]

# From linux/fs.h: begin to write what is new, wait for nothing.
_WRITE = 2
# What a system, or whatever a container lets through to it, answers that cannot be asked for this.
_NOT_POSSIBLE = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.ESPIPE, errno.ENOTSUP)


def start_writeback(descriptor: int) -> None:
    """Have all that is new in an open file brought to the disk; only an fsync knows when it is.

    Without it the system leaves the disk idle until fsync is called. Nothing happens where there
    is no such call.

    Raises OSError if the disk refuses.
    """
    call = _sync_file_range()
    if call is None or call(descriptor, 0, 0, _WRITE) == 0:
        return
    code = ctypes.get_errno()
    if code not in _NOT_POSSIBLE:
        raise OSError(code, os.strerror(code))


@functools.cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """The system call of Linux that Python has no function for."""
    try:
        call = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    call.restype = ctypes.c_int
    return call
