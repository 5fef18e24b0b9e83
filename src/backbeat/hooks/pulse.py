"""Pulse: rings the two moments of a training batch, and times 1 batch in 64."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from backbeat.hooks.bell import Bell
from backbeat.hooks.cost import Cost, next_sampled
from backbeat.warning import warn

__all__ = ["Pulse"]

# A hook is called slow when, on average, it takes this long and this share of a batch.
_SLOW_SECONDS = 0.01
_SLOW_SHARE = 0.5


class Pulse:
    """The begin and the end of every training batch."""

    __slots__ = ("_began", "_begin", "_due", "_end", "_named", "_seconds", "_timed", "_timing")

    def __init__(self, begin: Bell, end: Bell) -> None:
        self._begin = begin
        self._end = end
        self._timing = False
        self._due = 0
        """The next batch that is timed."""
        self._began = 0.0
        self._seconds = 0.0
        self._timed = 0
        self._named: set[tuple[str, str]] = set()

    def begin(self, batch: int, logs: Any) -> None:
        """Ring the beginning of `batch`."""
        if self._begin.rings < self._due:
            self._timing = False
            self._begin.ring_batch(batch, logs)
            return
        self._timing, self._due = True, next_sampled(self._begin.rings + 1)
        self._began = perf_counter()
        self._begin.ring(batch, logs)

    def end(self, batch: int, logs: Any) -> None:
        """Ring the end of `batch`."""
        if not self._timing:
            self._end.ring_batch(batch, logs)
            return
        self._end.ring(batch, logs)
        self._seconds += perf_counter() - self._began
        self._timed += 1

    def warn_of_slow(self) -> None:
        """Name, once, each hook that takes most of the time of a batch."""
        if not self._timed:
            return
        batch_seconds = self._seconds / self._timed
        for cost in (*self._begin.costs(), *self._end.costs()):
            if self._is_slow(cost, batch_seconds):
                self._named.add((cost.callback, cost.hook))
                warn(
                    f"{cost.callback}.{cost.hook} takes {cost.mean_seconds:.3f} s, "
                    f"{cost.mean_seconds / batch_seconds:.0%} of a batch ({batch_seconds:.3f} s)."
                )

    def _is_slow(self, cost: Cost, batch_seconds: float) -> bool:
        if cost.is_expected or (cost.callback, cost.hook) in self._named:
            return False
        slow = cost.usual_seconds > _SLOW_SECONDS
        return slow and cost.usual_seconds > _SLOW_SHARE * batch_seconds
