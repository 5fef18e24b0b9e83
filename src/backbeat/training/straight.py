"""Straight: through layers that are known, without looking around at each of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any, cast

from torch import nn
from torch.autograd import profiler

from backbeat.layers import Layer
from backbeat.layers.symbol import SymbolicCall

__all__ = ["one_after_another", "straight"]

Call = Callable[[Any], Any]

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
# By its name, because torch has no stubs for it.
_of_all: Any = importlib.import_module("torch.nn.modules.module")
_profiler: Any = profiler
_PLAIN_CALLS = (nn.Module.__call__, SymbolicCall.__call__)


def straight(module: nn.Module, call: Call | None = None) -> Call:
    """What computes what `call` does, in less time where it is known what that is.

    That is a chain of layers that `module` is called on one tensor for, or a drawn model called on
    anything; `call` is calling it, if not given. Hooks are heard from the batch on in which they
    are there. A `forward` that is exchanged is seen the next time that this is asked for.
    """
    call = call or module
    graph: Any = getattr(module, "plain_graph", None)
    layers = graph.layers if graph else getattr(module, "chained_layers", None)
    if not layers or not (graph or call is module) or not all(map(_is_plain, [module, *layers])):
        return call
    hooks = tuple(
        getattr(owner, prefix + name)
        for name in _HOOKS
        for owner, prefix in [(_of_all, "_global"), *((each, "") for each in [module, *layers])]
    )
    run: Call = graph.through(_call_of) if graph else one_after_another(map(_call_of, layers))

    def through(inputs: Any) -> Any:
        if any(hooks) or _profiler._is_profiler_enabled:
            return call(inputs)
        return run(inputs)

    return through


def one_after_another(calls: Iterable[Call]) -> Call:
    """Each of `calls` on what the one before gave."""
    chain = tuple(calls)

    def run(inputs: Any) -> Any:
        for call in chain:
            inputs = call(inputs)
        return inputs

    return run


def _is_plain(module: nn.Module) -> bool:
    """Whether calling `module` is calling its `forward`, as long as it has no hooks."""
    return type(module).__call__ in _PLAIN_CALLS and cast(Any, module)._compiled_call_impl is None


def _call_of(layer: nn.Module) -> Callable[..., Any]:
    is_own = isinstance(layer, Layer) and type(layer).forward is Layer.forward
    if is_own and layer.is_ready and "forward" not in vars(layer):
        return cast(Any, layer).call
    return cast(Any, layer).forward
