"""Initializers: their distributions, seeds and names."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import torch

from backbeat import initializers
from backbeat.errors import ArgumentError, ArgumentTypeError, UnknownNameError

SHAPE = (120, 80)


@pytest.mark.parametrize(
    ("name", "variance", "uniform"),
    [
        ("glorot_uniform", 2 / 200, True),
        ("glorot_normal", 2 / 200, False),
        ("he_uniform", 2 / 120, True),
        ("he_normal", 2 / 120, False),
        ("lecun_uniform", 1 / 120, True),
        ("lecun_normal", 1 / 120, False),
    ],
)
def test_scaled_variances(name: str, variance: float, uniform: bool) -> None:
    """Each named initializer has the variance of its paper and the bounds of its distribution."""
    values = initializers.get(name)(SHAPE)

    limit = math.sqrt(3 * variance) if uniform else 2 * math.sqrt(variance) / 0.87962566
    assert values.shape == SHAPE
    assert values.var().item() == pytest.approx(variance, rel=0.06)
    assert values.abs().max() <= limit * 1.000001
    assert values.abs().max() > limit * 0.95


@pytest.mark.parametrize("name", ["glorot_uniform", "he_normal", "truncated_normal", "uniform"])
def test_spread_equals_that_of_keras(name: str) -> None:
    """The standard deviation is the one that Keras 3 draws with."""
    ours = initializers.get(name)((300, 200)).std().item()
    theirs = keras.initializers.get(
        {"uniform": "random_uniform"}.get(name, name)
    )((300, 200)).std().item()  # fmt: skip

    assert ours == pytest.approx(theirs, rel=0.03)


def test_convolution_counts_its_window() -> None:
    """For (3, 3, 4, 8) there are 36 inputs."""
    values = initializers.VarianceScaling(1.0, "fan_in", "uniform")((3, 3, 4, 8))

    limit = math.sqrt(3 / 36)
    assert limit * 0.9 < values.abs().max() <= limit


def test_seed_repeats_and_leaves_the_global_generator_alone() -> None:
    """A seeded initializer gives the same values every time and draws from nobody else."""
    make = initializers.RandomNormal(seed=7)
    before = torch.random.get_rng_state()

    assert torch.equal(make((5, 5)), make((5, 5)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "name", ["orthogonal", "truncated_normal", "he_uniform", "normal", "uniform"]
)
def test_global_seed_decides_without_a_seed(name: str) -> None:
    """torch.manual_seed alone makes a model's start repeatable."""
    make = initializers.get(name)
    torch.manual_seed(3)
    first = make((4, 6))
    second = make((4, 6))
    torch.manual_seed(3)

    assert torch.equal(first, make((4, 6)))
    assert not torch.equal(first, second)


def test_orthogonal_columns_are_orthonormal() -> None:
    """Also for a convolution, whose leading axes count as one."""
    matrix = initializers.Orthogonal(gain=2.0)((3, 3, 2, 5)).reshape(18, 5)

    torch.testing.assert_close(matrix.T @ matrix, 4.0 * torch.eye(5), atol=1e-5, rtol=0)


def test_half_precision_and_double() -> None:
    """The dtype asked for is the dtype given."""
    assert initializers.get("he_normal")((4, 4), torch.bfloat16).dtype is torch.bfloat16
    assert initializers.get("he_normal")((4, 4), torch.float64).dtype is torch.float64


@pytest.mark.parametrize(
    "made",
    [
        initializers.Constant(3.0), initializers.RandomUniform(-1, 1, seed=4),
        initializers.glorot_uniform(5), initializers.Identity(2.0),
    ],
)  # fmt: skip
def test_serialize_and_get_are_inverse(made: initializers.Initializer) -> None:
    """The description rebuilds the same initializer."""
    again = initializers.get(initializers.serialize(made))

    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    assert torch.equal(again((3, 3)), made((3, 3)))


def test_glorot_is_written_as_keras_2_writes_it() -> None:
    """Its class name in a file is VarianceScaling."""
    assert initializers.serialize(initializers.get("glorot_uniform")) == {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
    }


def test_functions_of_the_user() -> None:
    """With and without dtype, giving arrays or tensors; torch.nn.init's fill in place."""

    def ramp(shape: Any, dtype: Any = None) -> Any:
        return np.arange(np.prod(shape)).reshape(shape)

    assert initializers.get(ramp)((2, 2)).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert initializers.get(lambda shape: torch.ones(shape))((2,), torch.float64).dtype is (
        torch.float64
    )
    torch.manual_seed(0)
    kaiming = initializers.get(torch.nn.init.kaiming_uniform_)((400, 10))
    assert kaiming.abs().max() <= math.sqrt(6 / 400)  # 400 inputs, not 10


def test_mistakes_teach() -> None:
    """Wrong names, kinds, shapes and choices say what fits."""
    with pytest.raises(UnknownNameError, match="did you mean 'glorot_uniform'"):
        initializers.get("gloro_uniform")
    with pytest.raises(ArgumentTypeError, match=r"given as 0\.5, a float: give a name"):
        initializers.get(0.5)
    with pytest.raises(ArgumentError, match="mode='fan' does not fit: give one of fan_in"):
        initializers.VarianceScaling(mode="fan")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"gave shape \(3,\), but \(2,\) was asked for"):
        initializers.get(lambda shape: torch.zeros(3))((2,))
    with pytest.raises(ArgumentError, match=r"Identity was asked for shape \(2,\): it needs"):
        initializers.Identity()((2,))
