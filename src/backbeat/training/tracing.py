"""ForwardRecording: the graph of a module, seen while an ordinary batch goes through it.

Nothing is run for it: tracing a model on its own could change its buffers, draw random numbers or
fail on its control flow. What is seen are torch's functions and who hands tensors to whom.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from backbeat.hooks.inspection import GraphLayer, GraphNode, ModelGraph
from backbeat.layers.wrappers import bare
from backbeat.tensors import leaves
from backbeat.training.weights import named_layers

__all__ = ["ForwardRecording", "graph_layer"]


class ForwardRecording:
    """Watches the next forward pass of `module`, then takes its hooks away by itself.

    `paths` and `weights` give the names of layers and weights by the ids of the live objects.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        paths: Mapping[int, str],
        weights: Mapping[int, str],
        layers: Sequence[GraphLayer] | None,
        watches: bool = True,
    ) -> None:
        self._module = module
        self._paths = paths
        self._layers = layers
        self._drawing = _Drawing(weights)
        self._mode: _Watching | None = None
        self._hooks: list[Any] = []
        if watches:
            self._hooks = [
                module.register_forward_pre_hook(self._begin, with_kwargs=True),
                module.register_forward_hook(self._end, always_call=True),
            ]

    def _begin(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        del module
        if self._mode is not None:
            return  # the module calls itself
        with _unfinished():
            self._drawing.add_inputs(leaves([args, kwargs]))
        for layer in self._module.modules():
            path = self._paths.get(id(layer))
            if path is not None and layer is not self._module:
                self._hooks += [
                    layer.register_forward_pre_hook(self._entering(path)),
                    layer.register_forward_hook(self._leaving(path), always_call=True),
                ]
        self._mode = _Watching(self._drawing)
        self._mode.__enter__()

    def _entering(self, path: str) -> Callable[..., None]:
        def enter(layer: nn.Module, args: Any) -> None:
            self._drawing.scopes.append((path, args))

        return enter

    def _leaving(self, path: str) -> Callable[..., None]:
        def leave(layer: nn.Module, args: Any, outputs: Any) -> None:
            with _unfinished():
                self._drawing.add_layer(layer, path, args, outputs)
            self._drawing.scopes.pop()

        return leave

    def _end(self, module: nn.Module, args: Any, outputs: Any) -> None:
        del module, args
        with _unfinished():
            self._drawing.add_outputs(leaves(outputs))
        self._stop()

    def _stop(self) -> None:
        mode, self._mode = self._mode, None
        if mode is not None:
            cast(Any, mode).__exit__(None, None, None)
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._drawing.forget_tensors()

    def finish(self) -> ModelGraph:
        """Stop watching and return what was seen."""
        self._stop()
        module = self._module
        name = str(getattr(module, "name", None) or type(bare(module)).__name__)
        nodes = tuple(self._drawing.nodes)
        return ModelGraph(name, tuple(self._layers or _layers_in(module, nodes)), nodes)


class _Drawing:
    """The nodes so far, and which of them gave each tensor."""

    def __init__(self, weights: Mapping[int, str]) -> None:
        self.nodes: list[GraphNode] = []
        self.scopes: list[tuple[str, Any]] = []
        self._weights = weights
        self._drawn_weights: set[str] = set()
        self._names: set[str] = set()
        self._givers: dict[int, str] = {}
        # Kept until the pass is over, so that no id is given to a second tensor.
        self._tensors: list[Tensor] = []

    def add_inputs(self, values: Iterable[Any]) -> None:
        """The tensors that go into the model."""
        for value in _tensors(values):
            self._add("input", "Input", (), [value])

    def add_outputs(self, values: Iterable[Any]) -> None:
        """The tensors that come out of it."""
        for value in _tensors(values):
            self._add("output", "Output", self._from([value]), [value])

    def add_call(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A call of one of torch's functions, if it gave a tensor."""
        given = _tensors(leaves(result))
        if given:
            name = str(getattr(function, "__name__", "") or type(function).__name__)
            if name == "__get__":
                name = str(getattr(getattr(function, "__self__", None), "__name__", "attribute"))
            self._add(
                self._scoped(name.strip("_")), name.strip("_"), self._from(args, kwargs), given
            )

    def add_layer(self, layer: Any, path: str, args: Any, outputs: Any) -> None:
        """A layer has computed: draw what its functions did not show."""
        given = _tensors(leaves(outputs))
        unknown = [each for each in given if id(each) not in self._givers]
        if unknown:
            kind = type(layer).__name__
            self._add(f"{path}/{kind}", kind, self._from(args), unknown)
        if getattr(layer, "skip_activation", False):
            # Training leaves it to the loss, but it belongs to the model.
            kind = str(getattr(layer.activation, "__name__", "activation"))
            self._add(f"{path}/{kind}", kind, self._from(given), given)

    def forget_tensors(self) -> None:
        """Let go of what was kept for the time of the pass."""
        self._tensors.clear()
        self._givers.clear()

    def _scoped(self, name: str) -> str:
        return f"{self.scopes[-1][0]}/{name}" if self.scopes else name

    def _from(self, *trees: Any) -> tuple[str, ...]:
        """The nodes that gave the tensors in `trees`, each once; weights are drawn as they come."""
        givers: dict[str, None] = {}
        for tensor in _tensors(leaves(trees)):
            weight = self._weights.get(id(tensor))
            if weight is not None and weight not in self._drawn_weights:
                self._drawn_weights.add(weight)
                self._add(weight, "Weight", (), [tensor])
            giver = self._givers.get(id(tensor))
            if giver is not None:
                givers[giver] = None
        return tuple(givers)

    def _add(self, name: str, operation: str, inputs: tuple[str, ...], given: list[Tensor]) -> None:
        unique, number = name, 0
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        shapes = tuple(tuple(int(size) for size in tensor.shape) for tensor in given)
        self.nodes.append(GraphNode(unique, operation, inputs, shapes))
        for tensor in given:
            self._givers[id(tensor)] = unique
        self._tensors += given


class _Watching(TorchFunctionMode):
    """Draws every call of torch's functions while it is entered."""

    def __init__(self, drawing: _Drawing) -> None:
        super().__init__()
        self._drawing = drawing

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        with _unfinished():
            self._drawing.add_call(func, args, kwargs, result)
        return result


def _unfinished() -> contextlib.suppress:
    """Within it a drawing that fails stays unfinished; the pass that is drawn goes on."""
    return contextlib.suppress(Exception)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor)]


