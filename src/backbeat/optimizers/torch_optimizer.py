"""Any optimizer of torch's, with the face of ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from backbeat.errors import ArgumentError, DataError
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.rates import Rates
from backbeat.optimizers.slots import torch_slot

__all__ = ["TorchOptimizer"]

Array = np.ndarray[Any, Any]


class TorchOptimizer(Optimizer):
    """A `torch.optim` optimizer, its class, or a `functools.partial` of it.

    An optimizer that already holds its parameters keeps them; `bind` then only makes sure that it
    holds some of the model's. Attributes that are not ours are looked up on the torch optimizer.

    >>> optimizer = TorchOptimizer(partial(torch.optim.AdamW, lr=0.01))
    >>> optimizer.lr
    0.01
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer | Callable[..., torch.optim.Optimizer] | str,
        **arguments: Any,
    ) -> None:
        source = _named(optimizer) if isinstance(optimizer, str) else optimizer
        self._make: Callable[..., torch.optim.Optimizer] | None = None
        if isinstance(source, torch.optim.Optimizer):
            super().__init__(float(source.param_groups[0]["lr"]))
            self._adopt(source)
        else:
            self._make = partial(source, **arguments) if arguments else source
            super().__init__(_default_rate(self._make))

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        if self._make is not None:
            return self._make(parameters, lr=lr)
        held = {id(p) for group in self.torch.param_groups for p in group["params"]}
        if not held.intersection(id(p) for p in tensors_of(parameters)):
            name = type(self.torch).__name__
            raise DataError(
                f"the {name} given as optimizer holds none of this model's parameters: make it "
                "from model.parameters() of this very model, or give the class instead, such as "
                f"partial(torch.optim.{name}, lr=0.001)."
            )
        return self.torch

    def get_config(self) -> dict[str, Any]:
        """The name of torch's class and its settings, as far as they are plain values."""
        if self._torch is not None:
            made, settings = type(self._torch), dict(self._torch.param_groups[0])
        else:
            made = _class_of(cast(Callable[..., Any], self._make))
            settings = dict(getattr(self._make, "keywords", {}))
        known = inspect.signature(made).parameters
        plain = {n: v for n, v in settings.items() if n in known and _is_plain(v)}
        return {"optimizer": made.__name__, **plain, "lr": self.lr}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TorchOptimizer:
        """The optimizer that `get_config` described; it must be one of `torch.optim`."""
        return cls(**config)

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        """torch's names in place of Keras': every accumulator of its parameter's own shape."""
        bound = self.torch
        names: dict[str, None] = {}
        for parameter, state in bound.state.items():
            shaped = [n for n, v in state.items() if getattr(v, "shape", None) == parameter.shape]
            names |= dict.fromkeys(n for n in shaped if n != "step")
        return self._state_of(list(names), weights)

    def load_state_arrays(
        self, weights: Sequence[StoredWeight], arrays: Mapping[str, Array] | Sequence[Array]
    ) -> None:
        """Take over what `state_arrays` gave: a mapping, for the names say what is what."""
        if not isinstance(arrays, Mapping):
            raise DataError(
                "the state of a torch optimizer is loaded by name: give a dict of arrays, as "
                "state_arrays gives it. Keras' own files do not hold one."
            )
        count = max(1, sum(weight.trainable for weight in weights))
        slots = [name.split("/")[-1].rsplit("_", 2)[0] for name in list(arrays)[1::count]]
        self.iterations = self._state_of(slots, weights).load(list(arrays.values()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.torch, name)

    def _adopt(self, source: torch.optim.Optimizer) -> None:
        self._torch = source
        self._rates = Rates(source.param_groups, 0.0)

    def _state_of(self, names: list[str], weights: Sequence[StoredWeight]) -> KerasState:
        bound = self.torch
        slots = [torch_slot(bound, name, name) for name in names]
        return KerasState(
            type(bound).__name__, slots, weights, partial(self._start_state, tuple(names))
        )

    def _start_state(self, names: tuple[str, ...], parameter: Tensor, iterations: int) -> None:
        fused = self.torch.param_groups[0].get("fused")
        step = torch.tensor(float(iterations), device=parameter.device if fused else "cpu")
        zeros = {name: torch.zeros_like(parameter) for name in names}
        self.torch.state[parameter] = {**self.torch.state.get(parameter, {}), "step": step, **zeros}


def _named(name: str) -> Callable[..., torch.optim.Optimizer]:
    """One of `torch.optim`'s classes by its name."""
    found = getattr(torch.optim, name, None)
    if not (inspect.isclass(found) and issubclass(found, torch.optim.Optimizer)):
        raise ArgumentError(
            f"optimizer={name!r} is no class of torch.optim: build the optimizer yourself and give "
            "it to compile."
        )
    return found


def _class_of(make: Callable[..., Any]) -> type:
    while isinstance(make, partial):
        make = cast(partial[Any], make).func
    return make if inspect.isclass(make) else type(make)


def _default_rate(make: Callable[..., Any]) -> float:
    """The `lr` that `make` would use by itself."""
    argument = inspect.signature(make).parameters.get("lr")
    if argument is None or argument.default is inspect.Parameter.empty:
        raise ArgumentError(
            f"{_class_of(make).__name__} does not say its learning rate: give "
            f"functools.partial({_class_of(make).__name__}, lr=0.001)."
        )
    return float(argument.default)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(part) for part in cast(list[Any], value))
    return value is None or isinstance(value, (bool, int, float, str))
