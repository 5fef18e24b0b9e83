"""The layers of a model in the words that TensorBoard reads, drawn by TensorBoard itself."""

import json

from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

from backbeat.callbacks._tensorboard.graphs import conceptual_json
from backbeat.hooks import GraphLayer, ModelGraph

NET = ModelGraph(
    "net",
    (
        GraphLayer("x", "InputLayer"),
        GraphLayer("left", "Dense", ("x",), "float32"),
        GraphLayer("right", "Dense", ("x",), "float32"),
        GraphLayer("sum", "Add", ("left", "right")),
    ),
)


def test_tensorboard_draws_the_edges():
    """Every layer is a node with its class, joined to those that it gets something from."""
    drawn = keras_model_to_graph_def(json.loads(conceptual_json(NET)))

    assert {node.name: list(node.input) for node in drawn.node} == {
        "net/x": [],
        "net/left": ["net/x"],
        "net/right": ["net/x"],
        "net/sum": ["net/left", "net/right"],
    }
    assert [node.attr["keras_class"].s for node in drawn.node] == [
        b"InputLayer",
        b"Dense",
        b"Dense",
        b"Add",
    ]


def test_recurrence_and_strange_names():
    """A layer that feeds itself, or comes from what is no layer, is drawn without that edge."""
    graph = ModelGraph("net", (GraphLayer("층", "층Layer", ("층", "elsewhere")),))
    drawn = keras_model_to_graph_def(json.loads(conceptual_json(graph)))

    assert [(node.name, list(node.input)) for node in drawn.node] == [("net/층", [])]
