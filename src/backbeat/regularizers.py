"""Penalties on large weights, by Keras' names: a regularizer turns a tensor into one number.

A layer's `kernel_regularizer=` and the like add it to the loss.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, TypeAlias, cast

from torch import Tensor

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.registry import Registry

__all__ = ["L1L2", "Penalty", "Regularizer", "get", "l1", "l1_l2", "l2", "serialize"]

Penalty: TypeAlias = Callable[[Tensor], Tensor]
"""What regularizes: called with a tensor, it gives a tensor that holds one number."""


class Regularizer:
    """Base of all regularizers: subclass it and define `__call__`.

    >>> import torch
    >>> class Largest(Regularizer):
    ...     def __call__(self, weights):
    ...         return weights.abs().max()
    >>> Largest()(torch.tensor([1.0, -3.0]))
    tensor(3.)
    """

    def __call__(self, weights: Tensor) -> Tensor:
        """The penalty for `weights`, whatever their shape: a tensor that holds one number."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(weights)")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """The regularizer that `get_config` or Keras described; foreign keys are left out."""
        known = inspect.signature(cls).parameters
        return cls(**{name: value for name, value in config.items() if name in known})

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


class L1L2(Regularizer):
    """`l1` times the sum of the absolute values, plus `l2` times the sum of the squares.

    >>> import torch
    >>> L1L2(l1=1.0, l2=0.5)(torch.tensor([2.0, -2.0]))
    tensor(8.)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1)
        self.l2 = _factor("l2", l2)

    def __call__(self, weights: Tensor) -> Tensor:
        # What has factor 0 is not computed: an infinite weight would make it NaN.
        if not self.l1:
            return self.l2 * weights.square().sum() if self.l2 else weights.new_zeros(())
        penalty = self.l1 * weights.abs().sum()
        return penalty + self.l2 * weights.square().sum() if self.l2 else penalty


def l1(l: float = 0.01) -> L1L2:  # noqa: E741 the argument's name in Keras
    """Penalize by `l` times the sum of the absolute values."""
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741 the argument's name in Keras
    """Penalize by `l` times the sum of the squares."""
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Penalize by both."""
    return L1L2(l1, l2)


_known: Registry[Callable[..., Any]] = Registry("regularizer", {"l1": l1, "l2": l2, "l1_l2": l1_l2})
for _class in ("L1L2", "L1", "L2"):  # Keras 3 has a class for each
    _known.add(L1L2, _class)


def get(identifier: Any) -> Penalty | None:
    """The regularizer meant by a name, object, class, function or `{"class_name", "config"}`.

    None stays None. A function of yours gets the weights and gives a tensor with one number.

    >>> get("l2")
    L1L2(l1=0.0, l2=0.01)
    """
    if identifier is None or isinstance(identifier, Regularizer):
        return identifier
    if isinstance(identifier, str):
        return _named(identifier)
    if isinstance(identifier, Mapping):
        made, config = _known.described(identifier)
        return L1L2.from_config(config) if made is L1L2 else made(**config)
    if inspect.isclass(identifier) and issubclass(identifier, Regularizer):
        return identifier()
    given = cast(Any, identifier)
    if any(given is function for function in (l1, l2, l1_l2)):
        return given()
    if callable(given):
        return cast(Penalty, given)
    raise ArgumentTypeError(
        f"a regularizer was given as {given!r}, a {type(given).__name__}: give a name such as "
        "'l2', an object such as l2(0.01), or a function of the weights."
    )


def serialize(regularizer: Penalty | None) -> Any:
    """What `get` turns back into `regularizer`; a function of yours becomes its name."""
    if regularizer is None:
        return None
    if isinstance(regularizer, Regularizer):
        return {"class_name": type(regularizer).__name__, "config": regularizer.get_config()}
    return str(getattr(regularizer, "__name__", type(regularizer).__name__))


def _named(name: str) -> Penalty:
    # The classes penalize nothing by default, so as names they can only mean the functions.
    functions = {"L1": "l1", "L2": "l2", "L1L2": "l1_l2"}
    return _known[functions.get(name, name)]()


def _factor(name: str, value: Any) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(
            f"{name}={value!r} is a {type(value).__name__}: give a finite number of 0 or more, "
            "such as 0.01."
        )
    if not math.isfinite(value) or value < 0:
        raise ArgumentError(
            f"{name}={value!r} does not fit: give a finite number of 0 or more, such as 0.01."
        )
    return float(value)
