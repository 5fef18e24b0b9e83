"""Fitting: `fit`, `evaluate`, `predict` and their single-batch forms."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch.nn.parameter import is_lazy

from backbeat.callbacks import History
from backbeat.data import Place, Source, as_source, split_tail
from backbeat.errors import StateError
from backbeat.hooks import GraphLayer
from backbeat.models.binding import bind
from backbeat.models.compiled import Compiled
from backbeat.models.hosting import Hosting
from backbeat.models.validation import Validation
from backbeat.optimizers import Optimizer
from backbeat.training.arguments import (
    fraction,
    optional_number,
    verbosity,
    whole_number,
    whole_numbers,
)
from backbeat.training.calls import caller
from backbeat.training.fit import Settings, evaluate, fit, predict
from backbeat.training.inspection import ModuleInspection
from backbeat.training.objective import Penalties
from backbeat.training.placement import device_of, pick_device, place_of
from backbeat.training.signals import GRACE_SECONDS
from backbeat.training.step import Step, StepSettings

__all__ = ["Fitting", "one_or_list"]


class Fitting(Hosting):
    """The part of a model that runs over data."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: Compiled | None = None
        self._step: Step | None = None
        self._settings = StepSettings()
        self._device = torch.device("cpu")

    def __getstate__(self) -> dict[str, Any]:
        # A copy makes a step of its own: this one would go on working on these very layers.
        return {**self.__dict__, "_step": None, "run_in_progress": None}

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
        self._require_compiled("fit")
        epochs = whole_number("epochs", epochs, 0)
        initial_epoch = whole_number("initial_epoch", initial_epoch, 0)
        steps_per_epoch = optional_number("steps_per_epoch", steps_per_epoch, 1)
        validation_steps = optional_number("validation_steps", validation_steps, 1)
        validation_freq = whole_numbers("validation_freq", validation_freq)
        share = fraction("validation_split", validation_split)
        verbose = verbosity(verbose)
        held_out = Validation.given(validation_data)
        if held_out is None and share:
            (x, y, sample_weight), tail = split_tail(x, y, sample_weight, share)
            held_out = Validation.given(tail)
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
    ) -> Any:
        """The mean loss over the data; with metrics, a list: the loss, then each metric."""
        self._require_compiled("evaluate")
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
    ) -> Any:
        """The outputs for all samples, as NumPy arrays; needs no `compile`."""
        place = self._settle_place()
        source = as_source(x, batch_size=batch_size, steps=steps, place=place, training=False)
        return predict(
            self, self._ready(source), source, verbose=verbosity(verbose), callbacks=callbacks
        )

    # Getting ready

    def _require_compiled(self, action: str) -> Compiled:
        if self._compiled is None:
            raise StateError(
                f"{action} needs a compiled model: call model.compile(optimizer, loss) first."
            )
        return self._compiled

    def _place_on(self, device: str | torch.device | None) -> None:
        self._device = pick_device(self, device)
        self.to(self._device)
        if self._compiled is not None:
            for module in self._compiled.loss_modules():
                module.to(self._device)

    def _settle_place(self) -> Place:
        if self._compiled is None:
            self._device = device_of(self)
        return replace(place_of(self, self._device), lends=self._only_reads_inputs())

    def _only_reads_inputs(self) -> bool:
        """Whether it is known that nothing in the model writes into its inputs."""
        return False

    @property
    def built(self) -> bool:
        """Whether every layer has its weights."""
        return all(
            getattr(module, "built", True) for module in self.modules() if module is not self
        )

    def _ready(self, source: Source, *, training: bool = False) -> Step:
        """The step, with every layer built and, for training, the optimizer bound."""
        if self._step is None:
            self._step = self._new_step()
        if not self.built or any(map(is_lazy, self.parameters())):
            with self._step.evaluating():
                self._build_on(source.peek().x)
        if self._compiled is not None and training:
            bind(self._compiled.optimizer, self)
        return self._step

    def _require_built(self, action: str) -> None:
        if not self.built:
            raise StateError(
                f"The model has no weights yet, so {action} has nothing to do. Give the first "
                "layer input_dim= or input_shape=, or call fit, or the model, on data first."
            )

    def _build_on(self, x: Any) -> None:
        """Let every layer make its weights, by sending the first inputs through the model."""
        caller(self, x)(x)

    def _new_step(self) -> Step:
        compiled = self._compiled
        if compiled is None:
            return Step(self, settings=self._settings)
        heads, penalties = self._heads(compiled.outputs), self._penalties()
        trains = compiled.objective(heads, penalties)
        tests = compiled.objective(heads, penalties, copied=True)
        return Step(self, trains, tests, compiled.optimizer, self._settings)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs, where the model has any for them."""
        return ()

    def _heads(self, outputs: Sequence[str]) -> dict[str, torch.nn.Module]:
        """The layers whose activations are the last thing the model does, by output."""
        return {}

    def _penalties(self) -> Penalties | None:
        """What the regularizers of the layers add to the loss."""
        layers: list[Any] = [m for m in self.modules() if getattr(m, "has_penalties", False)]
        return (
            (lambda: [each for layer in layers for each in layer.penalties()]) if layers else None
        )

    def inspect(self) -> ModuleInspection:
        """A look at the model as it is now: weights, gradients, layer outputs, graph."""
        step = self._step
        return ModuleInspection(
            self,
            None if self._compiled is None else self._compiled.optimizer,
            layers=self._wiring(),
            input_count=self._input_count(),
            gradient_scale=1.0 if step is None else step.gradient_scale,
            is_compiled=self._settings.jit_compile,
        )

    def _wiring(self) -> list[GraphLayer] | None:
        """How the layers hang together, if that is known."""
        return None

    def _input_count(self) -> int:
        return 1

    def _bound_optimizer(self) -> Optimizer:
        return self._require_compiled("reading or setting the learning rate").optimizer


def one_or_list(values: list[float]) -> Any:
    """Keras' way: a single value by itself, several as a list."""
    return values[0] if len(values) == 1 else values
