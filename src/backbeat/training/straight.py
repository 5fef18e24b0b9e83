"""Straight: through a chain of layers, without looking around at each of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, cast

from torch import nn
from torch.autograd import profiler

from backbeat.layers import Layer
from backbeat.layers.symbol import SymbolicCall

__all__ = ["straight"]

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
# By its name, because torch has no stubs for it.
_of_all: Any = importlib.import_module("torch.nn.modules.module")
_profiler: Any = profiler
_PLAIN_CALLS = (nn.Module.__call__, SymbolicCall.__call__)


def straight(module: nn.Module) -> Callable[[Any], Any]:
    """What computes the outputs of `module` as calling it does, in less time where it is a chain.

    Hooks are heard from the batch on in which they are there. A `forward` that is exchanged is
    seen the next time that this is asked for.
    """
    layers: list[nn.Module] | None = getattr(module, "chained_layers", None)
    if not layers or not all(map(_is_plain, [module, *layers])):
        return module
    hooks = tuple(
        getattr(owner, prefix + name)
        for name in _HOOKS
        for owner, prefix in [(_of_all, "_global"), *((each, "") for each in [module, *layers])]
    )
    calls = tuple(map(_call_of, layers))

    def through(inputs: Any) -> Any:
        if any(hooks) or _profiler._is_profiler_enabled:
            return module(inputs)
        for call in calls:
            inputs = call(inputs)
        return inputs

    return through


def _is_plain(module: nn.Module) -> bool:
    """Whether calling `module` is calling its `forward`, as long as it has no hooks."""
    return type(module).__call__ in _PLAIN_CALLS and cast(Any, module)._compiled_call_impl is None


def _call_of(layer: nn.Module) -> Callable[[Any], Any]:
    is_own = isinstance(layer, Layer) and type(layer).forward is Layer.forward
    if is_own and layer.is_ready and "forward" not in vars(layer):
        return cast(Any, layer).call
    return cast(Any, layer).forward
