"""Activation functions by Keras' names: a tensor in, a tensor of the same shape out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backbeat.errors import ArgumentTypeError, DataError
from backbeat.registry import Registry

__all__ = [
    "Activation",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_sigmoid",
    "linear",
    "relu",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

Activation: TypeAlias = Callable[[Tensor], Tensor]


def linear(x: Tensor) -> Tensor:
    """`x` itself."""
    return x


def relu(
    x: Tensor, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """`x` above `threshold`, `alpha * (x - threshold)` below it, never more than `max_value`."""
    if not alpha and not threshold:
        return torch.relu(x) if max_value is None else x.clamp(0.0, max_value)
    above = x if max_value is None else x.clamp(max=max_value)
    return torch.where(x > threshold, above, alpha * (x - threshold))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere."""
    return F.elu(x, alpha)


def selu(x: Tensor) -> Tensor:
    """The scaled `elu` that keeps activations near mean 0 and variance 1 (Klambauer, 2017)."""
    return torch.selu(x)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Positive numbers that add up to 1 along `axis`; `x` needs at least two axes."""
    if x.ndim < 2:
        raise DataError(
            f"softmax was given shape {tuple(x.shape)}: it needs (batch, classes), because over "
            "a single axis it would compare the samples of the batch with each other."
        )
    return torch.softmax(x, dim=axis)


def softplus(x: Tensor) -> Tensor:
    """`log(1 + exp(x))`."""
    return F.softplus(x)


def softsign(x: Tensor) -> Tensor:
    """`x / (1 + |x|)`."""
    return F.softsign(x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return torch.tanh(x)


def sigmoid(x: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return torch.sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """`0.2 * x + 0.5`, held between 0 and 1: Keras 2's slope, not the 1/6 of Keras 3 and torch."""
    return (0.2 * x + 0.5).clamp(0.0, 1.0)


def exponential(x: Tensor) -> Tensor:
    """`exp(x)`."""
    return torch.exp(x)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """`x` times the normal distribution's cumulative probability of `x`."""
    return F.gelu(x, approximate="tanh" if approximate else "none")


def silu(x: Tensor) -> Tensor:
    """`x * sigmoid(x)`, also known as swish."""
    return F.silu(x)


swish = silu

_known: Registry[Callable[..., Tensor]] = Registry(
    "activation",
    {
        "linear": linear,
        "relu": relu,
        "elu": elu,
        "selu": selu,
        "softmax": softmax,
        "softplus": softplus,
        "softsign": softsign,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "hard_sigmoid": hard_sigmoid,
        "exponential": exponential,
        "gelu": gelu,
        "silu": silu,
        "swish": silu,
    },
)


def get(identifier: Any) -> Activation:
    """The activation meant by a name, a callable, `{"class_name", "config"}`, or None (linear).

    >>> get("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return _known[identifier]
    if isinstance(identifier, Mapping):
        function, arguments = _known.described(identifier)
        return partial(function, **arguments) if arguments else function
    if isinstance(identifier, type) and issubclass(identifier, nn.Module):
        return identifier()
    given: Any = cast(object, identifier)
    if callable(given):
        return cast(Activation, given)
    raise ArgumentTypeError(
        f"activation={given!r} is a {type(given).__name__}: give a name such as 'relu', "
        "a function of one tensor, or None for no activation."
    )


def serialize(activation: Activation) -> Any:
    """What `get` turns back into `activation`: its name, or a dict if it has arguments."""
    if isinstance(activation, partial):
        function = cast(partial[Tensor], activation)
        return {"class_name": _name_of(function.func), "config": dict(function.keywords)}
    return _name_of(activation)


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
