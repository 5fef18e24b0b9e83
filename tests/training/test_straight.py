"""The straight way through a chain gives what calling the model gives, and leaves out no hook."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from backbeat import Model, Sequential
from backbeat.errors import DataError
from backbeat.layers import Add, Dense, Dropout, Input
from backbeat.tensors import leaves
from backbeat.training.calls import caller
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


# Drawn models


def drawn_chain() -> Model:
    """Layers in a line."""
    inputs = Input((4,))
    return Model(inputs, nn_model()(Dense(5, activation="relu")(inputs)))


def nn_model() -> Model:
    return Model(nn.Linear(5, 2))


def drawn_fork() -> Model:
    """Two inputs, a shared layer, a merging one, two outputs."""
    one, other = Input((4,), name="one"), Input((4,), name="other")
    shared = Dense(3)
    total = Add()([shared(one), shared(other)])
    return Model([one, other], [total, Dense(2)(total)])


def called(model: Model, x: Any) -> Any:
    """The straight way for inputs like `x`."""
    return straight(model, caller(model, x))


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (drawn_chain, X),
        (drawn_chain, [X]),
        (drawn_fork, [X, X + 1]),
        (drawn_fork, {"other": X, "one": X + 1}),
    ],
    ids=["a chain", "a list of one", "a list", "a dict"],
)
def test_a_drawn_model_gives_what_calling_it_gives(model: Callable[[], Model], x: Any) -> None:
    """To the last bit, with the same gradients, and copies of it too."""
    for made in (model(), copy.deepcopy(model())):
        ordinary, through = caller(made, x), called(made, x)
        mine, theirs = list(leaves(through(x))), list(leaves(ordinary(x)))
        weights = list(made.parameters())
        gradients = [
            torch.autograd.grad(sum(each.sum() for each in outputs), weights)
            for outputs in (mine, theirs)
        ]

        assert through is not ordinary
        assert all(map(torch.equal, mine, theirs))
        assert all(map(torch.equal, *gradients))


@pytest.mark.parametrize("at", [None, 2, -1], ids=["the model", "a layer", "the last layer"])
def test_a_drawn_model_hears_hooks_that_come_later(at: int | None) -> None:
    """The layers are called themselves then, each as often as before."""
    model = drawn_fork()
    through = called(model, [X, X])
    heard: list[object] = []
    owner = model if at is None else model.layers[at]
    handle = owner.register_forward_hook(lambda *given: heard.append(given))
    through([X, X])
    count = len(heard)
    handle.remove()
    through([X, X])

    assert count == len(heard) > 0


def test_a_drawn_model_says_which_inputs_it_lacks() -> None:
    """In its own words."""
    through = called(drawn_fork(), {"one": X})

    with pytest.raises(DataError, match="other is missing from one"):
        through({"one": X})


def test_a_drawn_model_with_a_forward_of_its_own_is_called_itself() -> None:
    """As a subclass, or on the object."""

    class Doubling(Model):
        def forward(self, *inputs: Any) -> Any:
            return 2 * super().forward(*inputs)

    inputs = Input((4,))
    subclass = Doubling(inputs, Dense(2)(inputs))
    exchanged = drawn_chain()
    exchanged.forward = lambda x: x

    assert straight(subclass) is subclass
    assert straight(exchanged) is exchanged
