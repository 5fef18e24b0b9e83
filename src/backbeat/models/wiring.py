"""How the layers of a model hang together, where that is known before any batch."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from backbeat.hooks.inspection import GraphLayer
from backbeat.models.graph import Graph
from backbeat.training.tracing import graph_layer

__all__ = ["chain", "drawn"]


def chain(named: Sequence[tuple[str, nn.Module]]) -> list[GraphLayer]:
    """The layers of a Sequential: each gets what the one before it gives."""
    before = ["", *(name for name, _ in named)]
    return [
        graph_layer(name, layer, (giver,) if giver else ())
        for giver, (name, layer) in zip(before, named, strict=False)
    ]


def drawn(graph: Graph) -> list[GraphLayer]:
    """The layers of a functional model; one that is called twice has the inputs of both calls."""
    inputs: dict[int, dict[str, None]] = {}
    for node in graph.nodes:
        givers = {parent.name: None for parent in node.parents}
        inputs.setdefault(id(node.layer), {}).update(givers)
    return [
        graph_layer(str(getattr(layer, "name", "")), layer, inputs.get(id(layer), ()))
        for layer in graph.layers
    ]
