"""Mould: what all HDF5 files of one tree of names and shapes have in common, made once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backbeat.checkpoints.blanks import Blanks, Marks
from backbeat.checkpoints.digests import Passing
from backbeat.checkpoints.outline import Outline

__all__ = ["Mould"]


class Mould:
    """An outline with marks instead of digests, filled with other digests and arrays each time.

    HDF5 takes a few hundred calls to describe a small model, and describes it the same way again.
    """

    def __init__(self, outline: Outline, marks: Marks) -> None:
        self._parts = [
            part if isinstance(part, int) else Blanks(part, marks) for part in outline.parts()
        ]

    def parts(self, arrays: Sequence[Passing]) -> Iterator[Blanks | Passing]:
        """The whole file, from beginning to end."""
        for part in self._parts:
            yield arrays[part] if isinstance(part, int) else part
