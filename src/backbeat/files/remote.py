"""Remote: files in a store, written as whole as the store allows, and fetched."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from backbeat.errors import CheckpointError
from backbeat.files.addresses import open_store, reaching
from backbeat.files.disk import teaching
from backbeat.files.signed_names import is_left_by_the_dead, signed_name

__all__ = [
    "copied",
    "exists",
    "fetched",
    "names_beside",
    "probe",
    "remove",
    "trial_address",
    "uploaded",
]

# There an object appears complete, when its upload has ended, and there are no directories.
_OBJECT_STORES = frozenset(
    ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "tos", "hf")
)


@contextlib.contextmanager
def uploaded(address: str) -> Generator[Path]:
    """Yields the path of a local file to fill, which is then uploaded to `address`.

    An object store shows the new object when all of it is there; elsewhere it is uploaded under
    another name beside `address`, and then moved there. If anything goes wrong nothing of ours
    is left, as far as the store can still be reached; what a killed process left is removed by the
    next upload to `address` from this machine.

    Raises CheckpointError if it cannot be uploaded.
    """
    with _own_directory() as directory:
        local = directory / address.rpartition("/")[2]
        yield local
        store, target = open_store(address)
        with reaching(address), _in_place(store, target) as name:
            _put(store, local, name)


@contextlib.contextmanager
def fetched(address: str) -> Generator[Path]:
    """Yields the path of a local copy of the file at `address`, which is removed afterwards.

    Errors of backbeat's own that name the copy name `address` instead.

    Raises CheckpointError if it cannot be read.
    """
    store, source = open_store(address)
    with _own_directory() as directory:
        local = directory / address.rpartition("/")[2]
        with reaching(address, "read"):
            store.get_file(source, str(local))
        try:
            yield local
        except CheckpointError as error:
            error.args = tuple(
                each.replace(str(local), address) if isinstance(each, str) else each
                for each in error.args
            )
            raise


def copied(source: str, address: str) -> bool:
    """Let `address` hold what `source` does, without moving bytes through this machine.

    False, with nothing changed, where the store cannot do that.
    """
    store, there = open_store(source)
    other, target = open_store(address)
    if store != other:
        return False
    try:
        with reaching(address), _in_place(store, target) as name:
            store.cp_file(there, name)
    except CheckpointError as error:
        if isinstance(error.__cause__, (NotImplementedError, FileNotFoundError)):
            return False
        raise
    return True


def remove(address: str) -> None:
    """Remove the file at `address`, if it is still there.

    Raises CheckpointError if it cannot be removed.
    """
    store, target = open_store(address)
    with reaching(address, "removed"), contextlib.suppress(FileNotFoundError):
        store.rm_file(target)


def exists(address: str) -> bool:
    """Whether a file is at `address`."""
    store, target = open_store(address)
    with reaching(address, "reached"):
        store.invalidate_cache()
        return bool(store.exists(target))


def names_beside(address: str) -> list[str]:
    """The names in the directory of `address`; none if nobody can tell."""
    store, target = open_store(address)
    with contextlib.suppress(Exception):
        return [str(each).rpartition("/")[2] for each in store.ls(target.rpartition("/")[0], False)]
    return []


def probe(address: str) -> None:
    """Find out now whether `address` can be written later; writes a file beside it and removes it.

    Raises CheckpointError saying what is in the way, MissingPackageError or ArgumentError if the
    store is none that can be used here.
    """
    trial = trial_address(address, signed_name("probe"))
    store, name = open_store(trial)
    with reaching(address):
        _remove_left(store, name.rpartition("/")[0], "probe")
        store.pipe_file(name, b"backbeat")
        store.rm_file(name)


def trial_address(address: str, name: str) -> str:
    """`name` in the directory of `address`, or in the nearest one above that is there already."""
    store, _ = open_store(address)
    protocol, _, path = address.partition("://")
    directories = path.split("/")[:-1]
    if not _is_object_store(store):
        with reaching(address, "reached"):
            while len(directories) > 1 and not _is_there(store, protocol, directories):
                directories.pop()
    return "://".join((protocol, "/".join([*directories, name])))


def _is_there(store: Any, protocol: str, directories: list[str]) -> bool:
    # What a file system does not know as its own is asked of it with the protocol.
    return bool(store.exists(f"{protocol}://{'/'.join(directories)}"))


@contextlib.contextmanager
def _in_place(store: Any, target: str) -> Generator[str]:
    """Yields the name to write to, so that `target` changes in one step where that is possible."""
    if _is_object_store(store):
        yield target
        return
    directory, slash, name = target.rpartition("/")
    _remove_left(store, directory, name)
    temporary = f"{directory}{slash}{signed_name(name)}"
    try:
        yield temporary
        try:
            store.mv(temporary, target)
        except FileExistsError:  # a rename that replaces nothing
            store.rm_file(target)
            store.mv(temporary, target)
    except BaseException:
        with contextlib.suppress(Exception):
            store.rm_file(temporary)
        raise


def _remove_left(store: Any, directory: str, name: str) -> None:
    """Remove what killed processes of this machine left of uploads to `name`, if that can be."""
    if _is_object_store(store):  # where a list may be long, and an upload leaves nothing
        return
    with contextlib.suppress(Exception):
        store.invalidate_cache(directory)
        for path in store.ls(directory, detail=False):
            if is_left_by_the_dead(str(path).rpartition("/")[2], name):
                store.rm_file(path)


def _put(store: Any, local: Path, name: str) -> None:
    """Upload; the directories that are missing are created, a bucket never is."""
    try:
        store.put_file(str(local), name)
    except FileNotFoundError:
        if _is_object_store(store):
            raise
        store.makedirs(name.rpartition("/")[0], exist_ok=True)
        store.put_file(str(local), name)


def _is_object_store(store: Any) -> bool:
    names = [store.protocol] if isinstance(store.protocol, str) else store.protocol
    return not _OBJECT_STORES.isdisjoint(names)


@contextlib.contextmanager
def _own_directory() -> Generator[Path]:
    """A directory of this machine for one file, gone afterwards; TMPDIR says where.

    Those that killed processes left there are removed.
    """
    root = Path(tempfile.gettempdir())
    directory = root / signed_name("backbeat")
    with teaching(root):
        for path in root.glob(".backbeat.*"):
            if is_left_by_the_dead(path.name, "backbeat"):
                shutil.rmtree(path, ignore_errors=True)
        directory.mkdir(0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
