"""The graph of a model, seen while an ordinary batch goes through it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from backbeat.layers import Add, Dense, Input
from backbeat.models import Model
from backbeat.training.inspection import ModuleInspection
from tests.training.examples import X, Y, softmax_model


class Branched(nn.Module):
    """Two branches, a shared layer, an operation between layers, control flow."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.shared = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(3, 3)

    def forward(self, x):
        both = F.relu(self.left(x)) + self.shared(self.right(x))
        return self.shared(both if both.sum() > -1e9 else -both)


def seen(module, *inputs):
    recording = ModuleInspection(module).record_graph()
    module(*inputs)
    return recording.finish()


def test_operations_of_a_plain_module():
    """Each function of torch is a node below its layer, joined by the tensors that it was given."""
    graph = seen(Branched(), torch.ones(2, 4))
    inputs = {node.name: node.inputs for node in graph.nodes}

    assert inputs["left/linear"] == ("input", "left/kernel", "left/bias")
    assert inputs["relu"] == ("left/linear",)
    assert inputs["add"] == ("relu", "shared/linear")
    assert inputs["shared/linear_1"] == ("add", "shared/kernel", "shared/bias")
    assert inputs["output"] == ("shared/linear_1",)
    assert {node.shapes for node in graph.nodes if node.name == "relu"} == {((2, 3),)}


def test_every_input_of_a_node_is_a_node():
    """No edge leads into nothing, and no name is used twice."""
    graph = seen(Branched(), torch.ones(2, 4))
    names = [node.name for node in graph.nodes]

    assert len(names) == len(set(names))
    assert {each for node in graph.nodes for each in node.inputs} <= set(names)


def test_layers_of_a_plain_module():
    """Between layers stands what went from one to the other, through whatever lies between."""
    layers = {layer.name: layer for layer in seen(Branched(), torch.ones(2, 4)).layers}

    assert layers["input"].kind == "InputLayer"
    assert layers["left"].inputs == ("input",)
    assert set(layers["shared"].inputs) == {"right", "left"}
    assert layers["shared"].kind == "Linear"
    assert layers["shared"].dtype == "float32"


def test_operations_that_torch_does_not_show():
    """A layer whose work is hidden from torch's functions is a node itself."""

    class Squared(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.from_numpy(x.detach().numpy() ** 2)

    class Hidden(nn.Module):
        def forward(self, x):
            return Squared.apply(x)

    graph = seen(nn.Sequential(Hidden(), nn.Linear(4, 1)), torch.ones(2, 4))
    assert {n.name: n.inputs for n in graph.nodes}["1/linear"][0].startswith("0/")


def test_sequential_is_a_chain():
    """Its layers are known before any batch; the softmax that the loss takes over is there too."""
    model = softmax_model()
    recording = model.inspect().record_graph()
    model.fit(X, Y, verbose=0)
    graph = recording.finish()

    assert [(layer.name, layer.inputs) for layer in graph.layers] == [
        ("dense_1", ()),
        ("activation_1", ("dense_1",)),
    ]
    assert [node.name for node in graph.nodes][-2:] == ["activation_1/softmax", "output"]


def test_functional_model_is_what_was_drawn():
    """Its layers come with the names of those that they were called on."""
    inputs = Input((4,), name="x")
    hidden = Dense(3, name="hidden")(inputs)
    model = Model(inputs, Add(name="sum")([hidden, Dense(3, name="other")(inputs)]), name="net")
    graph = model.inspect().record_graph().finish()

    assert graph.name == "net"
    assert {layer.name: layer.inputs for layer in graph.layers} == {
        "x": (),
        "hidden": ("x",),
        "other": ("x",),
        "sum": ("hidden", "other"),
    }


def test_only_one_pass_is_watched():
    """After it no hook is left, and the next pass adds nothing."""
    module = Branched()
    recording = ModuleInspection(module).record_graph()
    for _ in range(2):
        module(torch.ones(2, 4))

    assert all(not (m._forward_hooks or m._forward_pre_hooks) for m in module.modules())
    assert sum(node.operation == "Output" for node in recording.finish().nodes) == 1


def test_a_pass_that_never_came():
    """Without a pass the layers are listed, and no hook is left."""
    module = Branched()
    graph = ModuleInspection(module).record_graph().finish()

    assert [layer.name for layer in graph.layers] == ["left", "right", "shared"]
    assert graph.nodes == ()
    assert not module._forward_hooks


def test_a_pass_that_fails():
    """The error is the module's own, and no hook is left."""
    module = Branched()
    recording = ModuleInspection(module).record_graph()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        module(torch.ones(2, 7))
    recording.finish()

    assert all(not (m._forward_hooks or m._forward_pre_hooks) for m in module.modules())
    assert module(torch.ones(2, 4)).shape == (2, 3)


def test_watching_changes_no_result():
    """Outputs, gradients and random numbers are the same bits with and without it."""

    def train(watch):
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 1))
        recording = ModuleInspection(module).record_graph() if watch else None
        module(torch.tensor(X)).pow(2).mean().backward()
        assert recording is None or recording.finish().nodes
        return [each.grad.numpy() for each in module.parameters()] + [torch.rand(1).numpy()]

    assert all(map(np.array_equal, train(False), train(True)))
