"""Backward: the shortest way from a loss back to the gradients."""

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from backbeat.training import backward
from backbeat.training.backward import Backward

generator = torch.Generator().manual_seed(0)
X = torch.randn(16, 4, generator=generator)


def loss_of(module):
    return module(X).square().mean()


def linear(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Linear(4, 3, dtype=dtype)


def test_the_gradients_are_those_of_torch():
    """To the bit, added to those that are there."""
    ours, torchs, back = linear(), linear(), Backward()
    for _ in range(3):
        back(loss_of(ours))
        loss_of(torchs).backward()

    assert torch.equal(ours.weight.grad, torchs.weight.grad)
    assert torch.equal(ours.bias.grad, torchs.bias.grad)


def test_a_torch_that_has_its_engine_elsewhere_is_asked_plainly(monkeypatch):
    """The shortest way is no part of torch's public interface."""
    monkeypatch.setattr(backward, "_run_engine", None)
    module = linear()
    Backward()(loss_of(module))

    assert module.weight.grad.abs().sum() > 0


def test_losses_of_several_types_follow_each_other():
    """Each gets a gradient of its own type."""
    single, back = torch.tensor(2.0, requires_grad=True), Backward()
    double = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    for value in (single, double, single):
        back(value * 3)

    assert (single.grad.item(), double.grad.item()) == (6.0, 3.0)
    assert double.grad.dtype is torch.float64


def test_a_loss_may_have_an_axis_of_length_one():
    weight = torch.tensor([2.0], requires_grad=True)
    Backward()(weight * 3)

    assert weight.grad.tolist() == [3.0]


def test_a_loss_that_is_a_weight_itself_keeps_its_gradient():
    """Adding to it does not change what the next batch begins with."""
    weight, back = torch.tensor(2.0, requires_grad=True), Backward()
    for _ in range(3):
        back(weight)

    assert weight.grad.item() == 3.0


class Doubling(torch.autograd.Function):
    """Writes into the gradient that it is given, as it should not."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient.mul_(2)


def test_functions_may_write_into_the_gradient():
    """What they did to one batch does not reach the next."""
    weight, back, found = torch.tensor(1.0, requires_grad=True), Backward(), []
    for _ in range(3):
        weight.grad = None
        back(Doubling.apply(weight))
        found.append(weight.grad.item())

    assert found == [2.0, 2.0, 2.0]


class Watching(TorchFunctionMode):
    """Notes what torch is asked to do."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.append(function)
        return function(*args, **(kwargs or {}))


def test_who_watches_torch_sees_it():
    """As without us."""
    loss = loss_of(linear())
    with Watching() as watching:
        Backward()(loss)

    assert torch.Tensor.backward in watching.seen


@pytest.mark.parametrize(
    ("loss", "message"),
    [(torch.tensor(1.0), "does not require grad"), (torch.ones(3, requires_grad=True), "scalar")],
    ids=["detached", "vector"],
)
def test_errors_are_those_of_torch(loss, message):
    with pytest.raises(RuntimeError, match=message):
        Backward()(loss)
