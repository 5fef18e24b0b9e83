"""ArraySource: batches out of arrays that are in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any, Literal

import torch

from backbeat.data.batches import Batch
from backbeat.data.columns import columns, cut, head
from backbeat.data.place import Place
from backbeat.data.randomness import Randomness
from backbeat.warning import warn

__all__ = ["ArraySource", "Shuffle"]

Shuffle = bool | Literal["batch"]


class ArraySource:
    """Batches gathered from arrays: one call to torch per array and batch, no copy of the data.

    Shuffling draws one permutation per pass from torch's global generator, when the pass begins.
    "batch" shuffles whole batches and leaves a smaller one last.

    With `steps`, an epoch is that many batches. In training the next epoch goes on where this
    one stopped, and a new pass begins when the data are through; otherwise every epoch begins at
    the front again, so that each evaluation sees the same samples.
    """

    exhausted = False
    lasting = True

    def __init__(
        self,
        x: Any,
        y: Any,
        weight: Any,
        *,
        samples: int,
        batch_size: int,
        place: Place,
        shuffle: Shuffle = False,
        steps: int | None = None,
        training: bool = False,
        rows: torch.Tensor | None = None,
    ) -> None:
        """Made by `as_source`. `rows`, shape (samples,), selects some rows of larger arrays."""
        self._x = columns(x, place, "named input" if isinstance(x, Mapping) else "input")
        self._y = columns(y, place, "label")
        self._weight = columns(weight, place, "weight")
        self.batch_size = batch_size
        self._samples, self._rows, self._shuffle = samples, rows, shuffle
        self._whole = -(-samples // batch_size)  # rounded up
        self._limit = steps if training else self._capped(steps)
        self._endless = self._passes() if training and steps is not None else None
        self._now: torch.Tensor | None = None
        self._ahead: tuple[int, torch.Tensor | None] = (0, None)
        self._randomness: Randomness | None = None
        self._before_order: dict[str, Any] | None = None
        # Batches of the present pass: those of earlier epochs, of the present one, of it skipped.
        self._earlier = self._coming = self._skipped = 0

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return self._whole if self._limit is None else self._limit

    @property
    def samples(self) -> int | None:
        """The number of samples in an epoch; None when `steps` makes it differ by epoch."""
        if self.steps == self._whole:
            return self._samples
        if self._endless is None or self._samples % self.batch_size == 0:
            return self.steps * self.batch_size
        return None

    def batches(self) -> Iterator[Batch]:
        """The batches of the next epoch."""
        if self._limit is None:
            return self._one_pass()
        self._earlier = (self._earlier + self._coming) % self._whole
        self._coming, skipped, self._skipped = self._limit, self._skipped, 0
        return islice(self._endless or self._one_pass(), self._limit - skipped)

    __iter__ = batches

    def peek(self) -> Batch:
        """The first batch in the order given, without drawing a permutation."""
        rows, size = self._rows, min(self.batch_size, self._samples)
        x = head(self._x, rows, size)
        return Batch(x, head(self._y, rows, size), head(self._weight, rows, size), size)

    def epoch_ended(self) -> None:
        """Nothing: arrays do not listen."""

    def warn_ended(self) -> None:
        """Nothing: arrays never end."""

    def watch(self, randomness: Randomness) -> None:
        """To be called before the first epoch of a run that `position` will be asked of."""
        self._randomness = randomness

    def random_before(self, done: int) -> dict[str, Any] | None:
        """The random numbers as they were before the fetch that failed after `done` batches."""
        begins = self.position(done, over=False)["order"] is None
        if begins and self._before_order is not None:
            return self._before_order
        return None if self._randomness is None else self._randomness.state()

    def position(self, done: int, *, over: bool) -> dict[str, Any]:
        """Where it stands after `done` batches of the epoch, which is `over` or goes on."""
        if self._endless is None:
            offset = 0 if over else done
        else:
            offset = (self._earlier + done) % self._whole
        order = self._now if offset else None
        small = order is not None and self._samples < 2**31
        return {
            "samples": self._samples,
            "offset": offset,
            "done": 0 if over else done,
            "order": order.int() if small and order is not None else order,
        }

    def resume(self, position: Mapping[str, Any]) -> None:
        """Go on from what `position` said; with other samples, at the same batch of a new pass."""
        fits = position["samples"] == self._samples
        offset = min(position["offset"], self._whole)
        self._ahead = (offset, position["order"] if fits else None)
        self._skipped = position["done"]
        self._earlier = offset - position["done"]
        self._coming = 0

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact."""
        return {
            "the number of samples": self._samples,
            "the batch size": self.batch_size,
            "the number of steps": self.steps,
            "shuffle": self._shuffle,
        }

    def doubts(self) -> list[str]:
        """Nothing: arrays are resumed exactly."""
        return []

    def _passes(self) -> Iterator[Batch]:
        while True:
            yield from self._one_pass()

    def _one_pass(self) -> Iterator[Batch]:
        (offset, order), self._ahead = self._ahead, (0, None)
        size = self.batch_size
        order = self._now = self._order() if order is None else order.long()
        if offset:
            whole = torch.arange(self._samples) if order is None else order
            order = whole[offset * size :]
        full, rest = divmod(self._samples if order is None else len(order), size)
        return map(
            Batch,
            cut(self._x, order, size),
            cut(self._y, order, size),
            cut(self._weight, order, size),
            chain(repeat(size, full), (rest,) if rest else ()),
        )

    def _order(self) -> torch.Tensor | None:
        """The row numbers of one pass, or None for all rows as they come."""
        if not self._shuffle:
            return self._rows
        if self._randomness is not None:
            self._before_order = self._randomness.state()
        if self._shuffle == "batch":
            order = _batchwise_order(self._samples, self.batch_size)
        else:
            order = torch.randperm(self._samples)
        return order if self._rows is None else self._rows[order]

    def _capped(self, steps: int | None) -> int | None:
        if steps is None or steps <= self._whole:
            return steps
        warn(
            f"steps={steps} were asked for, but {self._samples} samples make {self._whole} batches "
            f"of {self.batch_size}; all of them are used, once."
        )
        return None


def _batchwise_order(samples: int, batch_size: int) -> torch.Tensor:
    """Whole batches in random order, the samples within each as they were, the rest last."""
    full = samples // batch_size
    starts = torch.randperm(full) * batch_size
    inside = (starts[:, None] + torch.arange(batch_size)).flatten()
    return torch.cat([inside, torch.arange(full * batch_size, samples)])
