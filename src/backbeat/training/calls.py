"""How a module wants its inputs: as one thing, one argument each, or by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from torch import nn

from backbeat.errors import DataError
from backbeat.tensors import leaves

__all__ = ["Labelled", "caller", "only_input"]


class Labelled(NamedTuple):
    """Inputs and labels, for a module that takes both and computes its loss itself."""

    x: Any
    y: Any


def caller(module: nn.Module, x: Any) -> Callable[[Any], Any]:
    """How to call `module` with inputs like `x`.

    A list is spread over the arguments of a `forward` that takes several, a dict over one whose
    arguments have its names; anything else is passed as it is. A list or dict of one is that one
    for a module that `takes_one_tensor`, to which several are a DataError.
    """
    if isinstance(x, Labelled):
        return _labelled(module, x)
    if getattr(module, "takes_one_tensor", False) and isinstance(x, (list, tuple, Mapping)):
        only_input(module, x)
        return lambda inputs: module(only_input(module, inputs))
    if isinstance(x, Mapping):
        names = cast(Mapping[str, Any], x)
        return _by_name(module) if _accepts(module, (), names) else _whole(module)
    if isinstance(x, (list, tuple)):
        inputs = cast(list[Any], x)
        if len(inputs) == 1:
            return _first(module)
        return (
            _spread(module) if len(inputs) > 1 and _accepts(module, inputs, {}) else _whole(module)
        )
    return module


def only_input(module: nn.Module, x: Any) -> Any:
    """The one tensor in `x`, which may be a list or dict of it; DataError if there are several."""
    if not isinstance(x, (list, tuple, Mapping)):
        return x
    parts = cast(Sequence[Any] | Mapping[Any, Any], x)
    if len(parts) == 1:
        return next(leaves(parts))
    raise DataError(
        f"{getattr(module, 'name', 'the model')} takes one input, but x is a "
        f"{type(parts).__name__} of {len(parts)}. Give one array as x, and labels as y: fit(x, y). "
        "For several inputs draw the model: Model([...], outputs)."
    )


def _labelled(module: nn.Module, pair: Labelled) -> Callable[[Any], Any]:
    """Called on inputs and labels if `forward` takes both, else on the inputs alone."""
    x, y = pair
    if isinstance(x, (list, tuple)) and _accepts(module, [*cast(list[Any], x), y], {}):
        return lambda both: module(*both.x, both.y)
    if _accepts(module, pair, {}):
        return lambda both: module(*both)
    call = caller(module, cast(Any, x))
    return lambda both: call(both.x)


def _spread(module: nn.Module) -> Callable[[Any], Any]:
    return lambda inputs: module(*inputs)


def _whole(module: nn.Module) -> Callable[[Any], Any]:
    def call(inputs: Any) -> Any:
        try:
            return module(inputs)
        except (AttributeError, TypeError) as error:
            error.add_note(
                f"the model was called on a {type(inputs).__name__} of {len(inputs)} inputs, for "
                "such is x; if it takes one tensor, pass that, and labels as y"
            )
            raise

    return call


def _by_name(module: nn.Module) -> Callable[[Any], Any]:
    return lambda inputs: module(**inputs)


def _first(module: nn.Module) -> Callable[[Any], Any]:
    return lambda inputs: module(inputs[0])


def _accepts(module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether `forward` could be called like this, as far as its signature tells."""
    wrapped: nn.Module | None = getattr(module, "wrapped", None)
    forward = module.forward if wrapped is None else wrapped.forward
    try:
        inspect.signature(forward).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return False
    return True
