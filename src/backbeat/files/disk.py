"""Disk: the primitive operations, and which disk is used at the moment."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

from backbeat.errors import CheckpointError
from backbeat.files.writeback import start_writeback

__all__ = ["Disk", "PathLike", "RawFile", "current", "teaching"]

PathLike = str | os.PathLike[str]


class Disk:
    """Each method is one operation of the operating system; a test's disk overrides some."""

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        """Open `path` and return its descriptor; the umask narrows the mode of a new file."""
        return os.open(path, flags | getattr(os, "O_BINARY", 0), mode)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write what fits and return how many bytes that were."""
        return os.write(descriptor, data)

    def seek(self, descriptor: int, offset: int, whence: int) -> int:
        """Go to a place in an open file; returns how far that is from its beginning."""
        return os.lseek(descriptor, offset, whence)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(descriptor, size)

    def set_mode(self, descriptor: int, mode: int) -> None:
        """Set the permission bits."""
        os.fchmod(descriptor, mode)

    def start_writeback(self, descriptor: int) -> None:
        """Have the file's bytes brought to the disk from now on, where that can be asked for."""
        start_writeback(descriptor)

    def fsync(self, descriptor: int) -> None:
        """Return once the file's bytes are on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the descriptor."""
        os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Give `source`, a file or a directory, the name `target`, in one step."""
        source.replace(target)

    def link(self, source: Path, name: Path) -> None:
        """Give the file `source` another name as well, which is not there yet."""
        os.link(source, name)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def make_directory(self, path: Path) -> None:
        """Create one directory, whose parent exists."""
        path.mkdir()

    def remove_directory(self, path: Path) -> None:
        """Remove a directory, which is empty."""
        path.rmdir()

    def fsync_directory(self, path: Path) -> None:
        """Return once the names in the directory are on the disk, where that can be asked for."""
        if not hasattr(os, "O_DIRECTORY"):
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems have no such call; nothing more can be done there.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)

    def status(self, path: Path) -> os.stat_result | None:
        """What is at `path`, links followed, or None if nothing is."""
        try:
            return path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def entry(self, path: Path) -> os.stat_result | None:
        """What is at `path` itself, a link not followed, or None if nothing is."""
        try:
            return path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def opened(self, descriptor: int) -> os.stat_result:
        """What `descriptor` has open, wherever its name may be by now."""
        return os.fstat(descriptor)

    def exists(self, path: Path) -> bool:
        """Whether anything is at `path`, links followed."""
        return self.status(path) is not None

    def writable(self, path: Path) -> bool:
        """Whether the permission bits allow writing."""
        return os.access(path, os.W_OK)

    def list(self, path: Path) -> list[str]:
        """The names in a directory."""
        return [entry.name for entry in path.iterdir()]

    def free_bytes(self, path: Path) -> int:
        """The bytes that an ordinary user can still write to the disk below a directory."""
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize

    def lock(self, descriptor: int) -> bool:
        """Lock an open file until it is closed; False if it is locked already, by anybody."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def open_inside(self, directory: Path, name: str) -> int:
        """Open what `directory` itself has under `name`, for reading; a link is an error."""
        below = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Not to wait for a writer if it is a pipe.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            return os.open(name, flags, dir_fd=below)
        finally:
            os.close(below)

    def read(self, descriptor: int, size: int) -> bytes:
        """The next bytes of an open file, at most `size`; none at its end."""
        return os.read(descriptor, size)


current: Disk = Disk()


# The disk is set to work whenever so much is new: else it rests until all is written.
_STARTED_BYTES = 8 << 20


class RawFile(io.RawIOBase):
    """An open file that writes through the disk, and names `target` when that fails."""

    def __init__(self, descriptor: int, target: Path) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.target = target
        self._new_bytes = 0

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write all of `data`, which is any buffer."""
        # A disk may take only a part; the rest is offered again until it is all there.
        rest = memoryview(data).cast("B")
        size = len(rest)
        self._new_bytes += size
        with teaching(self.target):
            while rest:
                rest = rest[current.write(self.descriptor, rest) :]
            if self._new_bytes >= _STARTED_BYTES:
                self._new_bytes = 0
                current.start_writeback(self.descriptor)
        return size

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, counted from the beginning, from here, or from the end."""
        with teaching(self.target):
            return current.seek(self.descriptor, offset, whence)

    def close(self) -> None:
        """Close the descriptor; closing again does nothing."""
        if not self.closed:
            super().close()
            with teaching(self.target):
                current.close(self.descriptor)


_DENIED = "You may not write there: give another path, or ask for the permission."
_ADVICE = {
    errno.ENOSPC: "The disk is full: free some space, or give a path on another disk.",
    errno.EDQUOT: "Your quota is used up: free some space, or give a path on another disk.",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "That disk can only be read: give a path on another disk.",
    errno.ENAMETOOLONG: "The name is too long: give a shorter one.",
    errno.ENOTDIR: "A part of the path is a file, not a directory: give another path.",
    errno.ELOOP: "The links in the path go round in a circle: give another path.",
}


@contextlib.contextmanager
def teaching(target: Path) -> Generator[None]:
    """Turn the system's errors into one that says which file, why, and what to do."""
    try:
        yield
    except CheckpointError:
        raise
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "Is the disk still there, and healthy?")
        reason = error.strerror or str(error)
        taught = CheckpointError(f"{target} cannot be written: {reason}. {advice}")
        taught.errno = error.errno
        raise taught from error
