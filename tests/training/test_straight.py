"""The straight way through a chain gives what calling the model gives, and leaves out no hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from backbeat import Sequential
from backbeat.layers import Dense, Dropout
from backbeat.training.straight import straight

X = torch.arange(12.0).reshape(3, 4)


def chain(*more: nn.Module) -> Sequential:
    return Sequential([Dense(5, activation="relu", input_dim=4), nn.Linear(5, 2), *more])


def built(*more: nn.Module) -> Sequential:
    model = chain(*more)
    model(X)
    return model


def test_the_outputs_are_those_of_the_model() -> None:
    """To the last bit, and with the same gradients."""
    model = built(Sequential([Dense(3)]), Dropout(0.0))
    through = straight(model)
    loss = through(X).sum()
    mine = torch.autograd.grad(loss, list(model.parameters()))
    theirs = torch.autograd.grad(model(X).sum(), list(model.parameters()))

    assert through is not model
    assert torch.equal(through(X), model(X))
    assert all(map(torch.equal, mine, theirs))


@pytest.mark.parametrize(
    "register",
    [
        lambda model, hook: model.register_forward_hook(hook),
        lambda model, hook: model.register_forward_pre_hook(hook),
        lambda model, hook: model.named_layers()[0][1].register_forward_hook(hook),
        lambda model, hook: model.named_layers()[1][1].register_full_backward_hook(hook),
        lambda model, hook: nn.modules.module.register_module_forward_hook(hook),
        lambda model, hook: nn.modules.module.register_module_full_backward_hook(hook),
    ],
    ids=["model", "before model", "layer", "backward", "every module", "every backward"],
)
def test_hooks_are_heard_although_they_come_later(
    register: Callable[[Sequential, Any], Any],
) -> None:
    """And no more when they are gone."""
    model = built()
    through = straight(model)
    inputs = X.clone().requires_grad_()
    heard: list[object] = []

    def hook(*given: object) -> None:
        heard.append(given)

    handle = register(model, hook)
    try:
        through(inputs).sum().backward()
        count = len(heard)
    finally:
        handle.remove()
    through(inputs).sum().backward()

    assert count > 0
    assert len(heard) == count


def test_an_exchanged_forward_is_used() -> None:
    """On a layer of ours and on one of torch's."""
    model = built()
    for _, layer in model.named_layers():
        layer.forward = lambda x: x + 1.0

    assert torch.equal(straight(model)(X), X + 2)


class Doubling(Sequential):
    """Does more than its layers do."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(inputs)


def test_what_is_more_than_a_chain_is_called_itself() -> None:
    """A subclass, a module of torch, a chain that was never called, one with a call of its own."""

    class Calls(nn.Linear):
        def __call__(self, *given: Any) -> Any:
            return super().__call__(*given)

    for model in (
        Doubling([Dense(2, input_dim=4)]),
        nn.Sequential(nn.Linear(4, 2)),
        Sequential([Dense(2)]),
        built(Calls(2, 2)),
    ):
        assert straight(model) is model
