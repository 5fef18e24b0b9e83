"""Model: an `nn.Module` with `compile`, `fit`, `evaluate`, `predict` and `save`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.hooks import GraphLayer
from backbeat.hooks.host import Direction
from backbeat.layers import keras_weights
from backbeat.layers.naming import snake_case, unique_name
from backbeat.layers.symbol import Symbol
from backbeat.layers.wrappers import bare
from backbeat.models.architecture import Architecture
from backbeat.models.compiled import Compiled
from backbeat.models.config import KNOWN_MODELS, layer_config
from backbeat.models.graph import Graph
from backbeat.models.graph_config import functional_config
from backbeat.models.keras_arguments import refuse_unavailable
from backbeat.models.summary import summary_text
from backbeat.models.wiring import drawn
from backbeat.models.yielding import Yielding
from backbeat.optimizers import Optimizer
from backbeat.tensors import first_leaf
from backbeat.training.arguments import step_settings
from backbeat.training.weights import all_weights

__all__ = ["Model"]


class Model(Architecture):
    """A model that trains itself, born in one of three ways.

    Subclass it with `forward`; wrap any module, `Model(module)`; or draw it, `Model(inputs,
    outputs)`, with what `Input` and layers called on it return.

    >>> model = Model(torch.nn.Linear(4, 1))
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(torch.zeros(8, 4), torch.zeros(8, 1), verbose=0)
    >>> history.history["loss"][0] >= 0
    True
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None) -> None:
        super().__init__()
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.history: Any = None
        self.output_shapes: dict[str, tuple[int | None, ...]] = {}
        self.wrapped: nn.Module | None = None
        self.graph: Graph | None = None
        if outputs is not None:
            self._draw(Graph(inputs, outputs))
        elif inputs is not None:
            self.wrapped = _module(inputs)

    def _draw(self, graph: Graph) -> None:
        """Become what lies between the inputs and outputs of `graph`."""
        self.graph = graph
        # Registered by position, so that the state fits another model of the same layers.
        for number, layer in enumerate(graph.layers):
            self.add_module(str(number), layer)
        for node in graph.nodes:
            first: Symbol = first_leaf(node.outputs)
            self.output_shapes[first.name] = first.shape

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the model computes: its graph, the wrapped module, or the subclass' own forward."""
        if self.graph is not None:
            return self.graph.run(kwargs or (args[0] if len(args) == 1 else args))
        if self.wrapped is None:
            raise StateError(
                f"{type(self).__name__} has no forward. Define forward(self, x), or wrap a module: "
                "Model(module)."
            )
        return self.wrapped(*args, **kwargs)

    @property
    def plain_graph(self) -> Graph | None:
        """The graph, where sending inputs through it is all that calling the model does."""
        is_plain = type(self).forward is Model.forward and "forward" not in vars(self)
        return self.graph if is_plain else None

    # What it is made of

    def _contents(self) -> nn.Module:
        return self if self.wrapped is None else bare(self.wrapped)

    @Yielding
    def layers(self) -> list[nn.Module]:
        """The layers, in order: the model's children, or those of the module it wraps."""
        return [layer for _, layer in self.named_layers()]

    def named_layers(self) -> list[tuple[str, nn.Module]]:
        """The layers with their names, in order; a wrapped module without children is one layer."""
        if self.graph is not None:
            return [(str(getattr(layer, "name", "")), layer) for layer in self.graph.layers]
        contents = self._contents()
        children = list(contents.named_children())
        if not children and contents is not self:
            children = [(type(contents).__name__.lower(), contents)]
        return [(getattr(child, "name", None) or name, child) for name, child in children]

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs, where the model has any for them."""
        return () if self.graph is None else self.graph.output_names

    def _heads(self, outputs: Sequence[str]) -> dict[str, nn.Module]:
        """The layers whose activations are the last thing the model does, by output."""
        if self.graph is None:
            return {}
        last = self.graph.last_layers()
        return {name: layer for name, layer in zip(outputs, last, strict=True) if layer is not None}

    def _wiring(self) -> list[GraphLayer] | None:
        return None if self.graph is None else drawn(self.graph)

    def _input_count(self) -> int:
        return 1 if self.graph is None else len(self.graph.input_symbols)

    def keras_config(self) -> dict[str, Any] | None:
        """The architecture as Keras describes it; None if it has no words for it."""
        if self.graph is None:
            return None
        return functional_config(self.name, self.graph, layer_config)

    def get_layer(self, name: str | None = None, index: int | None = None) -> nn.Module:
        """The layer called `name`, or the one at `index`. Raises ArgumentError if there is none."""
        layers = self.named_layers()
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(f"index={index}, but {self.name} has {len(layers)} layers.")
            return layers[index][1]
        found = dict(layers).get(name or "")
        if found is None:
            names = ", ".join(known for known, _ in layers)
            raise ArgumentError(f"{self.name} has no layer {name!r}; its layers are: {names}.")
        return found

    def count_params(self) -> int:
        """The number of weights, trainable or not."""
        self._require_built("count_params")
        return sum(weight.tensor.numel() for weight in keras_weights(self._contents()))

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of all weights, layer by layer, in Keras' order and orientation."""
        self._require_built("get_weights")
        return [weight.array() for weight in all_weights(self)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put `weights` in place of those that `get_weights` returns, or change nothing.

        Raises ArgumentError if their number or a shape does not fit.
        """
        self._require_built("set_weights")
        own = all_weights(self)
        if len(own) != len(weights):
            raise ArgumentError(
                f"set_weights was given {len(weights)} arrays, but {self.name} has {len(own)}."
            )
        for weight, array in zip(own, weights, strict=True):
            if np.shape(array) != weight.shape:
                raise ArgumentError(
                    f"set_weights was given an array of shape {np.shape(array)} for "
                    f"{weight.name}, which has shape {weight.shape}."
                )
        for weight, array in zip(own, weights, strict=True):
            weight.assign(array)

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print a table of the layers, their output shapes and numbers of weights."""
        (print_fn or print)(summary_text(self))

    # Compiling

    def compile(  # type: ignore[override]  # ours replaces torch's, which is jit_compile= here
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        sample_weight_mode: Any = None,
        weighted_metrics: Any = None,
        target_tensors: Any = None,
        *,
        device: str | torch.device | None = None,
        precision: str | None = None,
        accumulate: int = 1,
        jit_compile: bool = False,
        cuda_graph: bool = False,
    ) -> None:
        """Say how to train: each argument by name, as an object or as a callable.

        `optimizer` and `loss` may be torch's own, `metrics` anything with `update`, `compute` and
        `reset`. With several outputs `loss`, `metrics` and `loss_weights` may be lists, or dicts by
        output name. `sample_weight_mode` and `target_tensors` can only be None.

        The model goes to `device`; by default to an accelerator if there is one.
        `precision="bf16"` computes products in bfloat16. `accumulate=n` lets the optimizer step
        once in n batches, with their mean gradient, and at the end of an epoch. `jit_compile=True`
        compiles forward, loss and backward with torch.compile. `cuda_graph=True` records them for a
        batch on a GPU, once for every shape, and replays them; elsewhere it changes nothing.
        """
        refuse_unavailable(sample_weight_mode, target_tensors)
        settings = step_settings(precision, accumulate, jit_compile, cuda_graph)
        compiled = Compiled(
            optimizer, loss, metrics, loss_weights, weighted_metrics, self.output_names
        )
        if cuda_graph and compiled.stateful_names:
            raise ArgumentError(
                f"cuda_graph=True cannot record {', '.join(compiled.stateful_names)}: a metric "
                "that runs through the epoch counts in Python. Leave one of them out."
            )
        self._compiled, self._settings = compiled, settings
        self._step = None
        self._place_on(device)

    @Yielding
    def optimizer(self) -> Optimizer | None:
        """The optimizer given to `compile`."""
        return None if self._compiled is None else self._compiled.optimizer

    @Yielding
    def loss(self) -> Any:
        """The loss given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    @Yielding
    def metrics(self) -> list[Any]:
        """The metrics given to `compile`."""
        return [] if self._compiled is None else self._compiled.metrics

    @Yielding
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns: `loss`, then the metrics."""
        return ["loss"] if self._compiled is None else list(self._compiled.names)

    def _metric_direction(self, name: str) -> Direction | None:
        return None if self._compiled is None else self._compiled.direction(name)


KNOWN_MODELS.add(Model, "Model", "Functional")


def _module(given: Any) -> nn.Module:
    if isinstance(given, nn.Module):
        return given
    if isinstance(given, Symbol):
        raise ArgumentTypeError("Model was given inputs but no outputs: Model(inputs, outputs).")
    raise ArgumentTypeError(
        f"Model was given {given!r}; pass a torch.nn.Module to wrap, the inputs and outputs of a "
        "functional model, or subclass Model and define forward."
    )
