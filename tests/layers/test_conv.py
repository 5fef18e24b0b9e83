"""Conv1D and Conv2D: values beside the real Keras, orientation, edges, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError
from backbeat.layers import Conv1D, Conv2D, Flatten, Input, keras_weights
from tests.layers.keras_side import assert_same

IMAGES = (2, 9, 8, 3)
SEQUENCES = (2, 11, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3},
        {"kernel_size": (3, 2), "use_bias": False},
        {"kernel_size": 1, "activation": "relu"},
        {"kernel_size": 3, "padding": "same", "activation": "tanh"},
        {"kernel_size": 2, "padding": "same"},
        {"kernel_size": (4, 3), "padding": "same", "strides": 2},
        {"kernel_size": (3, 2), "padding": "same", "strides": (2, 3)},
        {"kernel_size": 2, "strides": 3},
        {"kernel_size": 1, "strides": 4, "padding": "same"},
        {"kernel_size": 3, "dilation_rate": 2},
        {"kernel_size": 3, "dilation_rate": (2, 3), "padding": "same"},
        {"kernel_size": (9, 8)},
        {"kernel_size": 12, "padding": "same"},
        {"kernel_size": 3, "kernel_regularizer": "l2", "bias_regularizer": "l1"},
        {"kernel_size": 3, "activation": "relu", "activity_regularizer": "l1_l2"},
    ],
    ids=str,
)
def test_conv2d_beside_keras(arguments: dict[str, Any]) -> None:
    """Values, gradients and penalties are Keras', for every option."""
    assert_same(Conv2D(4, **arguments), torch.randn(IMAGES))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3},
        {"kernel_size": 1},
        {"kernel_size": (4,), "padding": "same", "strides": (2,)},
        {"kernel_size": 2, "padding": "same", "activation": "relu"},
        {"kernel_size": 2, "strides": 5},
        {"kernel_size": 3, "padding": "causal", "dilation_rate": 2},
        {"kernel_size": 3, "padding": "causal", "strides": 2, "activity_regularizer": "l2"},
        {"kernel_size": 20, "padding": "same"},
    ],
    ids=str,
)
def test_conv1d_beside_keras(arguments: dict[str, Any]) -> None:
    """Sequences likewise, causal padding included."""
    assert_same(Conv1D(4, **arguments), torch.randn(SEQUENCES))


@pytest.mark.parametrize("kind", [Conv1D, Conv2D])
def test_groups_beside_keras(kind: type[Conv1D] | type[Conv2D]) -> None:
    """Groups of channels, which Keras 3 has, keep to themselves."""
    shape = (2, 7, 4) if kind is Conv1D else (2, 7, 7, 4)

    assert_same(kind(6, 3, groups=2), torch.randn(shape))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
def test_channels_first_is_the_same_turned(padding: str, strides: int) -> None:
    """channels_first gives what channels_last gives, axes apart."""
    x = torch.randn(IMAGES)
    last = Conv2D(4, 3, strides, padding)
    expected = last(x)
    first = Conv2D(4, 3, strides, padding, "channels_first", weights=last.get_weights())

    assert torch.allclose(first(x.movedim(-1, 1)), expected.movedim(-1, 1), atol=1e-6)
    assert first.compute_output_shape((None, 3, 9, 8)) == (None, *first(x.movedim(-1, 1)).shape[1:])


def test_channels_first_sequences() -> None:
    """Conv1D likewise."""
    x = torch.randn(SEQUENCES)
    last = Conv1D(4, 3, padding="causal")
    expected = last(x)
    first = Conv1D(4, 3, padding="causal", data_format="channels_first", weights=last.get_weights())

    assert torch.allclose(first(x.movedim(-1, 1)), expected.movedim(-1, 1), atol=1e-6)


