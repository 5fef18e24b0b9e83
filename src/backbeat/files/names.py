"""Names of files that are there: another one for the same file, or none any more."""

from __future__ import annotations

import contextlib
import os
import secrets

from backbeat.files import disk, remote
from backbeat.files.addresses import is_address, text_of
from backbeat.files.disk import PathLike, teaching
from backbeat.files.places import permissions, resolve

__all__ = ["exists", "link", "remove"]


def link(source: PathLike, name: PathLike) -> bool:
    """Let `name` be the file at `source` too, in place of what it was; no bytes are copied.

    `name` always is the whole old file or the whole new one. False, with nothing changed, where the
    file system cannot do that. In a store it is a copy, made there.

    Raises CheckpointError if `name` cannot be written, or is a directory, a pipe or a device.
    """
    if is_address(source) or is_address(name):
        both = is_address(source) and is_address(name)
        return both and remote.copied(text_of(source), text_of(name))
    there, target = resolve(source), resolve(name)
    permissions(target)
    temporary = target.with_name(f".{target.name[:48]}.{secrets.token_hex(8)}.tmp")
    with teaching(target):
        old, new = disk.current.status(target), disk.current.status(there)
        if old is not None and new is not None and os.path.samestat(old, new):
            return True
        try:
            disk.current.link(there, temporary)
        except OSError:
            return False
        try:
            disk.current.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                disk.current.unlink(temporary)
            raise
        disk.current.fsync_directory(target.parent)
    return True


def remove(path: PathLike) -> None:
    """Remove the file at `path`, if it is still there.

    Raises CheckpointError if it cannot be removed.
    """
    if is_address(path):
        remote.remove(text_of(path))
        return
    target = resolve(path)
    with teaching(target), contextlib.suppress(FileNotFoundError):
        disk.current.unlink(target)


def exists(path: PathLike) -> bool:
    """Whether anything is at `path`, a file of this machine or of a store."""
    if is_address(path):
        return remote.exists(text_of(path))
    target = resolve(path)
    with teaching(target):
        return disk.current.exists(target)
