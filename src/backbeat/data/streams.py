"""StreamSource: batches that somebody else makes, pass after pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from backbeat.data.batches import Batch
from backbeat.data.lookout import Lookout
from backbeat.data.randomness import Randomness
from backbeat.errors import DataError
from backbeat.warning import warn

__all__ = ["StreamSource"]


class StreamSource:
    """The base of all sources whose batches come ready-made.

    A subclass says how a pass is opened, and whether a second one is possible. Without `steps` an
    epoch is one pass. With `steps` it is that many batches: in training the next epoch goes on
    where this one stopped, otherwise every epoch opens a new pass, where that is possible.
    Nothing is ever taken from the data before it is wanted, so endless data are fine.
    """

    batch_size: int | None = None
    restartable = True
    lasting = False

    def __init__(
        self, label: str, unpack: Callable[[Any], Batch], steps: int | None, training: bool
    ) -> None:
        self._label, self._unpack, self._limit = label, unpack, steps
        self._endless = self._passes() if steps is not None and training else None
        self._begun: Iterator[Any] | None = None
        self._came_before = 0
        self._warned = False
        self._last_epoch = 0
        self.exhausted = False
        self._randomness: Randomness | None = None
        self._lookout: Lookout | None = None
        self._mark: dict[str, Any] | None = None
        self._before_pass = 0
        self._skipped = 0
        self._pass_ended = False

    @property
    def samples(self) -> int | None:
        """Not known: nobody can tell before the batches came."""
        return None

    @property
    def steps(self) -> int | None:
        """The number of batches in an epoch, if it is known."""
        return self._limit

    def open(self) -> Iterator[Any]:
        """One pass over the batches as they come."""
        raise NotImplementedError

    def open_at(self, skip: int) -> Iterator[Any]:
        """A pass without its first `skip` batches, which are made once more and thrown away."""
        stream = self.open()
        for _ in islice(stream, skip):
            pass
        return stream

    def batches(self) -> Iterator[Batch]:
        """The batches of the next epoch.

        Raises:
            DataError: not a single batch ever came.
        """
        for batch in self.raw():
            yield self._unpack(batch)
        if self._limit is None or self._last_epoch < self._limit:
            self._ran_out()

    def __iter__(self) -> Iterator[Batch]:
        """The same as `batches`."""
        return self.batches()

    def raw(self) -> Iterator[Any]:
        """The batches of the next epoch as they come."""
        self._came_before += self._last_epoch
        self._last_epoch, self._skipped = self._skipped, 0
        lookout = self._lookout
        if lookout is not None:
            lookout.begin_epoch()
        stream, self._pass_ended = self._stream(), False
        for batch in islice(stream, self._limit and self._limit - self._last_epoch):
            self._last_epoch += 1
            yield batch
            if lookout is not None:
                lookout.look()
        self._pass_ended = self._limit is None

    def peek(self) -> Batch:
        """The batch that `batches` will give first; it is kept for then.

        Raises:
            DataError: there is none.
        """
        stream = self._stream()
        for first in stream:
            self._begun = chain((first,), stream)
            return self._unpack(first)
        self._ran_out()
        raise AssertionError("unreachable: no batch at all is an error")

    def _stream(self) -> Iterator[Any]:
        """The batches as they come: those begun by `peek`, the endless ones, or a new pass."""
        begun, self._begun = self._begun, None
        if begun is not None:
            return begun
        return self._opened() if self._endless is None else self._endless

    def _opened(self) -> Iterator[Any]:
        """A new pass; notes where the random numbers stand, so that it can be opened again."""
        # What cannot be begun again is one pass, however often it is gone on with.
        if self.restartable:
            self._before_pass = self._came_before + self._last_epoch
        if self._randomness is not None and (self.restartable or self._mark is None):
            self._mark = self._randomness.state()
        return self.open()

    # Going on where an earlier process was killed

    def watch(self, randomness: Randomness) -> None:
        """To be called before the first epoch of a run that `position` will be asked of."""
        self._randomness, self._lookout = randomness, Lookout(randomness)

    def random_before(self, done: int) -> dict[str, Any] | None:
        """The random numbers as they were before the fetch that failed after `done` batches.

        None if nobody knows.
        """
        return None if self._lookout is None else self._lookout.state()

    def position(self, done: int, *, over: bool) -> dict[str, Any]:
        """Where it stands after `done` batches of the epoch, which is `over` or goes on."""
        taken = self._came_before + done
        ends_here = over and self._endless is None and (self.restartable or self._pass_ended)
        in_pass = 0 if ends_here else taken - self._before_pass
        return {
            "before": taken if over else self._came_before,
            "done": 0 if over else done,
            "in_pass": in_pass,
            "ended": bool(in_pass) and self._pass_ended,
            "mark": self._mark if in_pass else None,
            "exhausted": self.exhausted,
        }

    def resume(self, position: Mapping[str, Any]) -> None:
        """Let `batches` go on from there; may change the state of the random generators."""
        self._came_before, self._skipped = position["before"], position["done"]
        self.exhausted, self._last_epoch = position["exhausted"], 0
        in_pass, self._mark = position["in_pass"], position["mark"]
        if not in_pass:
            self._begin_anew()
            return
        self._before_pass = self._came_before + self._skipped - in_pass
        # One more than there are: some draw random numbers when they come to their end.
        skip = in_pass + position["ended"]
        if self._mark is not None and self._randomness is not None:
            self._randomness.restore(self._mark)
        if self._mark is None or not self.restartable:
            # What `peek` began, or what cannot be begun again.
            self._begun = self._stream()
            for _ in islice(self._begun, skip):
                pass
        elif self._endless is None:
            self._begun = self.open_at(skip)
        else:
            self._begun, self._endless = None, chain(self.open_at(skip), self._passes())

    def _begin_anew(self) -> None:
        """Forget a pass that was begun to look at its first batch: the next one is opened later."""
        if self.restartable:
            self._begun = None
            self._endless = self._endless and self._passes()

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact."""
        return {
            "the data": self._label,
            "the batch size": self.batch_size,
            "the number of samples": self.samples,
            "the number of steps": self.steps,
        }

    def doubts(self) -> list[str]:
        """Why a resumed run may not be exact, each as a few words."""
        return []

    def epoch_ended(self) -> None:
        """Nothing, unless the data listen."""

    def warn_ended(self) -> None:
        """Say once that more batches were wanted than came."""
        if self._warned:
            return
        self._warned = True
        wanted = "" if self._limit is None else f" of the {self._limit} wanted"
        warn(
            f"The {self._label} ended: {self._last_epoch}{wanted} batches came in the last epoch, "
            f"{self._came_before + self._last_epoch} in all. {self._advice()}"
        )

    def _ran_out(self) -> None:
        """Fewer batches than wanted, or the end of a pass of unknown length."""
        if not self._came_before + self._last_epoch:
            raise DataError(
                f"The {self._label} gave no batch at all. An epoch needs at least one; if it was "
                f"iterated over before, make a new one."
            )
        # An endless chain of passes stops only when a pass is empty.
        for_good = not self.restartable or self._endless is not None
        self.exhausted = for_good or not self._last_epoch
        if self._limit is not None or not self._last_epoch:
            self.warn_ended()

    def _advice(self) -> str:
        if self.restartable:
            return "Ask for fewer steps, or give more data."
        return (
            "It can be used only once: ask for fewer steps or epochs, or give a DataLoader or any "
            "other object that can be iterated over again."
        )

    def _passes(self) -> Iterator[Any]:
        """One pass after the other, as long as batches come."""
        came = True
        while came:
            came = False
            for batch in self._opened():
                came = True
                yield batch
            came = came and self.restartable