def test_a_torch_module_with_the_same_weights() -> None:
    """The live weight is held as nn.Conv2d holds it, so that its state fits."""
    ours, torchs = Conv2D(4, (3, 2), input_shape=(9, 8, 3)), nn.Conv2d(3, 4, (3, 2))
    ours.build((None, 9, 8, 3))
    ours.load_state_dict(torchs.state_dict())
    x = torch.randn(IMAGES)

    assert torch.allclose(ours(x), torchs(x.movedim(-1, 1)).movedim(1, -1), atol=1e-6)
    assert [(w.name, w.shape) for w in keras_weights(ours)] == [
        (w.name, w.shape) for w in keras_weights(torchs)
    ]


@pytest.mark.parametrize(
    ("layer", "shape", "kernel"),
    [(Conv1D(4, 5), SEQUENCES, (5, 3, 4)), (Conv2D(4, (5, 2)), IMAGES, (5, 2, 3, 4))],
)
def test_weights_go_out_and_in_as_keras_holds_them(
    layer: Conv1D | Conv2D, shape: tuple[int, ...], kernel: tuple[int, ...]
) -> None:
    """get_weights gives (…window, channels, filters); set_weights takes it back, value by value."""
    layer(torch.ones(shape))
    wanted = np.arange(np.prod(kernel), dtype=np.float32).reshape(kernel)
    layer.set_weights([wanted, np.ones(4)])

    assert [array.shape for array in layer.get_weights()] == [kernel, (4,)]
    assert np.array_equal(layer.get_weights()[0], wanted)
    assert np.array_equal(layer.kernel.detach().numpy(), wanted)


def test_initializers_see_the_shape_of_keras() -> None:
    """An initializer is given (…window, channels, filters), from which it takes the fans."""
    seen: list[tuple[int, ...]] = []

    def start(shape: tuple[int, ...], dtype: torch.dtype | None = None) -> torch.Tensor:
        seen.append(tuple(shape))
        return torch.zeros(shape, dtype=dtype)

    Conv2D(4, (5, 2), kernel_initializer=start)(torch.ones(IMAGES))

    assert seen == [(5, 2, 3, 4)]


def test_no_copies() -> None:
    """Outputs lie in memory as the user sees them, so that Flatten need not copy."""
    outputs = Conv2D(4, 3, activation="relu", padding="same")(torch.randn(2, 8, 8, 1))

    assert outputs.is_contiguous()
    assert Flatten()(outputs).data_ptr() == outputs.data_ptr()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64, torch.bool])
def test_inputs_of_other_types(dtype: torch.dtype) -> None:
    """Bytes of pictures and float64 are taken in the type of the weights."""
    layer = Conv2D(4, 3)
    layer(torch.randn(IMAGES))

    assert layer(torch.ones(IMAGES).to(dtype)).dtype is torch.float32


def test_logits() -> None:
    """While skip_activation is True the values before the activation come out."""
    layer = Conv1D(3, 2, activation="softmax")
    x = torch.randn(SEQUENCES)
    probabilities = layer(x)
    layer.skip_activation = True

    assert torch.allclose(torch.softmax(layer(x), -1), probabilities)


def test_the_penalty_is_on_what_follows_the_activation() -> None:
    """An activity regularizer sees the activation's values, also while that is skipped."""
    layer = Conv1D(3, 2, activation="relu", activity_regularizer="l2")
    x = torch.randn(SEQUENCES)
    layer(x)
    (expected,) = layer.penalties()
    layer.skip_activation = True
    layer(x)

    assert layer.penalties() == [expected]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("size", [5, 6])
def test_output_shape(padding: str, strides: int, size: int) -> None:
    """Known without calling the layer; open where the input's is open."""
    layer = Conv2D(4, (3, 2), strides, padding)
    outputs = layer(torch.zeros(2, size, size + 1, 3))

    assert layer.compute_output_shape((None, size, size + 1, 3)) == (None, *outputs.shape[1:])
    assert layer.compute_output_shape((None, None, None, 3)) == (None, None, None, 4)


def test_symbols_with_open_places() -> None:
    """Called on a symbol, the layer is built and tells its output; open axes stay open."""
    layer = Conv2D(4, 3, padding="same")
    symbol = layer(Input((None, 8, 3)))

    assert symbol.shape == (None, None, 8, 4)
    assert [array.shape for array in layer.get_weights()] == [(3, 3, 3, 4), (4,)]


