"""What training asks of a metric, and the metrics that are functions of one batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor

__all__ = ["BatchMetric", "Direction", "Metric"]

Direction = Literal["min", "max"]


class Metric(ABC):
    """A named value measured on every batch; `metrics.get` makes them.

    Training calls `reset()` before an epoch and `update(...)` for each batch, nothing else.
    """

    stateful: bool = False
    """Whether its value runs through the epoch instead of belonging to one batch."""
    on_logits_safe: bool = False
    """Whether a final softmax makes no difference, so that it may be left out."""

    def __init__(self, name: str, direction: Direction | None) -> None:
        self.name = name
        """The key in the logs, before clashes are resolved: see `unique_names`."""
        self.direction = direction
        """Whether smaller or larger is better; None if nobody said."""

    @abstractmethod
    def update(self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None = None) -> Any:
        """Measure a batch; gives the value to log: a number or a scalar tensor on the device.

        `weight` has one value per sample: shape (batch,).
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget every batch."""


class BatchMetric(Metric):
    """A metric that looks at one batch alone: a function that gives one value per sample."""

    def __init__(
        self,
        name: str,
        direction: Direction | None,
        batch: Callable[[Tensor, Tensor], Tensor],
        *,
        mean: Callable[[Tensor, Tensor], Tensor | float] | None = None,
        means: Callable[[list[Tensor], list[Tensor]], Tensor] | None = None,
        on_logits_safe: bool = False,
    ) -> None:
        super().__init__(name, direction)
        self.batch = batch
        """`batch(y_true, y_pred)`: one value per sample, shape (batch,)."""
        self.on_logits_safe = on_logits_safe
        self.means = means
        """`means(labels, outputs)`: the values of several batches of one shape, on the host, in
        the fewest kernels; None where there is no shorter way. Outputs are (batch, classes)."""
        self._mean = mean

    def update(
        self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None = None
    ) -> Tensor | float:
        """The mean over the batch; with `weight` the weighted mean, `sum(w * m) / sum(w)`."""
        if weight is None:
            if self._mean is not None:
                return self._mean(y_true, y_pred)
            return self.batch(y_true, y_pred).mean()
        values = self.batch(y_true, y_pred)
        weight = weight.to(values.dtype)
        return (values * weight).sum() / weight.sum()

    def reset(self) -> None:
        """Nothing is kept from one batch to the next."""
