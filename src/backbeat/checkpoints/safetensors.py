"""`.safetensors` files: weights by name, each with its digest, read without running code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from backbeat.checkpoints import background, digests
from backbeat.checkpoints.blanks import Blanks, Marks, write_and_fill
from backbeat.checkpoints.checkpoint import Array, RawTensor, SavedTensors
from backbeat.checkpoints.reading import corrupt, local_file
from backbeat.checkpoints.tensor_header import (
    CODES,
    LARGEST_HEADER,
    METADATA,
    Place,
    read_header,
)
from backbeat.errors import ArgumentError, BackbeatError, CheckpointError
from backbeat.files import PathLike, make_parents, place_of, whole

__all__ = ["file_parts", "parse", "read_tensors", "write_tensors"]

_DIGESTS = "backbeat.sha256"
_FORMAT = "backbeat.format"
_VERSION = "1"


def write_tensors(
    path: PathLike,
    tensors: Mapping[str, RawTensor | Array],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `tensors` and texts about them, whole or not at all, with a digest of each.

    Missing directories are created.

    Raises CheckpointError if the file cannot be written, ArgumentError for a type that the format
    does not have.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_tensors(f"{folder}/a.safetensors", {"weight": np.ones(2)})
    ...     read_tensors(f"{folder}/a.safetensors").tensors["weight"].array()
    array([1., 1.])
    """
    raw = {
        name: tensor if isinstance(tensor, RawTensor) else RawTensor.of(tensor)
        for name, tensor in tensors.items()
    }
    texts = metadata or {}
    passing = {name: digests.Passing(raw[name]) for name in _in_order(raw)}
    known = {name: passing[name] for name in raw} | _text_digests(texts)
    marks = Marks(len(known))
    ours = {_DIGESTS: json.dumps(dict(zip(known, marks.texts, strict=True))), _FORMAT: _VERSION}
    header, *_ = file_parts(raw, {**texts, **ours})
    background.wait_for(path)
    make_parents(path)
    with whole(path) as file:
        write_and_fill(file, [Blanks(header, marks), *passing.values()], [*known.values()])


def file_parts(
    tensors: Mapping[str, RawTensor], metadata: Mapping[str, str] | None = None
) -> list[bytes | bytearray | memoryview]:
    """The pieces that make up a file of `tensors` in their order, the header first.

    Raises ArgumentError for a type that the format does not have.
    """
    ordered = _in_order(tensors)
    header = _header(ordered, metadata or {})
    begin = len(header).to_bytes(8, "little") + header
    return [begin, *(tensor.data for tensor in ordered.values())]


def _in_order(tensors: Mapping[str, RawTensor]) -> dict[str, RawTensor]:
    """Wide types first, so that each tensor begins where its type may begin in memory."""
    order = sorted(tensors, key=lambda name: (-_width(tensors[name]), name))
    return {name: tensors[name] for name in order}


def _width(tensor: RawTensor) -> int:
    """The bytes of one element, as far as they can be told."""
    digits = "".join(letter for letter in tensor.dtype.split("_")[0] if letter.isdigit())
    return int(digits or 8)


def _header(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> bytes:
    """The JSON at the start of the file, filled up to a multiple of 8 bytes."""
    header: dict[str, Any] = {METADATA: {"format": "pt", **metadata}}
    begin = 0
    for name, tensor in tensors.items():
        end = begin + len(tensor.data)
        header[name] = {
            "dtype": _code(name, tensor),
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) > LARGEST_HEADER - 8:
        raise ArgumentError(
            f"{len(tensors)} tensors and the texts about them need a header of {len(text)} bytes; "
            f"safetensors allows {LARGEST_HEADER}. Spread them over several files."
        )
    return text + b" " * (-len(text) % 8)


def _code(name: str, tensor: RawTensor) -> str:
    """The format's name of a tensor's type."""
    if tensor.dtype not in CODES:
        raise ArgumentError(
            f"{name!r} is {tensor.dtype}, which safetensors cannot hold; it can hold "
            f"{', '.join(CODES)}."
        )
    return CODES[tensor.dtype]


def _digests(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """The digest of every tensor by its name, and of every text by `@name`."""
    found = {name: digests.of(tensor) for name, tensor in tensors.items()}
    return found | _text_digests(metadata)


def _text_digests(metadata: Mapping[str, str]) -> dict[str, str]:
    return {f"@{name}": digests.of_text(text) for name, text in metadata.items()}


Check = Callable[[Mapping[str, Place]], None]


def read_tensors(path: PathLike, *, check: Check | None = None) -> SavedTensors:
    """Read a `.safetensors` file; one that backbeat wrote is verified, any other is not.

    `check` is told what the file says that it holds, before memory is taken for it, and may raise.

    Raises CheckpointError if there is no such file, CheckpointCorruptError if it cannot be
    understood or differs from what was written.
    """
    with local_file(path) as target:
        try:
            with target.open("rb") as file:
                tensors, metadata = _read(file, target.stat().st_size, check)
        except BackbeatError:
            raise
        except OSError as error:
            raise CheckpointError(f"{target} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise corrupt(target, "safetensors", error) from error
        saved = _verified(target, tensors, metadata)
    return replace(saved, path=place_of(path))


def parse(data: bytes) -> tuple[dict[str, RawTensor], dict[str, str]]:
    """The tensors and texts in the bytes of a file; digests in them are not looked at.

    Raises ValueError if they make no such file.
    """
    return _read(BytesIO(data), len(data), None)


def _read(
    file: BinaryIO, size: int, check: Check | None
) -> tuple[dict[str, RawTensor], dict[str, str]]:
    """The tensors and texts in an open file of `size` bytes."""
    header = read_header(file, size)
    if check is not None:
        check(header.tensors)
    # Every byte once: the tensors are views of it.
    data = memoryview(bytearray(header.data_bytes))
    if file.readinto(data) < len(data):  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - every binary file has it
        raise ValueError("it became shorter while it was read")
    tensors = {
        name: RawTensor(place.dtype, place.shape, data[place.begin : place.end])
        for name, place in header.tensors.items()
    }
    return tensors, header.metadata


def _verified(path: Path, tensors: dict[str, RawTensor], metadata: dict[str, str]) -> SavedTensors:
    """The contents, after checking them against the digests if there are any."""
    text, version = metadata.pop(_DIGESTS, None), metadata.pop(_FORMAT, None)
    if text is None and version is None:
        return SavedTensors(path, tensors, metadata)
    if text is None or version is None:
        # Each says that the other was written too: one of them was damaged.
        raise corrupt(path, "safetensors", "its digests, or their version, are missing")
    if version != _VERSION:
        raise CheckpointError(
            f"{path} has format {version[:20]!r}, this backbeat reads {_VERSION!r}: it was written "
            "by a later version. Update backbeat."
        )
    metadata.pop("format", None)
    try:
        promised = {str(name): str(digest) for name, digest in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise corrupt(path, "safetensors", f"its digests are damaged: {error}") from error
    digests.verify(path, _digests(tensors, metadata), promised)
    return SavedTensors(path, tensors, metadata, verified=True)
