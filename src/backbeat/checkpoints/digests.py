"""Digests: what was written is what is read, or it is said what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from backbeat.checkpoints.checkpoint import Array, RawTensor
from backbeat.checkpoints.pieces import Buffer, pieces, sliced
from backbeat.errors import CheckpointCorruptError

__all__ = ["Passing", "of", "of_text", "verify"]


class Passing:
    """The bytes of an array or tensor on their way somewhere, digested as they pass by.

    The dtype and the shape are part of the digest: the same bytes in another shape are other
    weights.

    >>> import numpy as np
    >>> passing = Passing(np.ones(2))
    >>> sum(len(piece) for piece in passing)
    16
    >>> passing.digest == of(np.ones(2))
    True
    """

    def __init__(self, content: RawTensor | Array) -> None:
        is_raw = isinstance(content, RawTensor)
        dtype = content.dtype if is_raw else content.dtype.name
        self._sha256 = hashlib.sha256(f"{dtype} {list(content.shape)}\n".encode())
        self._pieces = sliced(content.data) if is_raw else pieces(content)

    def __iter__(self) -> Iterator[Buffer]:
        for piece in self._pieces:
            self._sha256.update(piece)  # releases the interpreter while it works
            yield piece

    @property
    def digest(self) -> str:
        """SHA-256 as 64 hexadecimal digits, once all has passed."""
        return self._sha256.hexdigest()


def of(content: RawTensor | Array) -> str:
    """The digest of a tensor, or of an array, however that lies in memory."""
    passing = Passing(content)
    for _ in passing:
        pass
    return passing.digest


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
