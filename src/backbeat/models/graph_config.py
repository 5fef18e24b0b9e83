"""Functional models ↔ config: the layers, who calls whom, as Keras 2 writes it and 3 too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from torch import nn

from backbeat.errors import ArgumentError
from backbeat.layers.symbol import Node, Symbol, new_input
from backbeat.models.graph import Graph
from backbeat.tensors import leaves

__all__ = ["functional_config", "graph_from_config"]

Config = dict[str, Any]
Reference = tuple[str, int, int]
"""A tensor: the layer that gives it, which call of it, which of its outputs."""


def functional_config(
    name: str, graph: Graph, describe: Callable[[str, nn.Module], Config | None]
) -> Config | None:
    """The config of the functional model `name`; None if one of its layers has no config."""
    calls = _calls(graph)
    entries: list[Any] = []
    for layer in graph.layers:
        layer_name = str(getattr(layer, "name", ""))
        described = describe(layer_name, layer)
        if described is None:
            return None
        inbound = [_inbound(node, calls) for node in graph.nodes if node.layer is layer]
        calls_made = [each for each in inbound if each]
        entries.append({"name": layer_name, **described, "inbound_nodes": calls_made})
    inner = {
        "name": name,
        "layers": entries,
        "input_layers": _listed(graph.inputs, calls),
        "output_layers": _listed(graph.outputs, calls),
    }
    return {"class_name": "Model", "config": inner}


def _calls(graph: Graph) -> dict[int, int]:
    """Which call of its layer each node is, counted within the model."""
    seen: dict[int, int] = {}
    numbers: dict[int, int] = {}
    for node in graph.nodes:
        numbers[id(node)] = seen.get(id(node.layer), 0)
        seen[id(node.layer)] = numbers[id(node)] + 1
    return numbers


def _inbound(node: Node, calls: Mapping[int, int]) -> list[Any]:
    return [[*_reference(parent, calls), dict(node.keywords)] for parent in node.parents]


def _reference(symbol: Symbol, calls: Mapping[int, int]) -> Reference:
    return symbol.name, calls[id(symbol.node)], symbol.index


def _listed(tree: Any, calls: Mapping[int, int]) -> Any:
    """The references of all symbols in `tree`; by name if they stand in a dict, as in Keras 3."""
    if isinstance(tree, Mapping):
        named = cast(Mapping[str, Any], tree)
        if all(isinstance(symbol, Symbol) for symbol in named.values()):
            return {name: list(_reference(symbol, calls)) for name, symbol in named.items()}
    return [list(_reference(symbol, calls)) for symbol in leaves(tree)]


def graph_from_config(
    inner: Mapping[str, Any], make: Callable[[Mapping[str, Any]], nn.Module]
) -> tuple[Any, Any]:
    """The input and output symbols of the model that `inner` describes; `make` makes the layers.

    Raises ArgumentError if its layers do not fit together.
    """
    made = {_name(entry): make(entry) for entry in inner["layers"]}
    symbols: dict[Reference, Symbol] = {}
    waiting: list[tuple[str, int, list[Any]]] = []
    for entry in inner["layers"]:
        name = _name(entry)
        if entry["class_name"] == "InputLayer":
            layer: Any = made[name]
            shape = (None, *layer.batch_input_shape[1:])
            symbols[name, 0, 0] = new_input(layer, shape, layer.dtype)
        for number, inbound in enumerate(entry.get("inbound_nodes", ())):
            waiting.append((name, number, _wanted(inbound)))
    while waiting:
        # A call of a layer may only be made when what it is called on is there.
        ready = [call for call in waiting if all(each[0] in symbols for each in call[2])]
        if not ready:
            raise ArgumentError(
                f"The config of {inner.get('name')!r} draws a circle, or misses a layer: "
                f"{', '.join(sorted({call[0] for call in waiting}))} cannot be called."
            )
        for name, number, wanted in ready:
            _call(made[name], name, number, wanted, symbols)
        waiting = [call for call in waiting if call not in ready]
    return _ends(inner["input_layers"], symbols), _ends(inner["output_layers"], symbols)


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("name") or entry["config"]["name"])


def _call(
    layer: nn.Module, name: str, number: int, wanted: list[Any], symbols: dict[Reference, Symbol]
) -> None:
    keywords: dict[str, Any] = wanted[0][1] if wanted else {}
    given = [symbols[reference] for reference, _ in wanted]
    outputs = layer(given[0] if len(given) == 1 else given, **keywords)
    for index, symbol in enumerate(leaves(outputs)):
        symbols[name, number, index] = symbol


def _wanted(inbound: Any) -> list[tuple[Reference, dict[str, Any]]]:
    """What one call of a layer is called on: Keras 2's lists, or Keras 3's described tensors."""
    if isinstance(inbound, Mapping):
        call = cast(Mapping[str, Any], inbound)
        return [(reference, {}) for reference in _histories(call["args"])]
    entries = cast(Sequence[Any], inbound)
    return [((str(n), int(c), int(t)), dict(rest[0]) if rest else {}) for n, c, t, *rest in entries]


def _histories(tree: Any) -> list[Reference]:
    """The tensors that Keras 3 describes somewhere in a tree of arguments."""
    if isinstance(tree, Mapping):
        described = cast(Mapping[str, Any], tree)
        history = cast(Mapping[str, Any], described.get("config") or {}).get("keras_history")
        if history is not None:
            return [(str(history[0]), int(history[1]), int(history[2]))]
        return [each for part in described.values() for each in _histories(part)]
    if isinstance(tree, (list, tuple)):
        return [each for part in cast(Sequence[Any], tree) for each in _histories(part)]
    return []


def _ends(listed: Any, symbols: Mapping[Reference, Symbol]) -> Any:
    """The symbols that are referred to: a dict of them, a list, or one."""
    if isinstance(listed, Mapping):
        named = cast(Mapping[str, Any], listed)
        return {name: symbols[_references(each)[0]] for name, each in named.items()}
    return _one_or_all([symbols[reference] for reference in _references(listed)])


def _references(listed: Sequence[Any]) -> list[Reference]:
    """Keras 3 leaves out the outer list where there is only one."""
    several = listed if listed and isinstance(listed[0], (list, tuple)) else [listed]
    return [(str(name), int(call), int(tensor)) for name, call, tensor in several]


def _one_or_all(symbols: list[Symbol]) -> Any:
    return symbols[0] if len(symbols) == 1 else symbols
