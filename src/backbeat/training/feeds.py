"""Feeds: what a run iterates over, so that a resumed one goes on midway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backbeat.data import ArraySource, Randomness, StreamSource, feed_of

__all__ = ["Feed", "Feeds"]

Feed = ArraySource | StreamSource


@dataclass(eq=False)
class _Met:
    """One thing that the epoch iterates over."""

    data: Any
    feed: Feed
    done: int = 0
    """The batches of the last iteration over it, once that is over."""


class Feeds:
    """The things that an epoch iterates over, each once, in the order in which they are met.

    What is met again in the next epoch keeps its place in the data. In a run in which nobody
    `watches` nothing needs to be known.
    """

    def __init__(self, randomness: Randomness, *, watches: bool) -> None:
        self._randomness, self._watches = randomness, watches
        self._met: list[_Met] = []
        self._before: list[_Met] = []
        self._now: _Met | None = None
        self._ahead: Sequence[Any] = ()
        self._due: Sequence[Any] = ()

    def begin_epoch(self) -> None:
        """From here on things are met anew."""
        self._before, self._met = self._met, []
        self._ahead, self._due = self._due, ()

    def go_on(self, positions: Sequence[Any]) -> None:
        """Let the things that the next epoch meets go on from there, one after the other."""
        self._due = positions

    def of(self, data: Any, *, done: int = 0) -> Feed:
        """What tells the position in `data`: a source itself, else something around it.

        `done` are the batches of the iteration before this one.
        """
        if self._now is not None:
            self._now.done = done
        self._now = next((each for each in self._met if each.data is data), None)
        if self._now is None:
            self._now = self._meet(data)
        return self._now.feed

    def _meet(self, data: Any) -> _Met:
        known = next((each for each in self._before if each.data is data), None)
        met = _Met(data, self._feed(data)) if known is None else known
        place = len(self._met)
        self._met.append(met)
        if place < len(self._ahead):
            # Opening the data midway may need the random numbers of then.
            now = self._randomness.state()
            met.feed.resume(self._ahead[place])
            self._randomness.restore(now)
        return met

    def _feed(self, data: Any) -> Feed:
        feed = data if isinstance(data, (StreamSource, ArraySource)) else feed_of(data)
        if self._watches:
            feed.watch(self._randomness)
        return feed

    def positions(self, done: int, *, over: bool) -> list[Any]:
        """Where all of them stand: the last one after `done` batches, and `over` or not."""
        # What this epoch has not met yet is expected in the order of the one before.
        rest = [each for each in self._before[len(self._met) :] if each not in self._met]
        return [
            each.feed.position(done, over=over)
            if each is self._now
            else each.feed.position(each.done, over=True)
            for each in [*self._met, *rest]
        ]

    def random_before(self, done: int) -> dict[str, Any] | None:
        """The random numbers before the fetch that failed, as far as the present one knows."""
        return None if self._now is None else self._now.feed.random_before(done)

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact."""
        return self._met[0].feed.describe() if self._met else {}

    def doubts(self) -> list[str]:
        """Why a resumed run may not be exact, each as a few words."""
        return [doubt for each in self._met for doubt in each.feed.doubts()]
