"""Lookout: where the random numbers stood before the data were asked for their last batch."""

from __future__ import annotations

from typing import Any

from backbeat.data.randomness import Randomness
from backbeat.tensors import same_trees

__all__ = ["Lookout"]

_FETCHES_BETWEEN_LOOKS = 64


class Lookout:
    """To be told before every fetch; if that fails, `state` is what a restart goes on from.

    To note all generators costs more than many a fetch. So only those that were seen to move are
    noted each time; the others are looked at around the first fetch of an epoch, and now and then.
    """

    def __init__(self, randomness: Randomness) -> None:
        self._readers = randomness.readers
        self._moving: set[str] = set()
        self._just_seen: set[str] = set()
        self._seen: dict[str, Any] = {}
        self._fetches = 0

    def begin_epoch(self) -> None:
        """The first fetch of an epoch comes next: it may draw the order of a whole pass."""
        self._fetches = 0
        self.look()

    def look(self) -> None:
        """A fetch comes next."""
        fetches, self._fetches = self._fetches, self._fetches + 1
        if fetches <= 1 or not fetches % _FETCHES_BETWEEN_LOOKS:
            self._look_at_all()
        else:
            for name in self._moving:
                self._seen[name] = self._readers[name]()
            self._just_seen = self._moving

    def _look_at_all(self) -> None:
        for name, read in self._readers.items():
            state = read()
            if name in self._seen and not same_trees(self._seen[name], state):
                self._moving.add(name)
            self._seen[name] = state
        self._just_seen = set(self._readers)

    def state(self) -> dict[str, Any] | None:
        """Where all stood before the last fetch; None if one moved that had never moved before."""
        others = (name for name in self._readers if name not in self._just_seen)
        if not all(same_trees(self._seen[name], self._readers[name]()) for name in others):
            return None
        return dict(self._seen)
