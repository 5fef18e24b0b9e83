"""Regularizers: their numbers beside Keras 3's, their names and configs."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import pytest
import torch

from backbeat import regularizers
from backbeat.errors import ArgumentError, ArgumentTypeError, UnknownNameError

SHAPES = [(5,), (3, 4), (2, 3, 2, 2), (1,), (0,)]
FACTORS = [(0.01, 0.0), (0.0, 0.01), (0.3, 0.2), (0.0, 0.0)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("l1", "l2"), FACTORS)
def test_penalty_and_gradient_are_those_of_keras(
    shape: tuple[int, ...], l1: float, l2: float
) -> None:
    """Value and gradient, for weights of any shape, zeros among them."""
    weights = torch.randn(shape)
    weights[..., :1] = 0.0
    ours, theirs = (weights.clone().requires_grad_() for _ in range(2))
    penalty = regularizers.L1L2(l1, l2)(ours)
    expected = keras.regularizers.L1L2(l1, l2)(theirs)

    assert penalty.shape == ()
    torch.testing.assert_close(penalty.detach(), expected.detach().cpu(), rtol=1e-6, atol=1e-7)
    if l1 or l2:
        penalty.backward()
        expected.backward()
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("name", ["l1", "l2", "l1_l2"])
def test_names_and_defaults(name: str) -> None:
    """By name, by function and by a call without arguments: 0.01, as in Keras 2.3."""
    weights = torch.tensor([1.0, -3.0])
    function = getattr(regularizers, name)
    expected = {"l1": 0.04, "l2": 0.1, "l1_l2": 0.14}[name]

    for given in (name, name.upper().replace("_", ""), function, function()):
        penalize = regularizers.get(given)
        assert penalize is not None
        assert penalize(weights).item() == pytest.approx(expected)
    assert all(p.default == 0.01 for p in inspect.signature(function).parameters.values())


def test_arguments_are_those_of_keras_2() -> None:
    """`l` in the functions with one factor; the class penalizes nothing by itself."""
    assert regularizers.l1(l=0.5).get_config() == {"l1": 0.5, "l2": 0.0}
    assert regularizers.l2(l=0.5).get_config() == {"l1": 0.0, "l2": 0.5}
    assert regularizers.l1_l2(l1=0.5, l2=0.25).get_config() == {"l1": 0.5, "l2": 0.25}
    assert regularizers.L1L2().get_config() == {"l1": 0.0, "l2": 0.0}


@pytest.mark.parametrize("made", [regularizers.l1(0.5), regularizers.l1_l2(0.25, 2)], ids=repr)
def test_serialize_and_get_are_inverse(made: regularizers.L1L2) -> None:
    """The description rebuilds the same penalty, and Keras 3 understands it."""
    described = regularizers.serialize(made)
    again = regularizers.get(described)
    theirs = keras.regularizers.get(described)

    assert isinstance(again, regularizers.L1L2)
    assert again.get_config() == made.get_config() == theirs.get_config()


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2"])
def test_descriptions_of_keras_3(name: str) -> None:
    """What Keras 3 writes, with its class of its own for each and its further keys."""
    theirs = getattr(keras.regularizers, name)(0.25)
    ours = regularizers.get(keras.regularizers.serialize(theirs))
    weights = torch.tensor([1.0, -2.0])

    assert ours is not None
    np.testing.assert_allclose(ours(weights), theirs(weights).cpu(), rtol=1e-6)


def test_none_and_functions_pass() -> None:
    """No regularizer, and one of your own, which is called with the weights."""

    def largest(weights: torch.Tensor) -> torch.Tensor:
        return weights.abs().max()

    assert regularizers.get(None) is None
    assert regularizers.serialize(None) is None
    assert regularizers.get(largest) is largest
    assert regularizers.serialize(largest) == "largest"


def test_a_class_of_your_own() -> None:
    """Its constructor's arguments are its config."""

    class Scaled(regularizers.Regularizer):
        def __init__(self, factor: float = 2.0) -> None:
            self.factor = factor

        def __call__(self, weights: torch.Tensor) -> torch.Tensor:
            return self.factor * weights.sum()

    made = regularizers.get(Scaled)

    assert isinstance(made, Scaled)
    assert made(torch.ones(3)).item() == 6.0
    assert regularizers.serialize(made) == {"class_name": "Scaled", "config": {"factor": 2.0}}
    assert Scaled.from_config({"factor": 3.0, "name": "scaled"}).factor == 3.0


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_keeps_the_dtype(dtype: torch.dtype) -> None:
    """The penalty of half or double weights is one of their kind, no penalty included."""
    weights = torch.ones(3, dtype=dtype)

    assert regularizers.l1_l2(0.5, 0.5)(weights).dtype is dtype
    assert regularizers.L1L2()(weights).dtype is dtype


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ("l3", UnknownNameError, "regularizer 'l3' is not known; did you mean 'l[12]'"),
        (0.01, ArgumentTypeError, r"given as 0\.01, a float: give a name such as 'l2'"),
        ({"class_name": "L4", "config": {}}, UnknownNameError, "regularizer 'L4' is not known"),
    ],
)
def test_misses_teach(given: Any, kind: type[Exception], message: str) -> None:
    """A wrong name offers the nearest, a wrong kind says what fits."""
    with pytest.raises(kind, match=message):
        regularizers.get(given)


@pytest.mark.parametrize(
    ("factor", "kind", "message"),
    [
        ("0.1", ArgumentTypeError, "l2='0.1' is a str: give a finite number of 0 or more"),
        (True, ArgumentTypeError, "l2=True is a bool"),
        (-0.1, ArgumentError, r"l2=-0\.1 does not fit"),
        (float("nan"), ArgumentError, "l2=nan does not fit"),
    ],
)
def test_factors_that_do_not_fit(factor: Any, kind: type[Exception], message: str) -> None:
    """The error names the factor, what was given and what fits."""
    with pytest.raises(kind, match=message):
        regularizers.l2(factor)
