"""whole: a path always holds the complete old or the complete new file."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator
from typing import IO, Any, Literal, cast

from backbeat.files import disk, remote
from backbeat.files.addresses import is_address, text_of
from backbeat.files.disk import PathLike, RawFile, teaching
from backbeat.files.places import permissions, resolve
from backbeat.files.temporaries import Temporary

__all__ = ["whole"]


@contextlib.contextmanager
def whole(path: PathLike, mode: Literal["wb", "w"] = "wb") -> Generator[IO[Any]]:
    """Write a file so that `path` always holds the whole old or the whole new version.

    The bytes go to a new file beside the target, which is made durable and then takes the target's
    name. If anything goes wrong, Ctrl-C included, the old file stays as it was and nothing is left
    beside it; what a killed process left there is removed by the next write to the same path. A
    link is followed; the old file's permissions are kept. `mode="w"` is UTF-8 text with line ends
    written as they are given. Writing is unbuffered: write large pieces. For an address it is
    written on this machine, and then uploaded, as whole as the store allows.

    Raises CheckpointError if `path` cannot be written, or is a directory, a pipe or a device.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(f"{folder}/notes.txt", "w") as file:
    ...         _ = file.write("complete")
    ...     os.listdir(folder)
    ['notes.txt']
    """
    if is_address(path):
        with remote.uploaded(text_of(path)) as local, whole(local, mode) as file:
            yield file
        return
    target = resolve(path)
    mode_bits = permissions(target)
    with teaching(target):
        temporary = Temporary(target)
    try:
        raw = RawFile(temporary.descriptor, target)
        try:
            yield from _filled(raw, mode)
            _make_durable(raw, mode_bits)
        except BaseException:
            # The first error is the one to see, not a second one while closing.
            with contextlib.suppress(OSError):
                raw.close()
            raise
        raw.close()
        with teaching(target):
            disk.current.replace(temporary.path, target)
    except BaseException:
        temporary.discard()
        raise
    finally:
        temporary.let_go()
    with teaching(target):
        disk.current.fsync_directory(target.parent)


def _filled(raw: RawFile, mode: Literal["wb", "w"]) -> Generator[IO[Any]]:
    """Yield what the caller writes to; flush it afterwards."""
    if mode == "wb":
        yield cast(IO[Any], raw)
    else:
        text = io.TextIOWrapper(cast(IO[bytes], raw), "utf-8", newline="")
        yield text
        text.detach()


def _make_durable(raw: RawFile, mode_bits: int | None) -> None:
    """Give the file its permissions and wait until its bytes are on the disk."""
    with teaching(raw.target):
        if mode_bits is not None:
            disk.current.set_mode(raw.descriptor, mode_bits)
        # After a failed fsync the kernel may believe the pages clean: never tried again.
        disk.current.fsync(raw.descriptor)
