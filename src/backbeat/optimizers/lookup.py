"""From whatever names an optimizer to the `Optimizer` that training uses, and back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import torch

from backbeat.errors import ArgumentTypeError
from backbeat.optimizers.adadelta import Adadelta
from backbeat.optimizers.adagrad import Adagrad
from backbeat.optimizers.adam import Adam
from backbeat.optimizers.adamax import Adamax
from backbeat.optimizers.adamw import AdamW
from backbeat.optimizers.nadam import Nadam
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.rmsprop import RMSprop
from backbeat.optimizers.sgd import SGD
from backbeat.optimizers.torch_optimizer import TorchOptimizer
from backbeat.registry import Registry

__all__ = ["get", "serialize"]

_known: Registry[type[Optimizer]] = Registry("optimizer")
for _class in (
    SGD,
    RMSprop,
    Adagrad,
    Adadelta,
    Adam,
    Adamax,
    Nadam,
    AdamW,
    TorchOptimizer,
):
    _known.add(_class, _class.__name__.lower())


def get(identifier: Any) -> Optimizer:
    """The optimizer meant by a name, class, object or `{"class_name", "config"}`, ours or torch's.

    Names are taken in any case. torch's optimizers, their classes and `functools.partial`s of
    these come wrapped in a `TorchOptimizer`.

    >>> get("adam").lr
    0.001
    """
    if isinstance(identifier, str):
        return cast(Callable[[], Optimizer], _known[identifier.lower()])()
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        made, config = _known.described(identifier, str.lower)
        return made.from_config(config)
    given: Any = cast(object, identifier)
    if inspect.isclass(given) and issubclass(given, Optimizer):
        return cast(Callable[[], Optimizer], given)()
    if isinstance(given, torch.optim.Optimizer) or _makes_torch_optimizers(given):
        return TorchOptimizer(cast(Any, given))
    raise ArgumentTypeError(
        f"optimizer={given!r} is a {type(given).__name__}: give a name such as 'adam', an "
        "optimizer such as Adam(0.001), or one of torch.optim, its class or a partial of it."
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """What `get` turns back into an optimizer with the same settings and the present rate."""
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def _makes_torch_optimizers(thing: Any) -> bool:
    while isinstance(thing, partial):
        thing = cast(partial[Any], thing).func
    return inspect.isclass(thing) and issubclass(thing, torch.optim.Optimizer)
