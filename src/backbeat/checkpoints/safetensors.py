"""`.safetensors` files: weights by name, each with its digest, read without running code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors import deserialize as _deserialize  # pyright: ignore[reportUnknownVariableType] - it has no types

from backbeat.checkpoints import background, digests
from backbeat.checkpoints.checkpoint import Array, RawTensor, SavedTensors
from backbeat.checkpoints.pieces import gathered
from backbeat.checkpoints.reading import corrupt, existing_file
from backbeat.errors import ArgumentError, CheckpointError
from backbeat.files import PathLike, make_parents, whole

__all__ = ["file_parts", "parse", "read_tensors", "write_tensors"]

_DIGESTS = "backbeat.sha256"
_METADATA = "__metadata__"

_CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
_NAMES = {code: name for name, code in _CODES.items()}


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
    parts = file_parts(raw, {**texts, _DIGESTS: json.dumps(_digests(raw, texts))})
    background.wait_for(path)
    make_parents(path)
    with whole(path) as file:
        for part in gathered(parts):
            file.write(part)


def file_parts(
    tensors: Mapping[str, RawTensor], metadata: Mapping[str, str] | None = None
) -> list[bytes | bytearray | memoryview]:
    """The pieces that make up a file of `tensors` in their order, the header first.

    Raises ArgumentError for a type that the format does not have.
    """
    # Wide types first, so that each tensor begins where its type may begin in memory.
    order = sorted(tensors, key=lambda name: (-_width(tensors[name]), name))
    header = _header({name: tensors[name] for name in order}, metadata or {})
    begin = len(header).to_bytes(8, "little") + header
    return [begin, *(tensors[name].data for name in order)]


def _width(tensor: RawTensor) -> int:
    """The bytes of one element, as far as they can be told."""
    digits = "".join(letter for letter in tensor.dtype.split("_")[0] if letter.isdigit())
    return int(digits or 8)


def _header(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> bytes:
    """The JSON at the start of the file, filled up to a multiple of 8 bytes."""
    header: dict[str, Any] = {_METADATA: {"format": "pt", **metadata}}
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
    return text + b" " * (-len(text) % 8)


def _code(name: str, tensor: RawTensor) -> str:
    """The format's name of a tensor's type."""
    if tensor.dtype not in _CODES:
        raise ArgumentError(
            f"{name!r} is {tensor.dtype}, which safetensors cannot hold; it can hold "
            f"{', '.join(_CODES)}."
        )
    return _CODES[tensor.dtype]


def _digests(tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """The digest of every tensor by its name, and of every text by `@name`."""
    found = {name: digests.of_tensor(tensor) for name, tensor in tensors.items()}
    return found | {f"@{name}": digests.of_text(text) for name, text in metadata.items()}


def read_tensors(path: PathLike) -> SavedTensors:
    """Read a `.safetensors` file; one that backbeat wrote is verified, any other is not.

    Raises CheckpointError if there is no such file, CheckpointCorruptError if it cannot be
    understood or differs from what was written.
    """
    target = existing_file(path)
    try:
        tensors, metadata = parse(target.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{target} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise corrupt(target, "safetensors", error) from error
    return _verified(target, tensors, metadata)


def parse(data: bytes) -> tuple[dict[str, RawTensor], dict[str, str]]:
    """The tensors and texts in the bytes of a file; digests in them are not looked at.

    Raises ValueError if they make no such file.
    """
    try:
        found = dict(cast(Any, _deserialize)(data))
        metadata = _metadata(data)
        return {str(name): _tensor(part) for name, part in found.items()}, metadata
    except (SafetensorError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _tensor(part: Any) -> RawTensor:
    """A tensor as the package hands it over."""
    if part["dtype"] not in _NAMES:
        raise ValueError(f"it has values of the unknown type {part['dtype']}")
    return RawTensor(_NAMES[part["dtype"]], tuple(part["shape"]), part["data"])


def _metadata(data: bytes) -> dict[str, str]:
    """The texts in the header, which the package checks and then keeps to itself."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size], object_pairs_hook=_without_twins)
    texts = cast(dict[Any, Any], header.get(_METADATA) or {})
    return {str(name): str(text) for name, text in texts.items()}


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; two equal names in one could mean either."""
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name is there twice")
    return unique


def _verified(path: Path, tensors: dict[str, RawTensor], metadata: dict[str, str]) -> SavedTensors:
    """The contents, after checking them against the digests if there are any."""
    text = metadata.pop(_DIGESTS, None)
    if text is None:
        return SavedTensors(path, tensors, metadata)
    metadata.pop("format", None)
    try:
        promised = {str(name): str(digest) for name, digest in json.loads(text).items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise corrupt(path, "safetensors", f"its digests are damaged: {error}") from error
    digests.verify(path, _digests(tensors, metadata), promised)
    return SavedTensors(path, tensors, metadata, verified=True)
