"""Layer: build once, call always; weights by Keras' names and order."""

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.layers import Dense, Layer, keras_weights


class Scale(Layer):
    """A layer as Keras users write one."""

    def __init__(self, start: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start
        self.shapes: list[Any] = []

    def build(self, input_shape: Any) -> None:
        self.shapes.append(input_shape)
        self.seen = self.add_weight("seen", (), "zeros", trainable=False)
        self.factor = self.add_weight(
            name="scale", shape=(input_shape[-1],), initializer="ones", trainable=True
        )
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor * self.start

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


class Sum(Layer):
    def call(self, inputs: Any) -> Tensor:
        return inputs[0] + inputs[1]


def test_built_once_on_the_first_call() -> None:
    """build gets the shape with an open batch axis, on the first call only."""
    layer = Scale()
    assert not layer.built
    outputs = [layer(torch.ones(4, 3)), layer(torch.ones(2, 3))]

    assert layer.shapes == [(None, 3)]
    assert layer.built
    assert outputs[1].tolist() == [[2.0] * 3] * 2


def test_building_by_hand() -> None:
    """build() may be called first; then the call does not build again."""
    layer = Scale()
    layer.build((None, 3))
    layer(torch.ones(4, 3))

    assert layer.shapes == [(None, 3)]
    assert layer.count_params() == 4


def test_a_layer_without_build() -> None:
    """A layer that has no weights counts as built after its call, or after build."""
    called, built = Sum(), Sum()
    assert called([torch.ones(2, 1), torch.ones(2, 1)]).tolist() == [[2.0], [2.0]]
    built.build((None, 1))

    assert called.built
    assert built.built
    assert called.get_weights() == []


def test_several_inputs() -> None:
    """build of a layer called on a list gets a list of shapes."""
    seen: list[Any] = []

    class Join(Sum):
        def build(self, input_shape: Any) -> None:
            seen.append(input_shape)

    Join()([torch.ones(2, 3), torch.ones(2, 3)])

    assert seen == [[(None, 3), (None, 3)]]


def test_a_weight_lives_under_the_authors_attribute() -> None:
    """state_dict has each weight once; one that is not assigned gets its own name."""

    class Two(Layer):
        def build(self, input_shape: Any) -> None:
            self.mine = self.add_weight("given", (2,), "zeros")
            self.add_weight("left/alone", (2,), "ones")

        def call(self, inputs: Tensor) -> Tensor:
            return inputs

    layer = Two()
    layer(torch.ones(1, 2))

    assert list(layer.state_dict()) == ["mine", "left_alone"]
    assert [weight.name for weight in keras_weights(layer)] == ["given", "left/alone"]


def test_order_of_weights() -> None:
    """Those to be trained come first, whatever the order of creation; freezing keeps it."""
    layer = Scale()
    layer.build((None, 3))
    before = [weight.name for weight in keras_weights(layer)]
    layer.trainable = False

    assert before == ["scale", "seen"]
    assert [weight.name for weight in keras_weights(layer)] == before
    assert [array.shape for array in layer.get_weights()] == [(3,), ()]


def test_freezing() -> None:
    """trainable switches the gradients, before and after the weights exist."""
    layer = Scale(trainable=False)
    layer.build((None, 3))
    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [0, 2]
    layer.trainable = True

    assert [len(layer.trainable_weights), len(layer.non_trainable_weights)] == [1, 1]
    assert layer.factor.requires_grad
    assert not layer.seen.requires_grad


def test_layers_within_a_layer() -> None:
    """The weights of inner layers and modules belong to the outer one, under their names."""

    class Block(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.first = Dense(2, name="first")
            self.norm = nn.BatchNorm1d(2)

        def call(self, inputs: Tensor) -> Tensor:
            return self.norm(self.first(inputs))

    block = Block()
    block(torch.ones(4, 3))

    assert [weight.name for weight in keras_weights(block)] == [
        "first/kernel",
        "first/bias",
        "norm/gamma",
        "norm/beta",
        "norm/moving_mean",
        "norm/moving_variance",
    ]


def test_get_weights_are_copies() -> None:
    """Changing what get_weights gave changes nothing in the layer."""
    layer = Scale()
    layer.build((None, 3))
    layer.get_weights()[0][:] = 9

    assert layer.factor.tolist() == [1.0] * 3


def test_set_weights_all_or_nothing() -> None:
    """Arrays that do not all fit change nothing, and the shapes are told."""
    layer = Scale()
    layer.build((None, 3))
    layer.set_weights([np.full(3, 5.0), np.array(1.0)])
    with pytest.raises(
        ArgumentError, match=r"shapes \[\(3,\), \(\)\]; given were \[\(3,\), \(2,\)\]"
    ):
        layer.set_weights([np.zeros(3), np.zeros(2)])

    assert layer.factor.tolist() == [5.0] * 3


def test_set_weights_before_building() -> None:
    """The error says that there are no weights yet."""
    with pytest.raises(ArgumentError, match="It has none before it is built: call it first"):
        Scale().set_weights([np.zeros(3)])


def test_start_values() -> None:
    """weights= are set as soon as the layer is built."""
    layer = Dense(2, input_dim=2, weights=[np.eye(2), np.array([1.0, 2.0])])

    assert layer(torch.ones(1, 2)).tolist() == [[2.0, 3.0]]


def test_count_params_before_building() -> None:
    """There is nothing to count yet, which is an error, not 0."""
    with pytest.raises(StateError, match="'scale_1' is not built yet"):
        Scale().count_params()


@pytest.mark.parametrize(
    ("inputs", "weights"),
    [
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.bfloat16),
        (torch.float64, torch.float32),
        (torch.int64, torch.float32),
    ],
)
def test_type_of_the_weights(inputs: torch.dtype, weights: torch.dtype) -> None:
    """Weights follow the inputs, except that NumPy's unasked float64 stays float32."""
    layer = Dense(2)
    layer(torch.ones(1, 3, dtype=inputs))

    assert layer.weight.dtype is weights


def test_type_under_autocast() -> None:
    """Autocast's narrow type is temporary, so the weights do not take it over."""
    layer = Dense(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = layer(torch.ones(1, 3, dtype=torch.bfloat16))

    assert layer.weight.dtype is torch.float32
    assert outputs.dtype is torch.bfloat16


def test_a_type_by_name() -> None:
    """dtype= decides, whatever comes in."""
    layer = Dense(2, dtype="float64")

    assert layer(torch.ones(1, 3)).dtype is torch.float64
    assert layer.get_config()["dtype"] == "float64"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"input_shape": (8,)}, (None, 8)),
        ({"input_shape": [None, 8]}, (None, None, 8)),
        ({"input_dim": 8}, (None, 8)),
        ({"input_dim": np.int64(8)}, (None, 8)),
        ({"batch_input_shape": (32, 8)}, (32, 8)),
        ({}, None),
    ],
)
def test_input_shapes(arguments: dict[str, Any], expected: Any) -> None:
    """All three spellings give the shape with its batch axis."""
    assert Scale(**arguments).batch_input_shape == expected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"input_shape": 8}, ArgumentTypeError, r"input_shape is a tuple of sizes; got 8 \(int\)"),
        ({"input_dim": "8"}, ArgumentTypeError, r"input_dim is a whole number; got '8' \(str\)"),
        (
            {"input_shape": (8, "x")},
            ArgumentTypeError,
            "each size in input_shape is a whole number",
        ),
        ({"input_dim": 0}, ArgumentError, "input_dim must be at least 1; got 0"),
        ({"input_dim": 8, "input_shape": (8,)}, ArgumentError, "give one of input_shape"),
        ({"name": 3}, ArgumentTypeError, r"name is a text; got 3 \(int\)"),
        ({"dtype": "floot32"}, ArgumentError, "got 'floot32'. Did you mean 'float32'?"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type, message: str) -> None:
    """What does not fit is reported when the layer is made."""
    with pytest.raises(error, match=message):
        Scale(**arguments)


