"""Fitting: `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Literal

from backbeat.callbacks.history import History
from backbeat.data import as_source, split_tail
from backbeat.models.keras_arguments import explain_workers
from backbeat.models.preparing import Preparing
from backbeat.models.validation import Validation
from backbeat.training.arguments import (
    fraction,
    optional_number,
    verbosity,
    whole_numbers,
)
from backbeat.training.fit import Settings, evaluate, fit, predict
from backbeat.training.signals import GRACE_SECONDS

__all__ = ["Fitting", "one_or_list"]


class Fitting(Preparing):
    """The part of a model that runs over data.

    `max_queue_size`, `workers` and `use_multiprocessing` are those of Keras 2.3. Batches are drawn
    when they are needed, so they change nothing; asking for more than one worker is warned of.
    """

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | Literal["batch"] = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_freq: int | Container[int] = 1,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        *,
        validation_batch_size: int | None = None,
        grace: float | None = GRACE_SECONDS,
    ) -> History:
        """Train the model and return the history of the run.

        `x` and `y` are arrays or tensors whose first axis counts the samples (or lists or dicts of
        them); or `x` alone is a `Dataset`, a `DataLoader`, a generator of batches, or a Sequence.
        `epochs` is the index of the final epoch: `initial_epoch=5, epochs=8` trains three.
        `validation_split` takes the last part of the arrays, before shuffling.

        Ctrl-C and SIGTERM end the training after a whole batch, at the latest `grace` seconds
        later, and are raised as KeyboardInterrupt and SystemExit(143); `grace=None` leaves signals
        alone.

        Raises DataError for data that are empty or contradict each other, before the first batch.
        """
        compiled = self._require_compiled("fit")
        explain_workers("fit", workers, use_multiprocessing)
        steps_per_epoch = optional_number("steps_per_epoch", steps_per_epoch, 1)
        validation_steps = optional_number("validation_steps", validation_steps, 1)
        validation_freq = whole_numbers("validation_freq", validation_freq)
        share = fraction("validation_split", validation_split)
        verbose = verbosity(verbose)
        held_out = Validation.given(validation_data)
        if held_out is None and share:
            (x, y, sample_weight), tail = split_tail(x, y, sample_weight, share)
            held_out = Validation.given(tail)
        if held_out is not None:
            held_out.require(labels=compiled.loss is not None, steps=validation_steps)
        place = self._settle_place()
        source = as_source(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            steps=steps_per_epoch,
            class_weight=class_weight,
            place=place,
            training=True,
        )
        size = validation_batch_size or batch_size
        settings = Settings(
            epochs=epochs,
            initial_epoch=initial_epoch,
            verbose=verbose,
            callbacks=callbacks,
            validation=held_out and held_out.source(size, validation_steps, place),
            validation_freq=validation_freq,
            validation_data=[] if held_out is None else held_out.arrays(),
            grace=grace,
        )
        return fit(self, self._ready(source, training=True), source, settings)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = 1,
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """The mean loss over the data; with metrics, a list: the loss, then each metric."""
        self._require_compiled("evaluate")
        explain_workers("evaluate", workers, use_multiprocessing)
        place = self._settle_place()
        source = as_source(
            x, y, sample_weight, batch_size=batch_size, steps=steps, place=place, training=False
        )
        step = self._ready(source)
        results = evaluate(self, step, source, verbose=verbosity(verbose), callbacks=callbacks)
        return one_or_list([results[name] for name in step.names])

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> Any:
        """The outputs for all samples, as NumPy arrays; needs no `compile`."""
        explain_workers("predict", workers, use_multiprocessing)
        place = self._settle_place()
        source = as_source(x, batch_size=batch_size, steps=steps, place=place, training=False)
        return predict(
            self, self._ready(source), source, verbose=verbosity(verbose), callbacks=callbacks
        )


def one_or_list(values: list[float]) -> Any:
    """Keras' way: a single value by itself, several as a list."""
    return values[0] if len(values) == 1 else values
