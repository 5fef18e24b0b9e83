"""The graph of a model as the GRAPHS tab takes it: its layers as Keras 3 describes a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backbeat.hooks import GraphLayer, ModelGraph

__all__ = ["conceptual_json"]


def conceptual_json(graph: ModelGraph) -> str:
    """The layers of `graph` and what goes into each, in the words of a Keras 3 model."""
    known = {layer.name for layer in graph.layers}
    layers = [_described(layer, known) for layer in graph.layers]
    # Without a layer that begins or ends it, TensorBoard takes the order for the edges.
    begins = [layer.name for layer in graph.layers if not _from(layer, known)]
    givers = {name for layer in graph.layers for name in _from(layer, known)}
    ends = [layer.name for layer in graph.layers if layer.name not in givers]
    config = {
        "name": graph.name,
        "layers": layers,
        "input_layers": [[name, 0, 0] for name in begins],
        "output_layers": [[name, 0, 0] for name in ends],
    }
    return json.dumps({"class_name": "Functional", "config": config})


def _from(layer: GraphLayer, known: set[str]) -> Sequence[str]:
    return [name for name in layer.inputs if name in known and name != layer.name]


def _described(layer: GraphLayer, known: set[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"name": layer.name}
    if layer.dtype is not None:
        config["dtype"] = layer.dtype
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
        for name in _from(layer, known)
    ]
    calls: list[Any] = [{"args": tensors, "kwargs": {}}] if tensors else []
    # The viewer reads the class as ASCII.
    kind = layer.kind.encode("ascii", "replace").decode()
    return {"class_name": kind, "config": config, "inbound_nodes": calls}
