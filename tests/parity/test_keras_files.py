"""Files between backbeat and the real Keras: 3 both ways, those of 2.3.1 as they were written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from backbeat import losses
from backbeat.errors import ArgumentError, BackbeatWarning
from backbeat.layers import Activation, Dense, Dropout, Embedding, Flatten
from backbeat.models import Sequential, load_model
from backbeat.optimizers import SGD, Adam

keras = pytest.importorskip("keras")

pytestmark = [
    # Keras' own variables do not yet know NumPy 2's `copy` argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # It says so at every .weights.h5 file without an optimizer that a compiled model loads.
    pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning"),
    # Keras 2's argument, which our config has and Keras 3's does not need.
    pytest.mark.filterwarnings("ignore:Argument `input_length` is deprecated:UserWarning"),
]

KERAS_2 = Path(__file__).parent.parent / "data" / "keras-2.3.1"
RANDOM = np.random.RandomState(0)
X = RANDOM.rand(12, 8).astype("float32")
TOKENS = RANDOM.randint(0, 10, (12, 4))
Y = np.eye(3, dtype="float32")[RANDOM.randint(0, 3, 12)]

Make = Callable[[], list[Any]]

OURS: dict[str, tuple[Make, Any]] = {
    "dense": (
        lambda: [
            Dense(6, activation="relu", input_dim=8),
            Dropout(0.3),
            Activation("tanh"),
            Dense(3, activation="softmax", use_bias=False),
        ],
        X,
    ),
    "torch": (
        lambda: [
            nn.Linear(8, 6),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(6, 6, bias=False),
            nn.GELU(),
            nn.SiLU(),
            nn.ELU(),
            nn.SELU(),
            nn.Softplus(),
            nn.Softsign(),
            nn.Tanh(),
            nn.Sigmoid(),
            nn.Identity(),
            nn.Flatten(),
            nn.Linear(6, 3),
            nn.Softmax(dim=-1),
        ],
        X,
    ),
    "nested": (
        lambda: [
            Sequential([Dense(5, activation="relu", input_dim=8), Dropout(0.5), Dense(4)]),
            Sequential([Dense(4)]),
            nn.Sequential(nn.Linear(4, 4), nn.ReLU()),
            Dense(3, activation="softmax"),
        ],
        X,
    ),
    "embedding": (
        lambda: [Embedding(10, 3, input_length=4), Flatten(), Dense(3, activation="softmax")],
        TOKENS,
    ),
    "torch embedding": (
        lambda: [nn.Embedding(10, 3), nn.Flatten(), nn.Linear(12, 3), nn.Softmax(dim=-1)],
        TOKENS,
    ),
}


def ours(kind: str) -> tuple[Sequential, Any]:
    """A trained model and its inputs."""
    make, x = OURS[kind]
    model = Sequential(make())
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    model.fit(x, Y, verbose=0)
    return model, x


def zeroed(model: Any) -> Any:
    model.set_weights([np.zeros_like(array) for array in model.get_weights()])
    return model


@pytest.mark.parametrize("kind", OURS)
def test_keras_3_opens_our_files(tmp_path: Path, kind: str) -> None:
    """`load_model` on what `save` wrote, `load_weights` on what `save_weights` wrote."""
    model, x = ours(kind)
    expected = model.predict(x)
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "w.h5")
    model.save_weights(tmp_path / "w.weights.h5")
    theirs = keras.models.load_model(tmp_path / "m.h5")

    assert np.allclose(theirs.predict(x, verbose=0), expected, rtol=0, atol=1e-6)
    for name in ("w.h5", "w.weights.h5", "m.h5"):
        zeroed(theirs).load_weights(tmp_path / name)
        assert np.allclose(theirs.predict(x, verbose=0), expected, rtol=0, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize(
    "loss",
    ["mse", "logcosh", "kld", "huber_loss", losses.CategoricalCrossentropy(label_smoothing=0.1)],
)
def test_keras_3_opens_our_compiled_models(tmp_path: Path, optimizer: str, loss: Any) -> None:
    """Keras evaluates to what we evaluate: the loss and the metrics are the same ones."""
    model = Sequential([Dense(3, activation="softmax", input_dim=8)])
    model.compile(optimizer, loss, metrics=["acc", "mae"])
    model.save(tmp_path / "m.h5")
    theirs = keras.models.load_model(tmp_path / "m.h5")

    found = theirs.evaluate(X, Y, verbose=0)
    assert np.allclose(found, model.evaluate(X, Y, verbose=0), atol=1e-6)
    rate = float(theirs.optimizer.learning_rate.numpy())
    assert rate == pytest.approx(model.learning_rate, rel=1e-6)


def theirs(optimizer: Any, **compiled: Any) -> Any:
    """A trained model of Keras 3's own."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Embedding(10, 3),
            layers.Flatten(),
            layers.Dropout(0.0),
            keras.Sequential([layers.Dense(5, activation="relu")], name="inner"),
            layers.Dense(3, kernel_initializer="he_normal"),
            layers.Activation("softmax"),
        ]
    )
    settings = {"loss": "categorical_crossentropy", "metrics": ["acc"], **compiled}
    model.compile(optimizer, **settings)
    model.fit(TOKENS, Y, batch_size=4, epochs=2, verbose=0)
    return model


