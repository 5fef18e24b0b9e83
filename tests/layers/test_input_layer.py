"""Input and InputLayer: the symbol they begin with, configurations of both Keras, refusals."""

import pytest
import torch

from backbeat import Sequential
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.layers import Dense, Embedding, Input, InputLayer


def test_a_symbol() -> None:
    """Input gives a symbol with the batch before its shape, and counts its names."""
    first, second = Input((28, None, 1)), Input(shape=[3])

    assert (first.shape, second.shape) == ((None, 28, None, 1), (None, 3))
    assert (first.name, second.name) == ("input_1", "input_2")
    assert (first.dtype, isinstance(first.node.layer, InputLayer)) == (torch.float32, True)


def test_other_arguments() -> None:
    """batch_shape has the batch in front; name and dtype are taken."""
    symbol = Input(batch_shape=(32, 5), name="words", dtype="int32")

    assert (symbol.shape, symbol.name, symbol.dtype) == ((None, 5), "words", torch.int32)
    assert Embedding(10, 4)(symbol).shape == (None, 5, 4)


def test_a_single_number_per_sample() -> None:
    """An empty shape is one number per sample."""
    assert Input(()).shape == (None,)


def test_in_a_sequential() -> None:
    """It may stand first, and builds the model."""
    model = Sequential([InputLayer(input_shape=(3,)), Dense(2)])

    assert [array.shape for array in model.get_weights()] == [(3, 2), (2,)]
    assert model(torch.ones(4, 3)).shape == (4, 2)


def test_configuration() -> None:
    """The configuration is that of Keras 2."""
    layer = InputLayer((3,), batch_size=8, dtype="int32", name="first")
    config = layer.get_config()

    assert config == {
        "batch_input_shape": [8, 3],
        "dtype": "int32",
        "sparse": False,
        "name": "first",
    }
    assert InputLayer.from_config(config).get_config() == config
    assert layer.compute_output_shape((None, 3)) == (None, 3)


def test_keras_reads_and_is_read() -> None:
    """Keras 3 takes our configuration, and we take its own."""
    keras = pytest.importorskip("keras")
    ours = InputLayer((3, None), name="first")
    theirs = keras.layers.InputLayer.from_config(ours.get_config())

    assert theirs.batch_shape == (None, 3, None)
    assert InputLayer.from_config(theirs.get_config()).get_config() == ours.get_config()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ArgumentError, "give shape, that of one sample such as"),
        ({"shape": (3,), "batch_shape": (None, 3)}, ArgumentError, "one of them, not both"),
        ({"shape": 3}, ArgumentError, r"Input: shape is a tuple of sizes; write shape=\(3,\)"),
        ({"shape": "3"}, ArgumentTypeError, "a tuple of sizes; got '3'"),
        ({"shape": (3, 0.5)}, ArgumentTypeError, r"is a whole number; got 0\.5"),
        ({"shape": (3,), "dtype": "flaot32"}, ArgumentError, "Did you mean 'float32'"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What is missing or does not fit is told."""
    with pytest.raises(error, match=message):
        Input(**arguments)


def test_wrong_arguments_of_the_layer() -> None:
    """A shape is needed; sparse data and tensors from elsewhere are refused."""
    with pytest.raises(ArgumentError, match="give input_shape, that of one sample"):
        InputLayer()
    with pytest.raises(ArgumentError, match="sparse are not available"):
        InputLayer((3,), sparse=True)
