"""The base of Keras' optimizers: a rule, its rate and its count of steps, over torch's kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizerBase

from backbeat.errors import ArgumentError, StateError
from backbeat.optimizers.arguments import real_number
from backbeat.optimizers.clipping import clip_norm, clip_value
from backbeat.optimizers.direct import Direct
from backbeat.optimizers.groups import as_list
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.rates import Group, Rates, check_rate
from backbeat.optimizers.torch_state import made_here

__all__ = ["Optimizer"]

Array = np.ndarray[Any, Any]


class Optimizer:
    """Changes parameters along their gradients; subclasses say which torch optimizer does it.

    `bind(parameters)` makes the torch optimizer; then each `step()` follows the gradients once.

    learning_rate (or lr): the size of a step, 0 or more; readable and settable as `lr` at any time.
    decay: the rate of step i is `lr / (1 + decay * i)`, counted from 0.
    clipnorm: scales the gradients so that the norm of all of them together is at most this.
    clipvalue: holds every number in the gradients within plus and minus this; after `clipnorm`.
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        self._rate = (
            check_rate(learning_rate, "learning_rate") if lr is None else check_rate(lr, "lr")
        )
        self.decay = real_number("decay", decay, 1e-6)
        self.clipnorm = None if clipnorm is None else real_number("clipnorm", clipnorm, 1.0)
        self.clipvalue = None if clipvalue is None else real_number("clipvalue", clipvalue, 0.5)
        self.iterations = 0
        """How many steps were taken since `bind`."""
        self.bound = False
        """Whether `bind` was called."""
        self._torch: TorchOptimizerBase | None = None
        self._rates: Rates | None = None
        self._preparations: tuple[Callable[[], None], ...] = ()
        self._conclusions: tuple[Callable[[], None], ...] = ()

    # What a subclass says

    def build(self, parameters: list[Any], lr: float) -> TorchOptimizerBase:
        """The torch optimizer for `parameters`, a list of tensors or of parameter groups."""
        raise NotImplementedError(f"{type(self).__name__} does not define build(parameters, lr)")

    def preparations(self) -> Iterable[Callable[[], None]]:
        """What has to run before every step of torch's; here clipping and decay, if asked for."""
        if self.clipnorm:
            yield self._clip_norm
        if self.clipvalue:
            yield self._clip_value
        if self.decay:
            yield self._decay

    def conclusions(self) -> Iterable[Callable[[], None]]:
        """What has to run after every step of torch's, even one that failed."""
        return ()

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        """How the optimizer's own weights are called and ordered in a Keras 2 file."""
        raise NotImplementedError(f"{type(self).__name__} does not define keras_state(weights)")

    # Training

    def bind(self, parameters: Iterable[Tensor] | Iterable[Group]) -> None:
        """Make the torch optimizer for `parameters`: tensors, or torch's parameter groups.

        Binding again starts afresh, with new accumulators and `iterations` 0, at the present rate.
        """
        given = as_list(parameters)
        if not given:
            raise ArgumentError(
                f"{type(self).__name__} was given no parameters to train: the model has none, or "
                "all of them are frozen (requires_grad=False)."
            )
        self._torch = made = self.build(given, self.lr)
        self._rates = Rates(made.param_groups, self.decay)
        self.iterations = 0
        self.bound = True
        self._preparations = tuple(self.preparations())
        self._conclusions = tuple(self.conclusions())

    def step(self) -> None:
        """Change every bound parameter once, by the gradient in its `grad`."""
        bound = self._torch
        if bound is None:
            raise self._unbound("step")
        try:
            for prepare in self._preparations:
                prepare()
            if isinstance(bound, Direct):
                bound.advance()
            else:
                bound.step()
        finally:
            for conclude in self._conclusions:
                conclude()
        self.iterations += 1

    def zero_grad(self) -> None:
        """Forget the gradients: sets every `grad` to None, which costs nothing."""
        bound = self._torch
        if bound is None:
            raise self._unbound("zero_grad")
        for group in bound.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @property
    def torch(self) -> TorchOptimizerBase:
        """The torch optimizer; its groups' `lr` are the rates of the next step."""
        if self._torch is None:
            raise self._unbound("torch")
        return self._torch

    # The rate

    @property
    def lr(self) -> float:
        """The learning rate of parameter group 0, before decay; setting it scales all groups."""
        return self.rates[0]

    @lr.setter
    def lr(self, value: float) -> None:
        rate = check_rate(value)
        if self._torch is None or self._rates is None:
            self._rate = rate
        else:
            self._rates.scale_to(self._torch.param_groups, rate)

    @property
    def learning_rate(self) -> float:
        """The same as `lr`."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.lr = value

    @property
    def rates(self) -> list[float]:
        """The learning rate of every parameter group, before decay."""
        if self._torch is None or self._rates is None:
            return [self._rate]
        return self._rates.read(self._torch.param_groups)

    @rates.setter
    def rates(self, values: Sequence[float]) -> None:
        bound = self.torch
        cast(Rates, self._rates).write(bound.param_groups, [check_rate(rate) for rate in values])

    def undecayed(self) -> AbstractContextManager[None]:
        """Within it the torch groups hold the rates before decay, and what is set there stays.

        For torch's schedulers, which compute a new rate from the one that they find.
        """
        return cast(Rates, self._rates).undecayed(self.torch.param_groups)

    # Saving

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as Keras 2.3 writes them, with the present rate."""
        names = [n for n in inspect.signature(type(self)).parameters if n not in _SHARED]
        config: dict[str, Any] = {"learning_rate": self.lr, "decay": self.decay}
        config |= {name: getattr(self, name) for name in names}
        clips = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue}
        return config | {name: limit for name, limit in clips.items() if limit is not None}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """The optimizer that `get_config` or Keras described; foreign keys are left out."""
        known = inspect.signature(cls).parameters
        make = cast(Callable[..., Optimizer], cls)
        return make(**{name: value for name, value in config.items() if name in known})

    def state_arrays(self, weights: Sequence[StoredWeight]) -> dict[str, Array]:
        """The accumulators of the trainable ones of `weights`, by Keras 2's names, in its order."""
        return self.keras_state(weights).arrays(self.iterations)

    def load_state_arrays(
        self, weights: Sequence[StoredWeight], arrays: Mapping[str, Array] | Sequence[Array]
    ) -> None:
        """Take over what `state_arrays` gave, by position; raises `DataError` if it does not fit.

        Nothing is changed unless everything fits.
        """
        values = list(arrays.values()) if isinstance(arrays, Mapping) else list(arrays)
        self.iterations = self.keras_state(weights).load(values)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes during training, exactly; hyperparameters of torch's included."""
        return {
            "iterations": self.iterations,
            "rates": self.rates,
            "torch": self.torch.state_dict(),
            "ratios": list(cast(Rates, self._rates).ratios),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken. `bind` must have been called before."""
        bound = self.torch
        bound.load_state_dict(made_here(state["torch"], bound.param_groups))
        self.iterations = int(state["iterations"])
        self._rates = Rates(bound.param_groups, self.decay)
        self._rates.write(bound.param_groups, [float(rate) for rate in state["rates"]])
        # A rate of 0 does not tell them.
        self._rates.ratios = [float(ratio) for ratio in state.get("ratios", self._rates.ratios)]

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def _gradients(self) -> list[Tensor]:
        groups = self.torch.param_groups
        parameters = [parameter for group in groups for parameter in group["params"]]
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def _clip_norm(self) -> None:
        clip_norm(self._gradients(), cast(float, self.clipnorm))

    def _clip_value(self) -> None:
        clip_value(self._gradients(), cast(float, self.clipvalue))

    def _decay(self) -> None:
        cast(Rates, self._rates).decay(self.torch.param_groups, self.iterations)

    def _unbound(self, what: str) -> StateError:
        return StateError(
            f"{type(self).__name__}.{what} needs parameters: call bind(model.parameters()) first "
            "(fit does it for you)."
        )


_SHARED = frozenset({"learning_rate", "lr", "decay", "clipnorm", "clipvalue"})
