"""`optimizers.get` and `serialize`: by name, class, object, dict; ours and torch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from backbeat import optimizers
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError

NAMES = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "AdamW"]


@pytest.mark.parametrize("name", [*NAMES, *(name.lower() for name in NAMES), "ADAM"])
def test_names_in_any_case(name: str) -> None:
    """As Keras takes them."""
    assert type(optimizers.get(name)).__name__.lower() == name.lower()


def test_misses_teach() -> None:
    """A wrong name offers the nearest, a wrong kind says what fits."""
    with pytest.raises(UnknownNameError, match="did you mean 'adam'"):
        optimizers.get("adamm")
    with pytest.raises(ArgumentTypeError, match=r"optimizer=0\.1 is a float: give a name such as"):
        optimizers.get(0.1)
    with pytest.raises(
        ArgumentTypeError, match=r"optimizer=<class 'torch\.nn\.modules\.linear\.Linear"
    ):
        optimizers.get(nn.Linear)


def test_objects_and_classes_pass() -> None:
    """An optimizer stays itself, a class is made with its defaults."""
    made = optimizers.SGD(0.5)

    assert optimizers.get(made) is made
    assert optimizers.get(optimizers.Adam).lr == 0.001


@pytest.mark.parametrize(
    "made",
    [
        optimizers.SGD(0.3, 0.9, True, decay=0.1), optimizers.RMSprop(0.2, rho=0.5, clipnorm=1.0),
        optimizers.Adam(0.1, 0.8, 0.9, True, epsilon=1e-3, clipvalue=0.5),
        optimizers.Adagrad(0.2, epsilon=1e-3, decay=0.1), optimizers.Adadelta(0.2, 0.5),
        optimizers.Adamax(0.2, 0.8, 0.9, decay=0.1), optimizers.Nadam(0.2, schedule_decay=0.1),
        optimizers.AdamW(0.2, 0.1, 0.8, 0.9, 1e-3, True, clipnorm=1.0),
        optimizers.TorchOptimizer(torch.optim.AdamW, lr=0.2, weight_decay=0.3),
    ],
    ids=repr,
)  # fmt: skip
def test_serialize_and_get_are_inverse(made: optimizers.Optimizer) -> None:
    """The description rebuilds the same settings, with the present rate."""
    made.lr = 0.125
    again = optimizers.get(optimizers.serialize(made))

    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    assert again.lr == 0.125


def test_configs_of_other_kerases() -> None:
    """Keras 2.2 says `lr`; Keras 3 adds keys that are not ours."""
    older = {"class_name": "SGD", "config": {"lr": 0.25, "momentum": 0.0, "nesterov": False}}
    newer = {"class_name": "Adam", "config": {"learning_rate": 0.5, "name": "adam", "ema": None}}

    assert optimizers.get(older).lr == 0.25
    assert optimizers.get(newer).lr == 0.5


@pytest.mark.parametrize(
    "given",
    [
        torch.optim.Adagrad, partial(torch.optim.Adagrad, lr=0.2),
        partial(partial(torch.optim.Adagrad, lr=0.3), eps=1e-3),
    ],
)  # fmt: skip
def test_classes_and_partials_of_torch(given: Any) -> None:
    """They are made at `bind`, with the rate that is then set."""
    optimizer = optimizers.get(given)
    assert optimizer.lr in (0.01, 0.2, 0.3)
    optimizer.lr = 0.4
    weight = nn.Parameter(torch.ones(2))
    optimizer.bind([weight])

    assert isinstance(optimizer.torch, torch.optim.Adagrad)
    assert optimizer.torch.param_groups[0]["lr"] == 0.4


def test_object_of_torch_is_kept() -> None:
    """Its own parameters, groups and attributes; what is not ours is forwarded."""
    weight = nn.Parameter(torch.ones(2))
    given = torch.optim.SGD([{"params": [weight], "lr": 0.5, "name": "body"}], momentum=0.9)
    optimizer = optimizers.get(given)

    assert optimizer.lr == 0.5
    optimizer.bind([weight])
    assert optimizer.torch is given
    assert optimizer.param_groups is given.param_groups  # type: ignore[attr-defined]
    assert optimizer.defaults["momentum"] == 0.9  # type: ignore[attr-defined]
    weight.grad = torch.ones(2)
    optimizer.step()
    assert weight.tolist() == [0.5, 0.5]
    with pytest.raises(AttributeError, match="nonsense"):
        _ = optimizer.nonsense  # type: ignore[attr-defined]


def test_object_of_torch_for_another_model() -> None:
    """The classic mistake: an optimizer made before the model was rebuilt."""
    given = torch.optim.Adam([nn.Parameter(torch.ones(2))])

    with pytest.raises(DataError, match="the Adam given as optimizer holds none of this model's"):
        optimizers.get(given).bind([nn.Parameter(torch.ones(2))])


def test_rate_in_a_tensor_is_changed_in_place() -> None:
    """Compiled steps read the tensor; replacing it would go unseen."""
    weight = nn.Parameter(torch.ones(2))
    held = torch.tensor(0.5)
    optimizer = optimizers.get(torch.optim.Adam([weight], lr=held, foreach=False))
    optimizer.lr = 0.25

    assert held.item() == optimizer.lr == 0.25


def test_class_that_does_not_say_its_rate() -> None:
    """A class without a default asks for a partial."""

    class Own(torch.optim.SGD):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, lr=lr)

    with pytest.raises(ArgumentError, match=r"Own does not say its learning rate: give functools"):
        optimizers.get(Own)
    assert optimizers.get(partial(Own, lr=0.5)).lr == 0.5