def test_an_unknown_argument() -> None:
    """A misspelt argument is Python's own TypeError."""
    with pytest.raises(TypeError, match="input_shpae"):
        Scale(input_shpae=(8,))


def test_called_on_an_array() -> None:
    """A layer takes tensors, and says how to make one."""
    with pytest.raises(ArgumentTypeError, match=r"called on ndarray.*torch\.as_tensor"):
        Scale()(np.ones((2, 2)))


def test_two_weights_of_one_name() -> None:
    """Names of weights are unique within a layer."""
    layer = Scale()
    layer.add_weight("a")

    with pytest.raises(ArgumentError, match="a weight 'a' exists already"):
        layer.add_weight("a")


def test_configuration_and_back() -> None:
    """get_config holds the constructor's arguments; from_config makes the same layer again."""
    layer = Scale(3.0, name="mine", trainable=False, input_shape=(4,))
    config = layer.get_config()

    assert config == {
        "name": "mine",
        "trainable": False,
        "batch_input_shape": [None, 4],
        "dtype": "float32",
        "start": 3.0,
    }
    assert Scale.from_config(config).get_config() == config


def test_output_shape_by_trying() -> None:
    """A layer that does not say its output's shape is tried on zeros; its mode is kept."""
    layer = Scale()

    assert layer.compute_output_shape((None, 5)) == (None, 5)
    assert layer.training
    assert layer.built


def test_copies_are_independent() -> None:
    """Copies by copy, pickle and torch.save have their own weights and work."""
    layer = Scale()
    layer(torch.ones(1, 3))
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    copies = [
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        torch.load(buffer, weights_only=False),
    ]
    layer.set_weights([np.full(3, 7.0), np.array(0.0)])

    for other in copies:
        assert other(torch.ones(1, 3)).tolist() == [[2.0] * 3]
        assert other.get_weights()[0].tolist() == [1.0] * 3


def test_moving_a_built_layer() -> None:
    """A layer moved to another type or device still finds its weights."""
    layer = Scale()
    layer.build((None, 3))
    layer.to(torch.float64)

    assert [array.dtype for array in layer.get_weights()] == [np.float64] * 2
    assert layer.weights[0] is layer.factor


def test_torch_hooks_and_state() -> None:
    """A layer is an nn.Module: hooks ring, state_dict loads, parameters are found."""
    layer, heard = Dense(2, input_dim=2), []
    layer.build((None, 2))
    layer.register_forward_hook(lambda *_: heard.append(1))
    layer.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})

    assert layer(torch.ones(1, 2)).tolist() == [[1.0, 1.0]]
    assert heard == [1]
    assert len(list(layer.parameters())) == 2


def test_automatic_names() -> None:
    """Layers without a name are counted by class, a user's own class included."""
    assert [layer.name for layer in (Scale(), Dense(1), Scale(), Dense(1, name="x"))] == [
        "scale_1",
        "dense_1",
        "scale_2",
        "x",
    ]


def test_call_is_needed() -> None:
    """A subclass without call says what is missing."""
    with pytest.raises(NotImplementedError, match="Empty does not define call"):
        type("Empty", (Layer,), {})()(torch.ones(1, 1))
