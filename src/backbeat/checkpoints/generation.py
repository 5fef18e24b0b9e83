"""Generation: one saved state of a run as a directory, verified whenever it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backbeat import files
from backbeat.checkpoints.checkpoint import RawTensor
from backbeat.checkpoints.manifest import (
    MANIFEST,
    FileDigest,
    Manifest,
    read_manifest,
    write_manifest,
)
from backbeat.checkpoints.pieces import gathered, sliced
from backbeat.checkpoints.plain import pack, unpack
from backbeat.checkpoints.safetensors import file_parts, parse
from backbeat.checkpoints.strict_json import from_json, to_json
from backbeat.errors import CheckpointCorruptError

__all__ = ["FILES", "Contents", "Generation", "manifest_of", "read_state", "write_generation"]

_STATE = "state.json"
_TENSORS = "tensors.safetensors"
# What it comes to if the files were made by somebody else, however well they fit together.
_NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
FILES = frozenset({MANIFEST, _STATE, _TENSORS})
"""The names of the files that make up a generation."""


@dataclass(frozen=True)
class Generation:
    """One saved state, verified."""

    number: int
    path: Path
    state: dict[str, Any]
    is_finite: bool


@dataclass(frozen=True)
class Contents:
    """A state as it goes into the files; shares the memory of its arrays and tensors."""

    packed: dict[str, Any]
    tensors: dict[str, RawTensor]
    is_finite: bool

    @property
    def size(self) -> int:
        """Bytes, but for the tensors' names and shapes."""
        held = sum(memoryview(tensor.data).nbytes for tensor in self.tensors.values())
        return held + len(to_json(self.packed))

    @classmethod
    def of(cls, state: Mapping[str, Any], *, is_finite: bool = True) -> Contents:
        """`state` is plain data, as `plain.pack` takes it.

        Raises ArgumentTypeError, naming the key, for anything else in it.
        """
        tensors: dict[str, RawTensor] = {}
        packed = {name: pack(part, name, tensors) for name, part in state.items()}
        return cls(packed, tensors, is_finite)


def write_generation(path: Path, number: int, contents: Contents) -> None:
    """Write `contents` to the directory `path`, durably, whole or not at all.

    Raises CheckpointError if it cannot be written.
    """
    with files.whole_directory(path) as new:
        digests = {
            _TENSORS: _write(new / _TENSORS, gathered(file_parts(contents.tensors))),
            _STATE: _write(new / _STATE, [to_json(contents.packed)]),
        }
        write_manifest(new, Manifest(number, contents.is_finite, digests))


def manifest_of(path: Path, number: int) -> Manifest:
    """The manifest of the generation `number` at `path`.

    Raises CheckpointCorruptError if it is damaged, or that of another one.
    """
    manifest = read_manifest(path)
    if manifest.number != number or set(manifest.files) != {_STATE, _TENSORS}:
        raise CheckpointCorruptError(f"{path / MANIFEST} is that of another generation.")
    return manifest


def read_state(path: Path, manifest: Manifest) -> dict[str, Any]:
    """The state in the generation at `path`, which is what was written.

    Raises CheckpointCorruptError if it is not, or cannot be understood.
    """
    read = {name: _read(path, name, promised) for name, promised in manifest.files.items()}
    try:
        tensors, _ = parse(read[_TENSORS])
        packed: dict[str, Any] = from_json(read[_STATE])
        return {name: unpack(part, tensors) for name, part in packed.items()}
    except _NONSENSE as error:
        raise CheckpointCorruptError(
            f"{path / _STATE} cannot be understood: {str(error)[:200]}."
        ) from error


def _write(path: Path, parts: Iterable[Any]) -> FileDigest:
    """Write `parts` one after the other; returns what was written."""
    size, digest = 0, hashlib.sha256()
    with files.whole(path) as file:
        for piece in (piece for part in parts for piece in sliced(part)):
            digest.update(piece)
            file.write(piece)
            size += len(piece)
    return FileDigest(size, digest.hexdigest())


def _read(directory: Path, name: str, promised: FileDigest) -> bytes:
    """The bytes of a file, which are those that were written."""
    data = files.read_inside(directory, name, at_most=promised.size)
    if len(data) != promised.size:
        raise CheckpointCorruptError(
            f"{directory / name} has {len(data)} bytes; {promised.size} were written."
        )
    if hashlib.sha256(data).hexdigest() != promised.sha256:
        raise CheckpointCorruptError(
            f"{directory / name} is not what was written (its SHA-256 differs)."
        )
    return data
