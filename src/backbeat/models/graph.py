"""Graph: what is drawn between some input symbols and some output symbols, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers.symbol import Node, Symbol
from backbeat.metrics import unique_names
from backbeat.tensors import leaves, map_leaves
from backbeat.training.straight import one_after_another

__all__ = ["Graph"]

CallOf = Callable[[nn.Module], Callable[..., Any]]
Step = tuple[Callable[..., Any], Any, Mapping[str, Any], tuple[int, ...]]


class Graph:
    """The layers between `inputs` and `outputs`, and the order in which they compute.

    Raises ArgumentError if the outputs need an input that is not among `inputs`.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, _unwrapped(outputs)
        self.input_symbols = _symbols("inputs", inputs)
        self.output_symbols = _symbols("outputs", outputs)
        self.nodes = self._sorted()
        self._check_inputs()
        self.layers = self._in_keras_order()
        self._check_names()
        self.input_names = _names_of(inputs, self.input_symbols)
        slots = self._slots()
        self._input_slots = [slots[id(symbol)] for symbol in self.input_symbols]
        self._steps = self._steps_by(lambda layer: layer)
        self._result = map_leaves(lambda symbol: slots[id(symbol)], self.outputs)
        self._size = len(slots)

    def run(self, inputs: Any) -> Any:
        """The outputs for `inputs`: one tensor, a list in order, or a dict by input name."""
        return self._send(inputs, self._steps)

    def through(self, call_of: CallOf) -> Callable[[Any], Any]:
        """What does as `run`, each layer being called as `call_of` says."""
        if self._is_chain():
            layers = [node.layer for node in self.nodes if node.inputs is not None]
            chain = one_after_another(map(call_of, layers))
            return lambda inputs: chain(self._ordered(inputs)[0])
        steps = self._steps_by(call_of)
        return lambda inputs: self._send(inputs, steps)

    def _is_chain(self) -> bool:
        """Whether each layer is called on the one tensor that the layer before it gave."""
        called = [node for node in self.nodes if node.inputs is not None]
        begins = [self.inputs, *(node.outputs for node in called)]
        one_by_one = [node.inputs is begin for node, begin in zip(called, begins, strict=False)]
        plain = all(isinstance(node.outputs, Symbol) and not node.keywords for node in called)
        return plain and all(one_by_one) and self.outputs is begins[-1]

    def _send(self, inputs: Any, steps: Sequence[Step]) -> Any:
        values: list[Any] = [None] * self._size
        for slot, value in zip(self._input_slots, self._ordered(inputs), strict=True):
            values[slot] = value
        for call, wanted, keywords, given in steps:
            taken = values[wanted] if type(wanted) is int else _take(values, wanted)
            result = call(taken, **keywords)
            if len(given) == 1 and isinstance(result, torch.Tensor):
                values[given[0]] = result
            else:
                for slot, value in zip(given, leaves(result), strict=True):
                    values[slot] = value
        wanted = self._result
        return values[wanted] if type(wanted) is int else _take(values, wanted)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs: those of the dict that they stand in, or of their layers.

        Where one layer gives several, they are numbered.
        """
        return unique_names(_names_of(self.outputs, self.output_symbols), taken=())

    def last_layers(self) -> list[nn.Module | None]:
        """For each output its layer, if nothing else is computed by or from it."""
        wanted = [parent for node in self.nodes for parent in node.parents]
        uses = [id(symbol) for symbol in (*wanted, *self.output_symbols)]
        calls = [id(node.layer) for node in self.nodes]
        return [
            symbol.node.layer
            if uses.count(id(symbol)) == 1 and calls.count(id(symbol.node.layer)) == 1
            else None
            for symbol in self.output_symbols
        ]

    def _ordered(self, inputs: Any) -> Sequence[Any]:
        if isinstance(inputs, torch.Tensor):
            inputs = [inputs]
        elif isinstance(inputs, Mapping):
            inputs = self._by_name(cast(Mapping[str, Any], inputs))
        parts = cast(Sequence[Any], inputs)
        if len(parts) != len(self.input_symbols):
            raise DataError(
                f"The model has {len(self.input_symbols)} inputs ({self._names()}), but was given "
                f"{len(parts)}."
            )
        return parts

    def _by_name(self, inputs: Mapping[str, Any]) -> list[Any]:
        missing = [name for name in self.input_names if name not in inputs]
        if missing:
            raise DataError(
                f"The model needs inputs called {self._names()}; {', '.join(missing)} is missing "
                f"from {', '.join(map(str, inputs))}."
            )
        return [inputs[name] for name in self.input_names]

    def _names(self) -> str:
        return ", ".join(self.input_names)

    def _steps_by(self, call_of: CallOf) -> list[Step]:
        slots = self._slots()
        called = [node for node in self.nodes if node.inputs is not None]
        return [self._step(node, slots, call_of(node.layer)) for node in called]

    def _step(self, node: Node, slots: Mapping[int, int], call: Callable[..., Any]) -> Step:
        wanted = map_leaves(lambda symbol: slots[id(symbol)], node.inputs)
        given = tuple(slots[id(symbol)] for symbol in leaves(node.outputs))
        return _spread(call) if node.spread else call, wanted, node.keywords, given

    def _slots(self) -> dict[int, int]:
        """Where the value of each symbol lies; copies of a graph have symbols of their own."""
        return {id(symbol): number for number, symbol in enumerate(self._every_symbol())}

    def _every_symbol(self) -> Iterator[Symbol]:
        for node in self.nodes:
            yield from leaves(node.outputs)

    def _sorted(self) -> list[Node]:
        """Every node on the way to the outputs, each after those that it needs."""
        done: dict[int, Node] = {}
        ends = {id(symbol.node) for symbol in self.input_symbols}
        for symbol in self.output_symbols:
            stack = [(symbol.node, False)]
            while stack:
                node, is_ready = stack.pop()
                if is_ready:
                    done.setdefault(id(node), node)
                elif id(node) not in done:
                    stack.append((node, True))
                    parents = [] if id(node) in ends else node.parents
                    stack += [(parent.node, False) for parent in reversed(parents)]
        for symbol in self.input_symbols:
            done.setdefault(id(symbol.node), symbol.node)
        return list(done.values())

    def _check_names(self) -> None:
        names = [str(getattr(layer, "name", "")) for layer in self.layers]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise ArgumentError(
                f"Several layers of the model are called {', '.join(map(repr, twice))}. Give each "
                "its own name=, or call one layer several times to share its weights."
            )

    def _check_inputs(self) -> None:
        for symbol in self.input_symbols:
            if symbol.node.inputs is not None:
                raise ArgumentError(
                    f"{symbol.name!r} is given by a layer, so it cannot be an input of a model. "
                    f"Make an Input of the shape {symbol.shape[1:]} and call the layers after it "
                    "on that; they keep their weights."
                )
        known = {id(symbol.node) for symbol in self.input_symbols}
        for node in self.nodes:
            if node.inputs is None and id(node) not in known:
                name = getattr(node.layer, "name", "?")
                names = ", ".join(symbol.name for symbol in self.input_symbols)
                raise ArgumentError(
                    f"The outputs need the input {name!r}, which is not among the model's inputs "
                    f"({names}). Add it: Model([...], outputs)."
                )

    def _in_keras_order(self) -> list[nn.Module]:
        """The layers by decreasing distance from the outputs, then by first visit (Keras 2)."""
        depth: dict[int, int] = {}
        for node in reversed(self.nodes):
            below = depth.setdefault(id(node), 0)
            for parent in node.parents:
                depth[id(parent.node)] = max(depth.get(id(parent.node), 0), below + 1)
        layers: dict[int, nn.Module] = {}
        deepest: dict[int, int] = {}
        for node in self._visited():
            layers.setdefault(id(node.layer), node.layer)
            deepest[id(node.layer)] = max(deepest.get(id(node.layer), 0), depth[id(node)])
        for symbol in self.input_symbols:
            # One that nothing needs is a layer of the model all the same.
            layers.setdefault(id(symbol.node.layer), symbol.node.layer)
        return sorted(layers.values(), key=lambda layer: -deepest.get(id(layer), 0))

    def _visited(self) -> list[Node]:
        """The nodes in the order in which a walk from the outputs first meets them."""
        seen: dict[int, Node] = {}
        stack = [symbol.node for symbol in reversed(self.output_symbols)]
        while stack:
            node = stack.pop()
            if id(node) not in seen:
                seen[id(node)] = node
                stack += [parent.node for parent in reversed(node.parents)]
        return list(seen.values())


def _symbols(argument: str, tree: Any) -> list[Symbol]:
    found = list(leaves(tree))
    strangers = [each for each in found if not isinstance(each, Symbol)]
    if strangers or not found:
        given = type(strangers[0]).__name__ if strangers else "nothing"
        raise ArgumentTypeError(
            f"{argument} of a functional model must come from Input(...) and layers called on it; "
            f"got {given}."
        )
    return found


def _spread(call: Callable[..., Any]) -> Callable[..., Any]:
    def spread(inputs: Sequence[Any], **keywords: Any) -> Any:
        return call(*inputs, **keywords)

    return spread


def _names_of(tree: Any, symbols: Sequence[Symbol]) -> tuple[str, ...]:
    """The keys of a dict of symbols, or the names of the symbols."""
    if isinstance(tree, Mapping):
        keys = tuple(map(str, cast(Mapping[Any, Any], tree)))
        if len(keys) == len(symbols):
            return keys
    return tuple(symbol.name for symbol in symbols)


def _unwrapped(outputs: Any) -> Any:
    """A single output is no list, as in Keras 2."""
    if isinstance(outputs, (list, tuple)):
        parts = cast(Sequence[Any], outputs)
        return parts[0] if len(parts) == 1 else parts
    return outputs


def _take(values: Sequence[Any], wanted: Any) -> Any:
    return map_leaves(lambda slot: values[slot], wanted)