def test_configuration() -> None:
    """The configuration is that of Keras 2.3.1, ready for JSON, and makes the same layer."""
    layer = Conv2D(6, 3, activation="relu", name="conv2d_1", input_shape=(9, 8, 3))
    config = layer.get_config()

    assert json.loads(json.dumps(config)) == config
    assert list(config) == [
        "name",
        "trainable",
        "batch_input_shape",
        "dtype",
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    ]
    assert (config["kernel_size"], config["strides"]) == ([3, 3], [1, 1])
    assert Conv2D.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"filters": "32"}, ArgumentTypeError, r"Conv2D: filters is a whole number; got '32'"),
        ({"filters": 0}, ArgumentError, "filters must be at least 1; got 0"),
        ({"kernel_size": "3"}, ArgumentTypeError, r"kernel_size is a whole number; got '3'"),
        ({"kernel_size": 1.5}, ArgumentTypeError, r"got 1\.5 \(float\)"),
        ({"kernel_size": (3, 3, 3)}, ArgumentError, r"one for each of 2 axes; got \(3, 3, 3\)"),
        ({"kernel_size": (3, 0)}, ArgumentError, "each number in kernel_size must be at least 1"),
        ({"strides": 0}, ArgumentError, "strides must be at least 1"),
        ({"padding": "full"}, ArgumentError, "padding is 'valid' or 'same'; got 'full'"),
        ({"padding": "causal"}, ArgumentError, "padding is 'valid' or 'same'; got 'causal'"),
        ({"padding": 1}, ArgumentError, "padding is 'valid' or 'same'; got 1"),
        ({"data_format": "NHWC"}, ArgumentError, "'channels_last' or 'channels_first'; got 'NHWC'"),
        ({"activation": "rellu"}, UnknownNameError, "did you mean 'relu'"),
        ({"strides": 2, "dilation_rate": 2}, ArgumentError, "exclude each other"),
        ({"groups": 3}, ArgumentError, "4 filters cannot be parted into 3 groups"),
        ({"kernel_constraint": "max_norm"}, ArgumentError, "kernel_constraint='max_norm' is not"),
        ({"kernel_regularizer": 0.1}, ArgumentTypeError, "a name such as 'l2'"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made, with what would fit."""
    with pytest.raises(error, match=message):
        Conv2D(**{"filters": 4, "kernel_size": 3, **arguments})


def test_one_axis_takes_one_number() -> None:
    """A pair for a sequence is refused."""
    with pytest.raises(ArgumentError, match=r"or one for each of one axis; got \(3, 3\)"):
        Conv1D(4, (3, 3))


def test_inputs_that_do_not_fit() -> None:
    """Wrong rank, wrong channels and too large a window are told apart."""
    layer = Conv2D(4, 3)
    with pytest.raises(ArgumentError, match=r"takes 4 axes, channels_last, and was given the sha"):
        layer(torch.ones(2, 28, 28))
    layer(torch.ones(IMAGES))

    with pytest.raises(DataError, match=r"4 axes, \(batch, height, width, channels\); these have"):
        layer(torch.ones(9, 8, 3))
    with pytest.raises(DataError, match=r"inputs of 3 channels; these have 28 \(shape \(2, 1, 28"):
        layer(torch.ones(2, 1, 28, 28))
    with pytest.raises(DataError, match=r"window of \(3, 3\) does not fit .* padding='same'"):
        layer(torch.ones(2, 2, 9, 3))
    with pytest.raises(DataError, match=r"window of \(3, 3\) does not fit"):
        layer(torch.ones(2, 1, 1, 3))
    with pytest.raises(ArgumentError, match="5 channels cannot be parted into 2 groups"):
        Conv2D(4, 3, groups=2)(torch.ones(1, 5, 5, 5))


def test_sequences_that_do_not_fit() -> None:
    """The axes of a sequence are named."""
    layer = Conv1D(4, 3)
    layer(torch.ones(SEQUENCES))

    with pytest.raises(DataError, match=r"takes inputs of 3 axes, \(batch, steps, channels\)"):
        layer(torch.ones(2, 11))
