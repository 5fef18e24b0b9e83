"""AdamW beside Keras 3's own, whose arguments it has."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

from backbeat import optimizers

# Keras' own torch backend is warned of by NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"learning_rate": 0.1, "weight_decay": 0.3},
    {"learning_rate": 0.05, "weight_decay": 0.1, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2},
    {"learning_rate": 0.05, "amsgrad": True, "beta_2": 0.5},
    {"learning_rate": 0.1, "weight_decay": 0.0},
]


def test_arguments_are_those_of_keras_3() -> None:
    """Names, order and defaults."""
    theirs = list(inspect.signature(keras.optimizers.AdamW).parameters.values())[:6]
    ours = list(inspect.signature(optimizers.AdamW).parameters.values())[:6]

    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_steps_are_those_of_keras_3(arguments: dict[str, Any]) -> None:
    """The same gradients move the same weights to the same places, rates changed in between."""
    start = np.linspace(-2, 3, 6, dtype=np.float32)
    variable = keras.Variable(start)
    theirs = keras.optimizers.AdamW(**arguments)
    parameter = nn.Parameter(torch.tensor(start))
    ours = optimizers.AdamW(**arguments)
    ours.bind([parameter])
    draw = np.random.default_rng(0)

    for step in range(12):
        if step == 6:
            ours.lr = 0.02
            theirs.learning_rate = 0.02
        gradient = draw.normal(size=6).astype(np.float32)
        parameter.grad = torch.tensor(gradient)
        ours.step()
        theirs.apply([keras.ops.convert_to_tensor(gradient)], [variable])

        np.testing.assert_allclose(
            parameter.detach().numpy(), keras.ops.convert_to_numpy(variable), atol=1e-5, rtol=1e-5
        )


def test_config_goes_both_ways() -> None:
    """Each side builds the other's optimizer from its config."""
    theirs = keras.optimizers.AdamW(0.25, weight_decay=0.125, beta_1=0.5, amsgrad=True)
    ours = optimizers.get({"class_name": "AdamW", "config": theirs.get_config()})
    again = keras.optimizers.AdamW(
        **{name: value for name, value in ours.get_config().items() if name != "decay"}
    )

    assert isinstance(ours, optimizers.AdamW)
    assert (ours.lr, ours.weight_decay, ours.beta_1, ours.amsgrad) == (0.25, 0.125, 0.5, True)
    assert again.get_config() == theirs.get_config() | {"name": again.name}


def test_groups_may_be_spared() -> None:
    """A group with weight_decay 0 is not drawn towards 0; the others are."""
    spared, drawn = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    optimizer = optimizers.AdamW(0.1, 0.5)
    optimizer.bind([{"params": [spared], "weight_decay": 0.0}, {"params": [drawn]}])
    for parameter in (spared, drawn):
        parameter.grad = torch.zeros(1)
    optimizer.step()

    assert (spared.item(), drawn.item()) == pytest.approx((1.0, 0.95))
