"""Digests: what was written is what is read, or it is said what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from backbeat.checkpoints.checkpoint import Array, RawTensor
from backbeat.checkpoints.pieces import Buffer, pieces
from backbeat.errors import CheckpointCorruptError

__all__ = ["of_array", "of_tensor", "of_text", "verify"]


def of_tensor(tensor: RawTensor) -> str:
    """SHA-256 over dtype, shape and bytes, as 64 hexadecimal digits.

    The shape is part of it: the same bytes in another shape are other weights.
    """
    return _digest(tensor.dtype, tensor.shape, [tensor.data])


def of_array(array: Array) -> str:
    """The digest of `RawTensor.of(array)`, however `array` lies in memory."""
    return _digest(array.dtype.name, array.shape, pieces(array))


def _digest(dtype: str, shape: tuple[int, ...], data: Iterable[Buffer]) -> str:
    digest = hashlib.sha256(f"{dtype} {list(shape)}\n".encode())
    for piece in data:
        digest.update(piece)  # releases the interpreter while it works
    return digest.hexdigest()


def of_text(text: str | Sequence[str]) -> str:
    """SHA-256 over a text, or over a list of texts in its order."""
    parts = [text] if isinstance(text, str) else ["list", *text]
    # The lengths keep ["ab", "c"] apart from ["a", "bc"].
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(part), part) for part in encoded)).hexdigest()


def verify(path: Path, found: Mapping[str, str], promised: Mapping[str, str]) -> None:
    """Compare the digests of what was read with those that were written.

    Raises CheckpointCorruptError naming the file and the first difference.
    """
    for name in sorted(found.keys() | promised.keys()):
        if found.get(name) != promised.get(name):
            raise CheckpointCorruptError(
                f"{path} is damaged: {_difference(name, found, promised)} Load an earlier "
                "checkpoint, or fetch the file again from where it was copied."
            )


def _difference(name: str, found: Mapping[str, str], promised: Mapping[str, str]) -> str:
    """What is wrong with `name`."""
    if name not in found:
        return f"{name!r} is missing."
    if name not in promised:
        return f"{name!r} was not there when the file was written."
    return f"{name!r} is not what was written (its SHA-256 differs)."
