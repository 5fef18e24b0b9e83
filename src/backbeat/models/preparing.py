"""Getting ready: a model in its place, built, its optimizer bound, its step settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from backbeat.data import Place, Source
from backbeat.errors import StateError
from backbeat.hooks import GraphLayer
from backbeat.models.binding import bind
from backbeat.models.compiled import Compiled
from backbeat.models.freezing import Freezing
from backbeat.optimizers import Optimizer
from backbeat.training.calls import caller
from backbeat.training.inspection import ModuleInspection
from backbeat.training.objective import Penalties
from backbeat.training.placement import device_of, pick_device, place_of
from backbeat.training.step import Step
from backbeat.training.step_settings import StepSettings

__all__ = ["Preparing"]


class Preparing(Freezing):
    """The part of a model that gets it ready to run over data."""

    def __init__(self) -> None:
        super().__init__()
        self._compiled: Compiled | None = None
        self._step: Step | None = None
        self._settings = StepSettings()
        self._device = torch.device("cpu")

    def __getstate__(self) -> dict[str, Any]:
        # A copy makes a step of its own: this one would go on working on these very layers.
        return {**self.__dict__, "_step": None, "run_in_progress": None}

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
        place = place_of(self, self._device)
        integers = place.integers
        if integers == "cast" and self._compiled is not None and self._compiled.loss is None:
            integers = "cast unnamed"
        return replace(place, integers=integers, lends=self._only_reads_inputs())

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
        self.to(self._device)  # layers may have been added since
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
            gradient_scale=step.gradients.scale if step and self._compiled else 1.0,
            is_compiled=self._settings.jit_compile,
        )

    def _wiring(self) -> list[GraphLayer] | None:
        """How the layers hang together, if that is known."""
        return None

    def _input_count(self) -> int:
        return 1

    def _bound_optimizer(self) -> Optimizer:
        return self._require_compiled("reading or setting the learning rate").optimizer
