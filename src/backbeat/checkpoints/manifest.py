"""Manifest: what a generation consists of, with a digest of every file, written last."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backbeat import files
from backbeat.checkpoints.strict_json import from_json, to_json
from backbeat.errors import CheckpointCorruptError, CheckpointError

__all__ = ["MANIFEST", "FileDigest", "Manifest", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"
_KIND = "backbeat generation"
_FORMAT = 1
_LARGEST = 1 << 20


@dataclass(frozen=True)
class FileDigest:
    """The size in bytes of a file, and its SHA-256 as 64 hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One generation: its number, counted from 1, and its files by name."""

    number: int
    is_finite: bool
    """Whether all weights were finite numbers."""
    files: Mapping[str, FileDigest]


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `manifest` into `directory`, with a digest of itself."""
    content = {"kind": _KIND, "format": _FORMAT, **asdict(manifest)}
    with files.whole(directory / MANIFEST) as file:
        file.write(to_json({**content, "sha256": _digest(content)}))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of the generation in `directory`.

    Raises CheckpointCorruptError if it is not what was written, CheckpointError if it was written
    by a newer backbeat or cannot be read.
    """
    path = directory / MANIFEST
    data = files.read_inside(directory, MANIFEST, at_most=_LARGEST)
    try:
        content: dict[str, Any] = from_json(data)
        promised = content.pop("sha256")
        if promised != _digest(content) or data != to_json({**content, "sha256": promised}):
            raise ValueError("its own SHA-256 differs")
        if content["kind"] != _KIND:
            raise ValueError("it is that of something else")
        if content["format"] > _FORMAT:
            raise CheckpointError(_too_new(directory, content["format"]))
        digests = {name: FileDigest(**each) for name, each in content["files"].items()}
        manifest = Manifest(content["number"], content["is_finite"], digests)
        if not _is_plausible(manifest):
            raise ValueError("it says what no manifest says")
        return manifest
    except CheckpointError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointCorruptError(f"{path} is damaged: {str(error)[:200]}.") from error


def _is_plausible(manifest: Manifest) -> bool:
    """Whether everything in it is of the kind that is written, whoever wrote it."""
    numbers = [manifest.number, *(each.size for each in manifest.files.values())]
    texts = [*manifest.files, *(each.sha256 for each in manifest.files.values())]
    return (
        all(type(number) is int and number >= 0 for number in numbers)
        and all(type(text) is str for text in texts)
        and type(manifest.is_finite) is bool
    )


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(to_json(content)).hexdigest()


def _too_new(directory: Path, number: int) -> str:
    return (
        f"{directory} was written by a newer backbeat: its format is {number}, this version reads "
        f"up to {_FORMAT}. Upgrade with pip install -U backbeat, or give another directory."
    )
