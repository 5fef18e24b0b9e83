"""The real Keras 3 opens our files and we open its, in every layout."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.checkpoints import (
    LayerWeights,
    match,
    read_weights,
    write_model,
    write_weights,
)
from backbeat.layers import Dense, Dropout, keras_weights
from backbeat.layers.keras_layout import layer_weights
from tests.checkpoints.examples import assert_equal, flat

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

# Keras' own variables do not yet know NumPy 2's `copy` argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)


def theirs() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8,)),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dropout(0.25),
            layers.BatchNormalization(epsilon=1e-5),
            keras.Sequential(
                [
                    layers.Input((6,)),
                    keras.Sequential([layers.Input((6,)), layers.Dense(5)]),
                    layers.BatchNormalization(epsilon=1e-5),
                    layers.Dense(4),
                ],
                name="block",
            ),
            layers.Dense(3, activation="softmax"),
        ]
    )


def ours() -> nn.Sequential:
    """The same network of our layers and plain torch modules, mixed."""
    model = nn.Sequential(
        Dense(6, activation="relu", name="first"),
        Dropout(0.25),
        nn.BatchNorm1d(6),
        nn.Sequential(nn.Sequential(nn.Linear(6, 5)), nn.BatchNorm1d(5), nn.Linear(5, 4)),
        Dense(3, activation="softmax"),
    )
    model(torch.from_numpy(X))
    return model.eval()


def stored(model: nn.Sequential) -> list[LayerWeights]:
    return [layer_weights(f"layer_{name}", layer) for name, layer in model.named_children()]


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_keras_3_opens_ours(tmp_path: Path, name: str) -> None:
    """A file of ours, loaded by Keras 3, makes it predict what we predict."""
    model, other = ours(), theirs()
    write_weights(tmp_path / name, stored(model))
    other.load_weights(tmp_path / name)

    expected = model(torch.from_numpy(X)).detach().numpy()
    assert np.allclose(other.predict(X, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_we_open_those_of_keras_3(tmp_path: Path, name: str) -> None:
    """A file of Keras 3's, loaded by us, makes us predict what it predicts."""
    model, other = ours(), theirs()
    other.set_weights([np.random.rand(*w.shape) for w in other.get_weights()])
    (other.save_weights if ".weights" in name else other.save)(tmp_path / name)
    matched = match(read_weights(tmp_path / name), stored(model))
    for layer, arrays in zip(model, matched, strict=True):
        for weight, array in zip(keras_weights(layer), arrays or (), strict=True):
            weight.assign(array)

    found = model(torch.from_numpy(X)).detach().numpy()
    assert np.allclose(found, other.predict(X, verbose=0), atol=1e-6)


def test_a_trained_model_of_keras_3(tmp_path: Path) -> None:
    """Its settings and its optimizer's variables come with it."""
    other = theirs()
    other.compile("adam", "mse")
    other.fit(X, np.zeros((5, 3)), verbose=0)
    other.save(tmp_path / "m.h5")
    other.save_weights(tmp_path / "m.weights.h5")
    model, weights = read_weights(tmp_path / "m.h5"), read_weights(tmp_path / "m.weights.h5")

    assert json.loads(model.model_config or "")["class_name"] == "Sequential"
    assert json.loads(model.training_config or "")["loss"] == "mse"
    variables = [np.asarray(value.numpy()) for value in other.optimizer.variables]
    assert_equal([array for _, array in weights.optimizer_weights or ()], variables)
    assert_equal([array for _, array in model.optimizer_weights or ()], variables)
    assert (model.layout, weights.layout) == ("keras2", "keras3")


def test_keras_3_takes_our_optimizer(tmp_path: Path) -> None:
    """Optimizer variables in a .weights.h5 file arrive in Keras 3's optimizer."""
    model, other = ours(), theirs()
    other.compile("adam", "mse")
    other.fit(X, np.zeros((5, 3)), verbose=0)
    variables = [("", np.ones(tuple(v.shape), str(v.dtype))) for v in other.optimizer.variables]
    write_weights(tmp_path / "w.weights.h5", stored(model), optimizer=("adam", variables))
    other.load_weights(tmp_path / "w.weights.h5")

    assert_equal([np.asarray(v.numpy()) for v in other.optimizer.variables], flat_of(variables))


def flat_of(named: list[tuple[str, np.ndarray]]) -> list[np.ndarray]:
    return [array for _, array in named]


def test_keras_3_opens_a_whole_model(tmp_path: Path) -> None:
    """A model with our layers' configurations, and an explicit input, opens by load_model."""
    layers = [Dense(6, activation="relu"), Dropout(0.5), Dense(3, activation="softmax")]
    model = nn.Sequential(*layers).eval()
    expected = model(torch.from_numpy(X)).detach().numpy()
    start = {"batch_input_shape": [None, 8], "dtype": "float32", "sparse": False, "name": "in"}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential_1",
            "layers": [
                {"class_name": "InputLayer", "config": start},
                *({"class_name": type(x).__name__, "config": x.get_config()} for x in layers),
            ],
        },
    }
    weights = [layer_weights(layer.name, layer) for layer in layers]
    write_model(tmp_path / "m.h5", weights, model_config=json.dumps(config))
    loaded = keras.models.load_model(tmp_path / "m.h5")

    assert np.allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in layers]
    assert_equal(loaded.get_weights(), flat(weights))
