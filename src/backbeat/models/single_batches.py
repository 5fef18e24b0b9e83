"""Single batches: `train_on_batch`, `test_on_batch`, `predict_on_batch`."""

from __future__ import annotations

from typing import Any

from backbeat.data import Source, as_source, size_of
from backbeat.models.fitting import Fitting, one_or_list
from backbeat.tensors import map_leaves, to_numpy
from backbeat.training.step import Step
from backbeat.training.values import fetch

__all__ = ["SingleBatches"]


class SingleBatches(Fitting):
    """The part of a model that takes one batch at a time, for loops without callbacks."""

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None
    ) -> Any:
        """One update on one batch; returns its loss, or a list with the metrics."""
        self._require_compiled("train_on_batch")
        source = self._single(x, y, sample_weight, class_weight)
        step = self._ready(source, training=True)
        self.train()
        step.begin_epoch()
        return _read(step, step.train(next(source.batches())))

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """The loss of one batch, or a list with the metrics, without an update."""
        self._require_compiled("test_on_batch")
        source = self._single(x, y, sample_weight, None)
        step = self._ready(source)
        with step.testing() as test:
            return _read(step, test(next(source.batches())))

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        source = self._single(x, None, None, None)
        step = self._ready(source)
        with step.evaluating():
            return map_leaves(to_numpy, step.predict(next(source.batches()).x))

    def _single(self, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Source:
        return as_source(
            x,
            y,
            sample_weight,
            batch_size=max(1, size_of(x)),
            class_weight=class_weight,
            place=self._settle_place(),
            training=True,
        )


def _read(step: Step, values: dict[str, Any]) -> Any:
    read = fetch([values[name] for name in step.names])
    return one_or_list(read)
