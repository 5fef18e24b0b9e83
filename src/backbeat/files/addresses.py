"""Addresses such as `s3://bucket/best.h5`: which paths are one, and the file system behind it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

from backbeat.errors import ArgumentError, ArgumentTypeError, CheckpointError, MissingPackageError
from backbeat.files.disk import PathLike

__all__ = ["is_address", "open_store", "reaching", "text_of"]

# fsspec's names for the disk of this machine.
_LOCAL = ("file://", "local://")
_SLIPPED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/[^/]")


def text_of(path: PathLike) -> str:
    """`path` as text; a `file://` address is the path of this machine that it names, `~/` is home.

    Raises ArgumentTypeError or ArgumentError if it is not a path at all, or an address that went
    through `pathlib.Path`, which spoils it.

    >>> text_of("file:///runs/best.h5"), text_of("s3://bucket/best.h5")
    ('/runs/best.h5', 's3://bucket/best.h5')
    """
    text = path if isinstance(path, str) else _fspath(path)
    if not text or "\0" in text:
        raise ArgumentError(f"{text!r} is not a path; give one such as 'weights.h5'.")
    for beginning in _LOCAL:
        text = text.removeprefix(beginning)
    if text.startswith("~/"):
        text = _from_home(text)
    _check_letters(text)
    is_spoilt = not isinstance(path, str) and _SLIPPED.match(text)
    if is_spoilt and not Path(text.partition("/")[0]).is_dir():
        raise ArgumentError(
            f"{path!r} was an address before pathlib made a path of it; pass it as text: "
            f"{text.replace(':/', '://', 1)!r}."
        )
    return text


def _from_home(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise ArgumentError(
            f"{text!r} begins with ~, but which directory is home is not known; set HOME, or give "
            "the whole path."
        ) from None


def _check_letters(text: str) -> None:
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"{text!r} holds letters that file names cannot hold here, where they are "
            f"{error.encoding}. Start Python with PYTHONUTF8=1 or in a locale such as C.UTF-8, or "
            "give another name."
        ) from None


def _fspath(path: object) -> str:
    fspath: Any = os.fspath
    try:
        text = fspath(path)
    except TypeError:
        text = None
    if isinstance(text, str):
        return text
    raise ArgumentTypeError(
        f"a path is a str or a pathlib.Path, such as 'weights.h5'; got {path!r} "
        f"({type(path).__name__})."
    )


def is_address(path: PathLike) -> bool:
    """Whether `path` lies in a store that fsspec reaches, not on a disk of this machine."""
    return "://" in text_of(path)


def open_store(address: PathLike) -> tuple[Any, str]:
    """The fsspec file system behind `address`, and what the address is called there.

    Raises MissingPackageError if a package is missing, ArgumentError if nobody knows the
    protocol, CheckpointError if the file system cannot be set up.
    """
    text = text_of(address)
    try:
        import fsspec  # pyright: ignore[reportMissingTypeStubs] - it has none
    except ImportError as error:
        raise MissingPackageError(
            f"{text!r} is an address, which fsspec reaches: pip install 'backbeat[remote]'"
            f"{_further(text)}."
        ) from error
    module: Any = fsspec
    protocol = re.split("::|://", text)[0]
    if protocol not in {*module.registry, *module.available_protocols()}:
        raise ArgumentError(
            f"{text!r} begins with {protocol}://, which fsspec does not know; known are, among "
            "others, s3, gs, az, sftp, hf and memory."
        )
    try:
        with reaching(text, "reached"):
            return module.core.url_to_fs(text)
    except ImportError as error:
        raise MissingPackageError(
            f"{text!r} needs a further package ({error}): pip install 'backbeat[remote]'"
            f"{_further(text)}."
        ) from error


@contextlib.contextmanager
def reaching(address: str, what: str = "written") -> Generator[None]:
    """Turn whatever a store raises into an error that says which address, why, and what to do."""
    try:
        yield
    except (CheckpointError, ImportError):
        raise
    except Exception as error:  # each store has errors of its own
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        reason = (reason or type(error).__name__).rstrip(".")[:300]
        taught = CheckpointError(f"{address} cannot be {what}: {reason}. {_advice(error)}")
        taught.errno = getattr(error, "errno", None)
        raise taught from error


def _advice(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "Is there such a bucket or directory?"
    if isinstance(error, PermissionError):
        return "Give another address, or ask for the permission."
    return "Can the store be reached from here, and are its credentials set as fsspec wants them?"


# What brings those protocols whose packages people most often miss.
_PACKAGES = {
    "s3fs": ("s3", "s3a"),
    "gcsfs": ("gs", "gcs"),
    "adlfs": ("az", "abfs", "abfss"),
    "ossfs": ("oss",),
    "huggingface_hub": ("hf",),
    "paramiko": ("sftp", "ssh"),
    "smbprotocol": ("smb",),
    "pyarrow": ("hdfs",),
    "aiohttp": ("http", "https"),
    "webdav4": ("webdav",),
}


def _further(address: str) -> str:
    """The package that the protocol of `address` needs besides, for an install line."""
    protocols = re.split("::|://", address)[:-1]
    needed = [name for name, served in _PACKAGES.items() if {*served} & {*protocols}]
    return "".join(f" {name}" for name in needed)
