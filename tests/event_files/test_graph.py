"""Graphs: TensorBoard's loader finds every node, and wrong names are refused."""

from pathlib import Path

import pytest
from tensorboard.compat.proto.graph_pb2 import GraphDef

from backbeat.errors import ArgumentError
from backbeat.event_files import EventFileWriter, Node
from backbeat.event_files.graph import graph_bytes
from tests.event_files.reading import loaded

NODES = [
    Node("input", "Placeholder", shapes=((None, 4),), dtype="float32"),
    Node(
        "encoder/dense",
        "Dense",
        inputs=("input",),
        shapes=((None, 8), ()),
        dtype="bfloat16",
        attributes={"units": 8, "use_bias": True, "rate": 0.5, "activation": "relu"},
    ),
]


def test_everything_is_there(tmp_path: Path) -> None:
    """Names, operations, inputs, shapes, types and attributes are in the graph that is loaded."""
    writer = EventFileWriter(tmp_path)
    writer.graph(NODES)
    writer.close()
    graph = loaded(tmp_path).Graph()
    first, second = graph.node

    assert graph.versions.producer == 22
    assert (first.name, first.op, list(first.input)) == ("input", "Placeholder", [])
    assert (second.name, second.op, list(second.input)) == ("encoder/dense", "Dense", ["input"])
    assert sizes(first) == [[-1, 4]]
    assert sizes(second) == [[-1, 8], []]
    assert (first.attr["dtype"].type, second.attr["dtype"].type) == (1, 14)
    assert (second.attr["units"].i, second.attr["use_bias"].b) == (8, True)
    assert (second.attr["rate"].f, second.attr["activation"].s) == (0.5, b"relu")


def sizes(node: object) -> list[list[int]]:
    shapes = node.attr["_output_shapes"].list.shape
    return [[dim.size for dim in shape.dim] for shape in shapes]


def test_long_attributes_are_cut() -> None:
    """An attribute that TensorBoard's page would leave out is shown in part."""
    graph = GraphDef.FromString(graph_bytes([Node("a", "A", attributes={"text": "가" * 5000})]))

    assert len(graph.node[0].attr["text"].s) == 1000


def test_an_unknown_type_is_left_out() -> None:
    """A type without a name in TensorBoard is no reason to have no graph."""
    graph = GraphDef.FromString(graph_bytes([Node("a", "A", dtype="float8_e4m3fn")]))

    assert "dtype" not in graph.node[0].attr


def test_other_outputs_are_inputs() -> None:
    """`name:1` is the second output of a node."""
    nodes = [Node("a", "Split"), Node("b", "Add", inputs=("a", "a:1"))]

    assert list(GraphDef.FromString(graph_bytes(nodes)).node[1].input) == ["a", "a:1"]


def test_two_of_a_name() -> None:
    """Two nodes of one name would be drawn as one, so they are refused."""
    with pytest.raises(ArgumentError) as raised:
        graph_bytes([Node("a", "A"), Node("b", "B"), Node("a", "C")])

    assert str(raised.value) == "graph: two nodes are called 'a'; every name is one node's."


def test_an_input_from_nowhere() -> None:
    """An input that is no node says which nodes there are."""
    with pytest.raises(ArgumentError) as raised:
        graph_bytes([Node("a", "A"), Node("b", "B", inputs=("c",))])

    assert str(raised.value) == "graph: 'b' takes 'c', which is no node; there are a, b."
