"""Retention: which of the files that a run wrote are kept, and which make room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backbeat.callbacks._improvement import is_better
from backbeat.hooks.host import Direction

__all__ = ["Retention"]

File = tuple[str, float | None]


class Retention:
    """Keeps the last `keep_last` files and the best `keep_best` ones; all of them if both are None.

    It knows only the files that it was told of, so that no others are ever named.

    >>> retention = Retention(keep_last=1, keep_best=1, direction="min")
    >>> [retention.add(name, value) for name, value in [("a", 0.1), ("b", 0.3), ("c", 0.2)]]
    [[], [], ['b']]
    """

    def __init__(
        self, *, keep_last: int | None, keep_best: int | None, direction: Direction
    ) -> None:
        self._keep_last = keep_last
        self._keep_best = keep_best
        self._direction: Direction = direction
        self._kept: dict[str, float | None] = {}

    def wants(self, value: float | None) -> bool:
        """Whether a file of that value would stay, were it written now."""
        if self._keep_best is None or self._keep_last is not None:
            return True
        if value is None:
            return False
        values = [held for held in self._kept.values() if held is not None]
        as_good = [held for held in values if not is_better(value, held, self._direction)]
        return len(as_good) < self._keep_best

    def plan(self, path: str, value: float | None) -> list[str]:
        """The files that make room once `path` is there, the oldest first."""
        if self._keep_last is None and self._keep_best is None:
            return []
        others = [(name, held) for name, held in self._kept.items() if name != path]
        stay = {path, *self._last([*others, (path, value)]), *self._best([*others, (path, value)])}
        return [name for name, _ in others if name not in stay]

    def add(self, path: str, value: float | None) -> list[str]:
        """`path` is there: what `plan` named is forgotten, and returned."""
        gone = self.plan(path, value)
        self._kept = {name: held for name, held in self._kept.items() if name not in (path, *gone)}
        self._kept[path] = value
        return gone

    def _last(self, files: Sequence[File]) -> list[str]:
        return [name for name, _ in files[-self._keep_last :]] if self._keep_last else []

    def _best(self, files: Sequence[File]) -> list[str]:
        judged = [(value, name) for name, value in files if value is not None]
        judged.sort(key=lambda pair: pair[0], reverse=self._direction == "max")
        return [name for _, name in judged[: self._keep_best]] if self._keep_best else []

    def state(self) -> list[list[Any]]:
        """The files that are kept, the oldest first, each with its value."""
        return [[name, value] for name, value in self._kept.items()]

    def load_state(self, state: Sequence[Sequence[Any]]) -> None:
        """Go on with the files of an earlier part of the run."""
        self._kept = dict[str, float | None]((name, value) for name, value in state)
