"""Symbols: tensors to come, with which a functional model is drawn before there are data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from backbeat.errors import ArgumentTypeError
from backbeat.layers.inference import inferring
from backbeat.tensors import leaves, map_leaves

__all__ = ["Node", "Symbol", "SymbolicCall", "new_input"]

Shape = tuple[int | None, ...]

# An axis of unknown length is tried at two lengths; where an output differs, it is unknown too.
# They lie so far apart that they still differ after several poolings.
_BATCH, _TRIED = 2, (32, 64)

_WRAP = (
    "In a functional model wrap a torch module, Model(module)(x), or a function, "
    "Lambda(function)(x)."
)


class Node:
    """One call of a layer on symbols."""

    def __init__(self, layer: nn.Module, args: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.layer = layer
        self.spread = len(args) > 1
        """Whether the layer was given several arguments, rather than one that may be a list."""
        self.inputs = list(args) if self.spread else args[0]
        """A Symbol, or a tree of them, as the layer was given it; None for an input."""
        self.keywords = dict(keywords)
        self.outputs: Any = None
        """A Symbol, or a tree of them, as the layer returned it."""

    @property
    def parents(self) -> list[Symbol]:
        """The symbols that this call needs."""
        return list(leaves(self.inputs))


class Symbol:
    """A tensor to come: what `Input` returns, and what a layer called on symbols returns.

    `shape` has None for the batch and for every axis of unknown length.
    """

    def __init__(self, node: Node, index: int, probes: Sequence[Tensor]) -> None:
        self.node = node
        self.index = index
        self.probes = tuple(probes)
        self.dtype = probes[0].dtype
        sizes = zip(*(probe.shape[1:] for probe in probes), strict=True)
        self.shape: Shape = (None, *(each[0] if len(set(each)) == 1 else None for each in sizes))

    @property
    def name(self) -> str:
        """The name of the layer that gives it."""
        return str(getattr(self.node.layer, "name", type(self.node.layer).__name__))

    def _refuse(self, *_: Any) -> Any:
        raise ArgumentTypeError(
            f"{self!r} has no values yet to compute with or to index. Use a layer, such as "
            "Add()([a, b]), or Lambda(lambda x: 2 * x)(a)."
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse
    __rtruediv__ = __matmul__ = __pow__ = __neg__ = __getitem__ = _refuse

    def __getattr__(self, name: str) -> Any:
        # What a torch module asks its input for, before it calls anything of torch's on it.
        if name.startswith("_") or not hasattr(Tensor, name):  # asked of a half-made copy, too
            raise AttributeError(f"a Symbol has no attribute {name!r}")
        raise AttributeError(f"{self!r} has no values yet, and so no {name!r}. {_WRAP}")

    def __repr__(self) -> str:
        return f"<Symbol {self.name!r}, shape {self.shape}>"

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Torch was called on a symbol, which has no values yet."""
        name = getattr(function, "__name__", str(function))
        raise ArgumentTypeError(
            f"torch's {name} was called on a symbol, which has no values yet. {_WRAP}"
        )


def new_input(layer: nn.Module, shape: Shape, dtype: torch.dtype) -> Symbol:
    """The symbol of an input of `shape`, whose first entry is the batch size."""
    tried = _TRIED if None in shape[1:] else _TRIED[:1]
    probes = [
        torch.zeros([_BATCH, *(size or length for size in shape[1:])], dtype=dtype)
        for length in tried
    ]
    layer.__dict__["built"] = True  # it has nothing to build
    node = Node(layer, [None], {})
    node.outputs = Symbol(node, 0, probes)
    return node.outputs


class SymbolicCall(nn.Module):
    """A module that can be called on symbols: it draws a node instead of computing."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on tensors, draw on symbols."""
        if args and type(args[0]) is not Tensor and _holds_symbol(args):
            return _draw(self, args, kwargs)
        if kwargs and _holds_symbol(kwargs):
            raise _by_position(self, kwargs)
        return super().__call__(*args, **kwargs)


def _holds_symbol(tree: Any) -> bool:
    return any(isinstance(leaf, Symbol) for leaf in leaves(tree))


def _by_position(layer: nn.Module, keywords: Mapping[str, Any]) -> ArgumentTypeError:
    names = [name for name, value in keywords.items() if _holds_symbol(value)]
    return ArgumentTypeError(
        f"{getattr(layer, 'name', layer)!r} was given a symbol as {names[0]}=. Pass symbols by "
        "position; what is passed by name must be known while the model is drawn."
    )


def _draw(layer: nn.Module, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """Call `layer` on zeros of every tried length, to build it and to learn its output shapes."""
    if _holds_symbol(keywords):
        raise _by_position(layer, keywords)
    given = list(leaves(args))
    strangers = [each for each in given if not isinstance(each, Symbol)]
    if strangers:
        raise ArgumentTypeError(
            f"{getattr(layer, 'name', layer)!r} was called on symbols and on "
            f"{type(strangers[0]).__name__} together; make an Input of it."
        )
    node = Node(layer, args, keywords)
    tries = max(len(symbol.probes) for symbol in given)
    results = [_computed(layer, args, keywords, number) for number in range(tries)]
    columns = iter(zip(*(list(leaves(result)) for result in results), strict=True))
    positions = iter(range(len(list(leaves(results[0])))))
    node.outputs = map_leaves(
        lambda _: Symbol(node, next(positions), cast(Any, next(columns))), results[0]
    )
    return node.outputs


def _computed(
    layer: nn.Module, args: Sequence[Any], keywords: Mapping[str, Any], number: int
) -> Any:
    """The outputs of `layer` on the probes of one length, in inference mode."""
    probes = map_leaves(
        lambda symbol: symbol.probes[min(number, len(symbol.probes) - 1)], list(args)
    )
    with inferring(layer):
        return nn.Module.__call__(layer, *probes, **keywords)