def assert_same_predictions(mine: Any, other: Any) -> None:
    found, expected = mine.predict(TOKENS), other.predict(TOKENS, verbose=0)
    assert np.allclose(found, expected, rtol=0, atol=1e-6)


def test_we_open_those_of_keras_3(tmp_path: Path) -> None:
    """Whole models with their loss and metrics, whether given as names or as objects."""
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    other = theirs(
        "adam",
        loss=smoothed,
        metrics=["acc", keras.metrics.CategoricalAccuracy(), "mse"],
        weighted_metrics=["mae"],
    )
    other.save(tmp_path / "m.h5")
    model = load_model(tmp_path / "m.h5")

    assert_same_predictions(model, other)
    found = model.evaluate(TOKENS, Y, verbose=0)
    assert np.allclose(found, other.evaluate(TOKENS, Y, verbose=0), atol=1e-6)
    assert model.metrics_names == ["loss", "acc", "categorical_accuracy", "mse", "mae"]


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 1000, 1.0), momentum=0.9
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_goes_on(tmp_path: Path, name: str) -> None:
    """One more batch here moves the weights as one more batch there."""
    other = theirs(OPTIMIZERS[name]())
    other.save(tmp_path / "m.h5")
    if name == "schedule":
        with pytest.warns(BackbeatWarning, match="without the schedule of the learning rate"):
            model = load_model(tmp_path / "m.h5")
    else:
        model = load_model(tmp_path / "m.h5")
    model.train_on_batch(TOKENS, Y)
    other.train_on_batch(TOKENS, Y)

    assert model.optimizer.iterations == 7  # type: ignore[union-attr]
    for mine, given in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.allclose(mine, given, rtol=0, atol=1e-6)


def test_what_has_no_place_here_is_told(tmp_path: Path) -> None:
    """Settings that only Keras 3 has are left out with one warning; the model is there."""
    other = theirs(keras.optimizers.Adam(clipnorm=1.0, weight_decay=0.1))
    other.save(tmp_path / "m.h5")
    with pytest.warns(BackbeatWarning, match="comes without clipnorm, weight_decay") as caught:
        model = load_model(tmp_path / "m.h5")

    assert len([each for each in caught if each.category is BackbeatWarning]) == 1
    assert_same_predictions(model, other)


def test_state_that_does_not_fit(tmp_path: Path) -> None:
    """RMSprop with momentum is Keras 3's alone: the weights come, the optimizer starts afresh."""
    other = theirs(keras.optimizers.RMSprop(momentum=0.9))
    other.save(tmp_path / "m.h5")
    with pytest.warns(BackbeatWarning) as caught:
        model = load_model(tmp_path / "m.h5")
    told = [str(each.message) for each in caught if each.category is BackbeatWarning]

    assert ["without momentum" in text for text in told] == [True, False]
    assert "starts afresh" in told[1]
    assert_same_predictions(model, other)
    assert model.optimizer.iterations == 0  # type: ignore[union-attr]


def test_an_unknown_optimizer(tmp_path: Path) -> None:
    """It is named, with two ways out; the second works."""
    other = theirs("ftrl")
    other.save(tmp_path / "m.h5")
    with pytest.raises(ArgumentError, match="'Ftrl'.*custom_objects.*compile=False"):
        load_model(tmp_path / "m.h5")

    assert_same_predictions(load_model(tmp_path / "m.h5", compile=False), other)


@pytest.mark.parametrize("name", ["w.weights.h5", "m.h5"])
def test_weights_of_keras_3(tmp_path: Path, name: str) -> None:
    """Its weights go into the same model built here, of our layers or torch's."""
    other = theirs("adam")
    (other.save_weights if "weights" in name else other.save)(tmp_path / name)
    for last in (Dense(3), nn.Linear(5, 3)):
        inner = Sequential([Dense(5, activation="relu", input_dim=12)])
        model = Sequential([Embedding(10, 3, input_length=4), Flatten(), Dropout(0.5), inner, last])
        model.add(Activation("softmax"))
        model.load_weights(tmp_path / name)

        assert_same_predictions(model, other)


def test_functional_files_give_their_weights(tmp_path: Path) -> None:
    """A functional model's weights go into a Sequential of the same layers."""
    inputs = keras.Input((8,))
    outputs = keras.layers.Dense(3)(keras.layers.Dense(5, activation="relu")(inputs))
    other = keras.Model(inputs, outputs)
    other.save(tmp_path / "m.h5")
    model = Sequential([Dense(5, activation="relu", input_dim=8), Dense(3)])
    model.load_weights(tmp_path / "m.h5")

    assert np.allclose(model.predict(X), other.predict(X, verbose=0), rtol=0, atol=1e-6)


