"""How torch modules look to Keras, checked against the real Keras 3 where it has the layer."""

import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from backbeat.errors import StateError
from backbeat.layers import Dense, KerasWeight, keras_weights
from backbeat.layers.keras_counterparts import keras_kind
from backbeat.layers.keras_layout import layer_weights

os.environ.setdefault("KERAS_BACKEND", "torch")


def listed(module: nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, weight.shape) for weight in keras_weights(module)]


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Linear(8, 6), [("kernel", (8, 6)), ("bias", (6,))]),
        (nn.Linear(8, 6, bias=False), [("kernel", (8, 6))]),
        (nn.Embedding(10, 3), [("embeddings", (10, 3))]),
        (nn.Conv1d(2, 4, 3), [("kernel", (3, 2, 4)), ("bias", (4,))]),
        (nn.Conv2d(2, 4, (3, 5)), [("kernel", (3, 5, 2, 4)), ("bias", (4,))]),
        (nn.Conv3d(2, 4, (3, 5, 7)), [("kernel", (3, 5, 7, 2, 4)), ("bias", (4,))]),
        (nn.ConvTranspose2d(2, 4, (3, 5)), [("kernel", (3, 5, 4, 2)), ("bias", (4,))]),
        (
            nn.BatchNorm2d(4),
            [(name, (4,)) for name in ("gamma", "beta", "moving_mean", "moving_variance")],
        ),
        (nn.BatchNorm1d(4, affine=False), [("moving_mean", (4,)), ("moving_variance", (4,))]),
        (nn.BatchNorm1d(4, track_running_stats=False), [("gamma", (4,)), ("beta", (4,))]),
        (nn.LayerNorm(4), [("gamma", (4,)), ("beta", (4,))]),
        (nn.LayerNorm(4, bias=False), [("gamma", (4,))]),
        (nn.GroupNorm(2, 4), [("gamma", (4,)), ("beta", (4,))]),
        (nn.PReLU(3), [("alpha", (3,))]),
        (nn.ReLU(), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_and_shapes(module: nn.Module, expected: list) -> None:
    """Known layers have Keras' names, order and orientation."""
    assert listed(module) == expected


def test_other_modules_keep_their_own_names() -> None:
    """A module that Keras lacks gives parameters, then buffers, as it defines them."""
    names = [name for name, _ in listed(nn.LSTM(2, 3))]

    assert names == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]


class Custom(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("scratch", torch.zeros(5), persistent=False)
        self.scale = nn.Parameter(torch.ones(2))
        self.norm = nn.BatchNorm1d(2)
        self.fc = Dense(2, name="head", input_dim=2)
        self.fc.build((None, 2))


def test_containers() -> None:
    """All that is trained comes first, then the rest; each name has its layer's before it."""
    assert [name for name, _ in listed(Custom())] == [
        "scale",
        "norm/gamma",
        "norm/beta",
        "head/kernel",
        "head/bias",
        "seen",
        "norm/moving_mean",
        "norm/moving_variance",
    ]


def test_freezing_does_not_change_the_order() -> None:
    """A file saved with frozen layers fits the thawed model and the other way round."""
    module = Custom()
    before = listed(module)
    module.norm.requires_grad_(False)

    assert listed(module) == before


def test_a_shared_tensor_is_listed_once() -> None:
    """Tied weights are one weight."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight

    assert listed(model) == [("0/kernel", (4, 4))]


def test_a_subclass_with_more_weights() -> None:
    """What a subclass of a known layer adds is not lost."""

    class Adapted(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 2)
            self.low = nn.Parameter(torch.zeros(1, 4))

    assert listed(Adapted()) == [("kernel", (4, 2)), ("bias", (2,)), ("low", (1, 4))]


def test_parametrized_weights() -> None:
    """A weight that is computed cannot be assigned; its originals are listed instead."""
    names = [name for name, _ in listed(weight_norm(nn.Linear(3, 2)))]

    assert names == [
        "bias",
        "parametrizations/weight/original0",
        "parametrizations/weight/original1",
    ]


def test_lazy_modules() -> None:
    """A weight without a shape is refused with what to do."""
    with pytest.raises(StateError, match=r"has no shape yet.*Call the model once"):
        keras_weights(nn.LazyLinear(3))


def test_a_layer_may_say_it_itself() -> None:
    """A keras_weights method of the module decides."""

    class Own(nn.Linear):
        def keras_weights(self) -> list[KerasWeight]:
            return [KerasWeight("w", self.weight)]

    assert listed(Own(3, 2)) == [("w", (2, 3))]


def test_for_a_checkpoint() -> None:
    """layer_weights are copies under Keras' full names, with Keras' class."""
    found = layer_weights("fc", nn.Linear(3, 2))

    assert (found.name, found.kind) == ("fc", "dense")
    assert [name for name, _ in found.weights] == ["fc/kernel", "fc/bias"]
    assert [keras_kind(m) for m in (Dense(1), nn.Conv2d(1, 1, 1), nn.ReLU(), Custom())] == [
        *("dense", "conv2d", "activation", "custom")
    ]


def test_models_within_models() -> None:
    """A model's own layers are listed below it, sharing its arrays."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))
    found = layer_weights("block", model)
    inner = found.layers[1]

    assert [(layer.name, layer.kind) for layer in found.layers] == [
        ("0", "dense"),
        ("1", "sequential"),
    ]
    assert [name for name, _ in found.weights][-1] == "1/0/moving_variance"
    assert inner.layers[0].weights[0][0] == "1/0/gamma"
    assert dict(inner.weights)["1/0/gamma"] is dict(found.weights)["1/0/gamma"]
    assert inner.layers[1].weights == ()


# Against the real Keras 3

CASES = {
    "Dense": (lambda k: k.Dense(4), nn.Linear(3, 4), (2, 3)),
    "Embedding": (lambda k: k.Embedding(9, 3), nn.Embedding(9, 3), None),
    "Conv1D": (
        lambda k: k.Conv1D(4, 3, data_format="channels_first"),
        nn.Conv1d(2, 4, 3),
        (2, 2, 8),
    ),
    "Conv2D": (
        lambda k: k.Conv2D(4, (3, 2), data_format="channels_first"),
        nn.Conv2d(2, 4, (3, 2)),
        (2, 2, 8, 8),
    ),
    "Conv2DTranspose": (
        lambda k: k.Conv2DTranspose(4, (3, 2), data_format="channels_first"),
        nn.ConvTranspose2d(2, 4, (3, 2)),
        (2, 2, 5, 5),
    ),
    "BatchNormalization": (
        lambda k: k.BatchNormalization(axis=1, epsilon=1e-5),
        nn.BatchNorm2d(3),
        (2, 3, 4, 4),
    ),
    "LayerNormalization": (lambda k: k.LayerNormalization(epsilon=1e-5), nn.LayerNorm(5), (2, 5)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_keras_3(name: str) -> None:
    """Our arrays, set into the Keras layer, make it compute what the torch module computes."""
    keras = pytest.importorskip("keras")
    make, module, shape = CASES[name]
    theirs, weights = make(keras.layers), keras_weights(module)
    for weight in weights:
        weight.assign(np.random.rand(*weight.shape) + 0.1)
    x = torch.randint(9, (2, 4)) if shape is None else torch.rand(shape)
    theirs.build(tuple(x.shape))
    theirs.set_weights([weight.array() for weight in weights])

    assert [weight.name for weight in theirs.weights] == [weight.name for weight in weights]
    assert keras_kind(module) == keras.src.utils.naming.to_snake_case(name)
    assert torch.allclose(theirs(x, training=False).cpu(), module.eval()(x), atol=1e-5)
