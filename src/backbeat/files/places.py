"""Where a file will go: what a path means, whether it can be written, its parents."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from backbeat.errors import ArgumentError, CheckpointError
from backbeat.files import disk, remote
from backbeat.files.addresses import is_address, text_of
from backbeat.files.disk import PathLike, teaching
from backbeat.files.temporaries import Temporary

__all__ = ["make_parents", "permissions", "place_of", "probe", "resolve", "trial_path"]


def resolve(path: PathLike) -> Path:
    """The absolute path that `path` means in the end, all links followed.

    Raises ArgumentTypeError or ArgumentError if it is not a path at all.
    """
    text = text_of(path)
    if "://" in text:
        raise ArgumentError(
            f"{text!r} is an address, not a path of this machine. Files of weights and models may "
            "have addresses (ModelCheckpoint, save, load_weights, load_model); here a path is "
            "needed."
        )
    return Path(os.path.realpath(text))


def place_of(path: PathLike) -> Path | str:
    """What `path` means in the end: an absolute path of this machine, or an address as text."""
    return text_of(path) if is_address(path) else resolve(path)


def trial_path(path: PathLike, name: str) -> str:
    """`name` in the directory of `path`, or in the nearest one above that is there already."""
    if is_address(path):
        return remote.trial_address(text_of(path), name)
    directory = resolve(path).parent
    while not disk.current.exists(directory) and directory != directory.parent:
        directory = directory.parent
    return str(directory / name)


def permissions(target: Path) -> int | None:
    """The permission bits of the file at `target`; None if there is none yet.

    Raises CheckpointError if `target` is no file, may not be written, or has no directory.
    """
    with teaching(target):
        status = disk.current.status(target)
    if status is None:
        _check_parent(target)
        return None
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(f"{target} is {_kind(status.st_mode)}; give the path of a file.")
    if not disk.current.writable(target):
        raise CheckpointError(
            f"{target} is write-protected. Give another path, or allow writing with "
            f"chmod u+w {target}."
        )
    return stat.S_IMODE(status.st_mode) & 0o777


def make_parents(path: PathLike) -> list[Path]:
    """Create the missing directories above `path`, durably; returns those it created.

    In a store an upload creates what it needs; here nothing is done then.

    Raises CheckpointError if one of them cannot be created.
    """
    if is_address(path):
        return []
    missing: list[Path] = []
    target = resolve(path)
    parent = target.parent
    with teaching(parent):
        while not disk.current.exists(parent) and parent != parent.parent:
            missing.insert(0, parent)
            parent = parent.parent
    for directory in missing:
        # Somebody else, such as another rank, may create it at the same moment.
        with teaching(directory), contextlib.suppress(FileExistsError):
            disk.current.make_directory(directory)
            disk.current.fsync_directory(directory.parent)
    return missing


def probe(path: PathLike) -> None:
    """Find out now whether `path`, a file or a directory, can be written later.

    Really creates a file in the directory that `path` goes to, or in the nearest one above that
    exists already, and removes it again; nothing is left.

    Raises CheckpointError saying what is in the way.
    """
    if is_address(path):
        remote.probe(text_of(path))
        return
    target = resolve(path)
    directory = target
    with teaching(target):
        status = disk.current.status(target)
        if status is None or not stat.S_ISDIR(status.st_mode):
            directory = target.parent
        while not disk.current.exists(directory) and directory != directory.parent:
            directory = directory.parent
    if status is not None and directory != target:
        permissions(target)
    _try_out(directory, target)


def _try_out(directory: Path, target: Path) -> None:
    """Create and remove a file in `directory`, for the sake of `target`."""
    with teaching(target):
        trial = Temporary(directory / target.name)
        try:
            disk.current.close(trial.descriptor)
        except BaseException:
            trial.discard()
            raise
        finally:
            trial.let_go()
        disk.current.unlink(trial.path)


def _check_parent(target: Path) -> None:
    """Refuse a `target` whose directory is missing."""
    if not disk.current.exists(target.parent):
        raise CheckpointError(
            f"{target} cannot be written: there is no directory {target.parent}. Create it "
            f"first: backbeat.files.make_parents({str(target)!r})."
        )


def _kind(mode: int) -> str:
    """What a thing that is no file is called."""
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"