# Keras 2.3.1


def test_the_optimizer_of_keras_2(tmp_path: Path) -> None:
    """A whole model: the predictions, and the batch after the one it was saved at."""
    values = np.load(KERAS_2 / "optimizer_rmsprop.npz")
    model = load_model(KERAS_2 / "optimizer_rmsprop.h5")
    x, y = values["x"], values["y"]

    assert np.allclose(model.predict(x), values["predictions"], rtol=0, atol=1e-6)
    assert np.allclose(model.train_on_batch(x, y), values["loss_of_one_more_batch"], atol=1e-6)
    later = values["predictions_after_one_more_batch"]
    assert np.allclose(model.predict(x), later, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["sequential_mlp", "sequential_mlp_weights"])
def test_batch_normalization_of_keras_2(name: str) -> None:
    """Its weights go into torch's layer, in a file of weights or of a whole model."""
    values = np.load(KERAS_2 / f"{name}.npz")
    norm = nn.BatchNorm1d(6, eps=1e-3, momentum=0.01)
    model = Sequential([Dense(6, activation="relu", input_dim=8), Dropout(0.25), norm])
    model.add(Dense(3, activation="softmax"))
    model.load_weights(KERAS_2 / f"{name}.h5")

    assert np.allclose(model.predict(values["x"]), values["predictions"], rtol=0, atol=1e-6)


def test_evaluation_of_keras_2() -> None:
    """The loss and `acc` that Keras computed with the same weights."""
    values = np.load(KERAS_2 / "sequential_mlp.npz")
    norm = nn.BatchNorm1d(6, eps=1e-3, momentum=0.01)
    model = Sequential([Dense(6, activation="relu", input_dim=8), norm, Dense(3, "softmax")])
    model.load_weights(KERAS_2 / "sequential_mlp.h5")
    model.compile("adam", "categorical_crossentropy", metrics=["acc"])

    assert list(values["metrics_names"]) == model.metrics_names
    found = model.evaluate(values["x"], values["y"], verbose=0)
    assert np.allclose(found, values["evaluate"], atol=1e-6)


@pytest.mark.parametrize("name", ["long_names", "long_weight_names"])
def test_chunked_names_of_keras_2(name: str) -> None:
    """Lists of names that Keras cut into pieces are put together again."""
    values = np.load(KERAS_2 / f"{name}.npz")
    x = values["x"]
    activations = [None, "tanh", None] * 12
    if name == "long_names":
        with h5py.File(KERAS_2 / f"{name}.h5") as file:
            pieces = [n for part in ("0", "1") for n in file.attrs[f"layer_names{part}"]]
            kinds = [len(file[n].attrs["weight_names"]) for n in pieces]
        assert len(kinds) == len(activations) == 36
        layers: list[Any] = [
            Dense(2) if weights else Activation("tanh" if index % 3 == 1 else "linear")
            for index, weights in enumerate(kinds)
        ]
    else:
        layers = [Sequential([Dense(2, activation="tanh") for _ in range(12)]), Dense(1)]
    model = Sequential(layers)
    model.build((None, x.shape[1]))
    model.load_weights(KERAS_2 / f"{name}.h5")

    assert np.allclose(model.predict(x), values["predictions"], rtol=0, atol=1e-6)


def test_our_settings_are_those_of_keras_2(tmp_path: Path) -> None:
    """The JSON texts have Keras 2's keys; the input stands in a layer of its own."""
    model = Sequential([Dense(3, activation="softmax", input_dim=8)])
    model.compile(SGD(0.1, momentum=0.5), "mse", metrics=["acc"])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        config = json.loads(file.attrs["model_config"])
        training = json.loads(file.attrs["training_config"])
        kept = json.loads(h5py.File(KERAS_2 / "sequential_mlp.h5").attrs["training_config"])

    first, second = config["config"]["layers"]
    assert first["class_name"] == "InputLayer"
    assert first["config"]["batch_input_shape"] == [None, 8]
    assert "batch_input_shape" not in second["config"]
    assert training.keys() == kept.keys()
    assert training["optimizer_config"]["class_name"] == "SGD"


def test_the_state_of_adam_reaches_keras_in_order(tmp_path: Path) -> None:
    """Each slot has its weight's shape in Keras' orientation."""
    model = Sequential([Dense(5, input_dim=8), nn.Linear(5, 3)])
    model.compile(Adam(0.01), "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        group = file["optimizer_weights"]
        first = group["training/Adam/m_2_1:0"][()]

    live = model.optimizer.torch.state[model.get_layer(index=1).weight]  # type: ignore[union-attr]
    assert torch.equal(torch.from_numpy(first.T.copy()), live["exp_avg"])
