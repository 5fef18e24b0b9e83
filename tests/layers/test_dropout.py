"""Dropout: zeros while training, nothing otherwise."""

import copy

import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.layers import Dropout


def test_only_while_training() -> None:
    """In evaluation the very inputs pass."""
    x = torch.ones(4, 4)

    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_part_and_scale() -> None:
    """About `rate` of the inputs are zero, the others are scaled so that the mean stays."""
    outputs = Dropout(0.25)(torch.ones(200, 200))

    assert (outputs == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert outputs.max().item() == pytest.approx(1 / 0.75)


@pytest.mark.parametrize("seed", [None, 5])
def test_shared_pattern(seed: int | None) -> None:
    """noise_shape shares the zeros along axes of size 1; None stands for the input's size."""
    outputs = Dropout(0.5, noise_shape=(None, 1, 6), seed=seed)(torch.ones(8, 3, 6))

    assert torch.equal(outputs[:, 0], outputs[:, 2])
    assert 0 < (outputs == 0).sum() < outputs.numel()


def test_seed() -> None:
    """With a seed the n-th call always gives the same, whatever torch's own generator does."""
    x = torch.ones(20, 20)
    first, second = Dropout(0.5, seed=3), Dropout(0.5, seed=3)
    calls = [first(x), first(x)]
    torch.manual_seed(99)
    copied = copy.deepcopy(first)

    assert torch.equal(second(x), calls[0])
    assert torch.equal(second(x), calls[1])
    assert not torch.equal(calls[0], calls[1])
    assert torch.equal(copied(x), second(x))
    assert copied.draws == 3


@pytest.mark.parametrize("seed", [None, 1])
def test_everything_dropped(seed: int | None) -> None:
    """A rate of 1 gives zeros, not NaN."""
    assert not Dropout(1.0, seed=seed)(torch.ones(2, 2)).any()


def test_whole_numbers() -> None:
    """Integer inputs come out as floats, because they are scaled."""
    assert Dropout(0.5)(torch.ones(2, 2, dtype=torch.int64)).dtype is torch.float32


def test_configuration() -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = Dropout(0.5, (None, 1), 7, name="d").get_config()

    assert config == {
        "name": "d",
        "trainable": True,
        "dtype": "float32",
        "rate": 0.5,
        "noise_shape": [None, 1],
        "seed": 7,
    }
    assert Dropout.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("0.5",), ArgumentTypeError, r"rate is a number from 0 to 1; got '0\.5' \(str\)"),
        ((1.5,), ArgumentError, r"rate must be from 0 to 1; got 1\.5"),
        ((float("nan"),), ArgumentError, "rate must be from 0 to 1; got nan"),
        ((0.5, 3), ArgumentTypeError, "noise_shape is a tuple of sizes"),
        ((0.5, None, "x"), ArgumentTypeError, "seed is a whole number"),
    ],
)
def test_wrong_arguments(arguments: tuple, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made."""
    with pytest.raises(error, match=message):
        Dropout(*arguments)
