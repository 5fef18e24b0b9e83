"""Validation: what was given as `validation_data`, and what callbacks see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from backbeat.data import Place, Source, as_source, is_array
from backbeat.errors import ArgumentError, BackbeatError, DataError
from backbeat.tensors import leaves

__all__ = ["Validation"]


@dataclass(frozen=True)
class Validation:
    """Held-out data: arrays, or in `x` alone anything that gives batches."""

    x: Any
    y: Any = None
    weight: Any = None
    is_arrays: bool = False

    @staticmethod
    def given(data: Any) -> Validation | None:
        """Understand `(x, y)`, `(x, y, weights)`, a loader, a dataset or a generator."""
        if data is None:
            return None
        if not isinstance(data, (tuple, list)):
            return Validation(data)
        parts = tuple(cast(list[Any], data))
        if len(parts) not in (2, 3):
            raise ArgumentError(
                f"validation_data has {len(parts)} parts; pass (x, y) or (x, y, sample_weight)."
            )
        return Validation(*parts, is_arrays=True)

    def require(self, *, labels: bool, steps: int | None) -> None:
        """Raise for what would show only after an epoch: no labels, or no end."""
        if labels and self.y is None and (self.is_arrays or is_array(self.x)):
            raise DataError(
                "validation_data holds no labels; pass (x, y) or (x, y, sample_weight)."
            )
        if steps is None and hasattr(self.x, "__next__"):
            raise ArgumentError(
                f"validation_data is a {type(self.x).__name__}, which may never end, and if it "
                "does is used up by the first validation. Pass validation_steps=, the number of "
                "batches in each; or arrays or a DataLoader."
            )

    def source(self, batch_size: int | None, steps: int | None, place: Place) -> Source:
        """The batches to evaluate on."""
        try:
            return as_source(
                self.x,
                self.y,
                self.weight,
                batch_size=batch_size if self.is_arrays else None,
                steps=steps,
                place=place,
                training=False,
            )
        except BackbeatError as error:
            error.add_note("in validation_data")
            raise

    def arrays(self) -> list[Any] | None:
        """The caller's own arrays in one flat list: inputs, labels, weights (ones if none).

        None where there are no arrays to show.
        """
        if not self.is_arrays:
            return None
        inputs, labels = list(leaves(self.x)), list(leaves(self.y))
        weights = list(leaves(self.weight)) or [
            np.ones(len(label), dtype=np.float32) for label in labels
        ]
        return [*inputs, *labels, *weights]
