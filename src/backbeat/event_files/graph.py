"""Graphs: operations and what flows between them, described without any framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backbeat.errors import ArgumentError
from backbeat.event_files import protos

__all__ = ["Node", "graph_bytes"]

# The oldest reader that TensorBoard has to expect.
_PRODUCER = 22
# TensorBoard's page leaves out what is longer than 1,024 bytes.
_LONGEST_ATTRIBUTE = 1000
_DTYPES = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "complex64": 8,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "complex128": 18,
    "float16": 19,
}


@dataclass(frozen=True)
class Node:
    """One operation. Slashes in its name make groups that can be opened: `encoder/dense`."""

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    """The names of the nodes whose outputs it takes."""
    shapes: tuple[tuple[int | None, ...], ...] = ()
    """The shape of each of its outputs; None is a size that varies, as that of the batch."""
    dtype: str | None = None
    """The type of its outputs, such as "float32"."""
    attributes: Mapping[str, bool | int | float | str] = field(default_factory=dict[str, Any])
    """Whatever else is worth showing about it."""


def graph_bytes(nodes: Iterable[Node]) -> bytes:
    """The nodes as TensorBoard's GRAPHS tab takes them.

    Raises ArgumentError if two nodes have one name, or if an input is no node's name.
    """
    nodes = list(nodes)
    _check_names(nodes)
    graph = protos.GraphDef()
    graph.versions.producer = _PRODUCER
    for node in nodes:
        added = graph.node.add(name=node.name, op=node.op, input=node.inputs)
        for key, value in node.attributes.items():
            _set(added.attr[key], value)
        if node.dtype in _DTYPES:
            added.attr["dtype"].type = _DTYPES[node.dtype]
        for shape in node.shapes:
            listed = added.attr["_output_shapes"].list.shape.add()
            for size in shape:
                listed.dim.add(size=-1 if size is None else size)
    return graph.SerializeToString()


def _set(attribute: Any, value: bool | int | float | str) -> None:
    # A bool is an int too, so it is asked for first.
    if isinstance(value, bool):
        attribute.b = value
    elif isinstance(value, int):
        attribute.i = value
    elif isinstance(value, float):
        attribute.f = value
    else:
        attribute.s = str(value).encode("utf-8", "replace")[:_LONGEST_ATTRIBUTE]


def _check_names(nodes: list[Node]) -> None:
    names = {node.name for node in nodes}
    if len(names) < len(nodes):
        seen: set[str] = set()
        twice = next(n.name for n in nodes if n.name in seen or seen.add(n.name))
        raise ArgumentError(f"graph: two nodes are called {twice!r}; every name is one node's.")
    for node in nodes:
        for name in node.inputs:
            if name.partition(":")[0] not in names:
                raise ArgumentError(
                    f"graph: {node.name!r} takes {name!r}, which is no node; there are "
                    f"{', '.join(sorted(names)[:10])}."
                )
