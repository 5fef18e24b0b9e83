"""Embedding: a vector per number."""

import json

import numpy as np
import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import Embedding


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float32])
def test_rows(dtype: torch.dtype) -> None:
    """Each number gives its row, in whatever type the numbers come."""
    table = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    layer = Embedding(4, 3, weights=[table])
    outputs = layer(torch.tensor([[1, 3], [0, 0]]).to(dtype))

    assert np.array_equal(outputs.detach().numpy(), table[[[1, 3], [0, 0]]])
    assert outputs.dtype is torch.float32
    assert layer.embeddings is layer.weight


def test_start_distribution() -> None:
    """The name "uniform" is Keras 2's: within ±0.05."""
    layer = Embedding(1000, 20)
    layer.build((None, 4))

    assert layer.weight.abs().max() <= 0.05
    assert layer.weight.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, (None, None)),
        ({"input_length": 4}, (None, 4)),
        ({"input_length": (4, None)}, (None, 4, None)),
        ({"input_shape": (7,)}, (None, 7)),
        ({"batch_input_shape": (2, 7)}, (2, 7)),
    ],
)
def test_input_shape(arguments: dict, expected: tuple) -> None:
    """Sequences may be of open or of given length; either way the layer can be built at once."""
    assert Embedding(4, 3, **arguments).batch_input_shape == expected


def test_a_number_without_a_row() -> None:
    """The range of the table and of the inputs is told."""
    with pytest.raises(
        DataError, match=r"vectors for 0 to 3; the inputs hold 1 to 4\. Give it a lar"
    ):
        Embedding(4, 3)(torch.tensor([[1, 4]]))


def test_configuration() -> None:
    """The configuration is that of Keras 2, ready for JSON, and makes the same layer."""
    config = Embedding(10, 3, input_length=4, name="e").get_config()

    assert json.loads(json.dumps(config)) == config
    assert config["embeddings_initializer"]["class_name"] == "RandomUniform"
    assert (config["mask_zero"], config["input_length"]) == (False, 4)
    assert config["batch_input_shape"] == [None, 4]
    assert Embedding.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_dim": "10", "output_dim": 3}, ArgumentTypeError, "input_dim is a whole number"),
        ({"input_dim": 10, "output_dim": 0}, ArgumentError, "output_dim must be at least 1"),
        (
            {"input_dim": 9, "output_dim": 3, "mask_zero": True},
            ArgumentError,
            "no layer.*reads mas",
        ),
        ({"input_dim": 9, "output_dim": 3, "input_length": "4"}, ArgumentTypeError, "input_length"),
        (
            {"input_dim": 9, "output_dim": 3, "embeddings_constraint": "x"},
            ArgumentError,
            "embeddings_constraint='x' is not available yet",
        ),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What does not fit, or does not exist yet, is reported when the layer is made."""
    with pytest.raises(error, match=message):
        Embedding(**arguments)