def _layers_in(module: nn.Module, nodes: Sequence[GraphNode]) -> list[GraphLayer]:
    """The layers of `module`, and between them what was seen to go from one to the other."""
    named = named_layers(module)
    known = {name for name, _ in named}
    sources = _sources(nodes, known)
    made = [graph_layer(name, layer, sources.get(name, {})) for name, layer in named]
    inputs = [node.name for node in nodes if node.operation == "Input"]
    return [*(GraphLayer(name, "InputLayer") for name in inputs if name not in known), *made]


def graph_layer(name: str, layer: nn.Module, inputs: Iterable[str]) -> GraphLayer:
    """`layer` as it is drawn, with what goes into it."""
    dtype = next((each.dtype for each in layer.parameters()), None)
    said = None if dtype is None else str(dtype).removeprefix("torch.")
    return GraphLayer(name, type(bare(layer)).__name__, tuple(inputs), said)


def _sources(nodes: Sequence[GraphNode], known: set[str]) -> dict[str, dict[str, None]]:
    """For each layer the layers and inputs that it gets something from.

    An operation between layers belongs to none; what went into it goes on to what it gives to.
    """
    reach: dict[str, dict[str, None]] = {}
    sources: dict[str, dict[str, None]] = {}
    for node in nodes:
        owner = node.name.split("/")[0] if "/" in node.name else None
        came = {each: None for giver in node.inputs for each in reach.get(giver, {})}
        if owner in known:
            assert owner is not None
            sources.setdefault(owner, {}).update({each: None for each in came if each != owner})
            reach[node.name] = {} if node.operation == "Weight" else {owner: None}
        else:
            reach[node.name] = {node.name: None} if node.operation == "Input" else came
    return sources
