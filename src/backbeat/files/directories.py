"""Directories: appear whole, get another name, vanish, each in one step."""

from __future__ import annotations

import contextlib
import secrets
import stat
from collections.abc import Generator
from pathlib import Path

from backbeat.files import disk
from backbeat.files.disk import PathLike, teaching
from backbeat.files.places import probe, resolve

__all__ = [
    "free_bytes",
    "probe_directory",
    "remove_tree",
    "rename_directory",
    "sweep",
    "whole_directory",
]

_TRASH = ".backbeat-trash-"
_UNFINISHED = ".backbeat-unfinished-"


@contextlib.contextmanager
def whole_directory(path: PathLike) -> Generator[Path]:
    """Fill a directory so that `path` is there with everything in it, or not at all.

    Yields another directory beside `path`; what is written there with `whole` is durable, and then
    the directory takes its name. If anything goes wrong nothing is left.

    Raises CheckpointError if it cannot be written, or if something is at `path` already.

    >>> import os, tempfile
    >>> from backbeat.files.whole import whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_directory(f"{folder}/run") as new, whole(new / "notes.txt", "w") as file:
    ...         _ = file.write("complete")
    ...     os.listdir(folder), os.listdir(f"{folder}/run")
    (['run'], ['notes.txt'])
    """
    target = resolve(path)
    unfinished = target.with_name(_UNFINISHED + secrets.token_hex(8))
    with teaching(target):
        disk.current.make_directory(unfinished)
    try:
        yield unfinished
        with teaching(target):
            disk.current.fsync_directory(unfinished)
            disk.current.replace(unfinished, target)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(unfinished)
        raise
    with teaching(target):
        disk.current.fsync_directory(target.parent)


def probe_directory(directory: PathLike) -> None:
    """Find out now whether directories can be made in `directory` later; nothing is left.

    Raises CheckpointError saying what is in the way.
    """
    target = resolve(directory)
    trial = target / (_UNFINISHED + secrets.token_hex(8))
    with teaching(target):
        disk.current.make_directory(trial)
        try:
            probe(trial)
        finally:
            with contextlib.suppress(OSError):
                _remove(trial)


def rename_directory(source: PathLike, target: PathLike) -> None:
    """Give a directory another name in the same parent; the new name is durable on return.

    Raises CheckpointError if it cannot be done, for example because `target` is not empty.
    """
    old, new = resolve(source), resolve(target)
    with teaching(new):
        disk.current.replace(old, new)
        disk.current.fsync_directory(new.parent)


def remove_tree(path: PathLike) -> None:
    """Remove a directory and all that is in it; links in it are removed, not followed.

    It loses its name first, durably: a directory that is only half there is never seen under it.
    What earlier removals could not finish is removed with it. Nothing at `path` is no error.

    Raises CheckpointError if it cannot be removed; it may then have lost its name already.
    """
    target = resolve(path)
    trash = target.with_name(_TRASH + secrets.token_hex(8))
    with teaching(target):
        with contextlib.suppress(FileNotFoundError):
            disk.current.replace(target, trash)
            disk.current.fsync_directory(target.parent)
        _remove_all(target.parent, _TRASH)


def sweep(directory: PathLike) -> None:
    """Remove what killed runs left half-written or half-removed in `directory`.

    Call it only while no other run can write there: with its lock held.
    """
    target = resolve(directory)
    with teaching(target):
        _remove_all(target, _TRASH, _UNFINISHED)


def free_bytes(path: PathLike) -> int:
    """The bytes that can still be written where `path` is, or will be."""
    target = resolve(path)
    with teaching(target):
        while not disk.current.exists(target) and target != target.parent:
            target = target.parent
        return disk.current.free_bytes(target)


def _remove_all(directory: Path, *beginnings: str) -> None:
    for name in disk.current.list(directory):
        if name.startswith(beginnings):
            _remove(directory / name)


def _remove(path: Path) -> None:
    """Remove whatever is at `path`; somebody else may be doing the same."""
    with contextlib.suppress(FileNotFoundError):
        status = disk.current.entry(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            disk.current.unlink(path)
            return
        for name in disk.current.list(path):
            _remove(path / name)
        disk.current.remove_directory(path)
