"""Before a checkpoint is read: is it there, is it a file, and what does it look like?"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Generator
from pathlib import Path

from backbeat.checkpoints import background
from backbeat.errors import CheckpointCorruptError, CheckpointError
from backbeat.files import PathLike, remote
from backbeat.files.addresses import is_address, text_of
from backbeat.files.places import resolve
from backbeat.registry import nearest

__all__ = ["corrupt", "existing_file", "local_file"]

_HEADS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"PK\x03\x04": "a zip archive, such as Keras' .keras files or those of torch.save",
    b"\x80": "a pickle",
    b"{": "JSON text",
}


def existing_file(path: PathLike) -> Path:
    """`path` with its links followed; what is being written to it is waited for.

    Raises CheckpointError if no ordinary file is there, offering the nearest name.
    """
    background.wait_for(path)
    target = resolve(path)
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"there is no file {target}.{_offer(target)}") from None
    except OSError as error:
        raise CheckpointError(f"{target} cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(mode):
        raise CheckpointError(f"{target} is a directory; give the path of a file in it.")
    if not stat.S_ISREG(mode):
        raise CheckpointError(f"{target} is not an ordinary file; give the path of one.")
    return target


@contextlib.contextmanager
def local_file(path: PathLike) -> Generator[Path]:
    """The file at `path`; for an address a copy of it, which is there only meanwhile.

    Raises CheckpointError as `existing_file` does.
    """
    if not is_address(path):
        yield existing_file(path)
        return
    background.wait_for(path)
    address = text_of(path)
    if not remote.exists(address):
        names = remote.names_beside(address)
        raise CheckpointError(f"there is no file {address}.{_nearest(address, names)}")
    with remote.fetched(address) as local:
        yield existing_file(local)


def corrupt(path: Path, expected: str, reason: object) -> CheckpointCorruptError:
    """The error for a file that cannot be understood as `expected`."""
    size = path.stat().st_size
    looks = "is empty" if size == 0 else f"looks like {_looks_like(path)} of {size} bytes"
    return CheckpointCorruptError(
        f"{path} cannot be read as {expected}: it {looks} ({str(reason)[:200]}). If it was cut "
        "short or changed, load an earlier checkpoint; if it has another format, give it the "
        "suffix of that format."
    )


def _looks_like(path: Path) -> str:
    """What the first bytes say."""
    with path.open("rb") as file:
        head = file.read(16)
    kinds = (kind for start, kind in _HEADS.items() if head.startswith(start))
    return next(kinds, "a safetensors file" if head[8:9] == b"{" else "something unknown")


def _offer(target: Path) -> str:
    """The nearest name beside a missing file, as a sentence."""
    try:
        names = [entry.name for entry in target.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return f" There is no directory {target.parent} either."
    return _nearest(target.name, names)


def _nearest(path: str, names: list[str]) -> str:
    close = nearest(path.rpartition("/")[2], names)
    return f" Did you mean {close!r}?" if close else ""
