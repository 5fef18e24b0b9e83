"""Inspection: what a callback may look at in a model without knowing what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["GraphLayer", "GraphNode", "GraphRecording", "Inspection", "ModelGraph"]

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class GraphNode:
    """One operation of a forward pass, an input, a weight, or an output."""

    name: str
    """Unique, with the layers that it lies in before it: `encoder/dense_1/linear`."""
    operation: str
    """What it does: `linear`; for the others `Input`, `Weight` or `Output`."""
    inputs: tuple[str, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    """The shapes of what it gives, the batch included."""


@dataclass(frozen=True)
class GraphLayer:
    """One layer of a model, and the layers whose outputs go into it."""

    name: str
    kind: str
    """The name of its class."""
    inputs: tuple[str, ...] = ()
    dtype: str | None = None


@dataclass(frozen=True)
class ModelGraph:
    """How a model computes, drawn twice: by its layers, and by single operations."""

    name: str
    layers: tuple[GraphLayer, ...] = ()
    nodes: tuple[GraphNode, ...] = ()


class GraphRecording(Protocol):
    """Watches the next forward pass of a model, the ordinary one of the training."""

    def finish(self) -> ModelGraph:
        """Stop watching and return what was seen; without a pass only the layers are known."""
        ...


class Inspection(Protocol):
    """What can be seen of a model. Looking changes nothing: not the weights, modes or randomness.

    Weights are named `<layer>/<weight>` and turned as Keras has them; all arrays are copies or
    valid only during the call that hands them over.
    """

    layer_names: tuple[str, ...]
    """The layers, in order."""
    input_count: int
    """How many inputs the model takes."""

    def weights(self) -> dict[str, Any]:
        """All weights by name."""
        ...

    def gradients(self) -> dict[str, Any]:
        """The gradients as the training step left them, by the names of their weights.

        A sparse one gives the rows that it has. Weights without a gradient are left out.
        """
        ...

    def tables(self) -> dict[str, Any]:
        """The weights of all embedding layers by the names of the layers."""
        ...

    def watch_outputs(
        self, heard: Callable[[str, Sequence[Any]], None], layers: Sequence[str] | None = None
    ) -> AbstractContextManager[None]:
        """Within it `heard(layer, outputs)` is called whenever a layer has computed.

        `layers` are names; all layers by default. What `heard` raises is raised at the end, once.

        Raises ArgumentError if the model has no layer of such a name.
        """
        ...

    def run(self, inputs: Any, batch_size: int) -> None:
        """Send `inputs` through the model in inference mode, in batches, for others to watch."""
        ...

    def record_graph(self) -> GraphRecording:
        """Begin to watch the next forward pass."""
        ...

    def describe(self) -> Mapping[str, str]:
        """What the model is, in words, for people: `model`, `weights`, `optimizer`, `device`."""
        ...
