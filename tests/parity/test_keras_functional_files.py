"""Whole models in `.h5` files go to real Keras and come back: to Keras 3, and from Keras 2.3.1."""

import os
from pathlib import Path

import numpy as np
import pytest

from backbeat.models import load_model
from tests.parity.test_training_like_keras import (
    CASES,
    IMAGES,
    OURS,
)

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

pytestmark = [
    # Keras' own variables do not yet know NumPy 2's `copy` argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*before calling `model.fit:UserWarning"),
]

KERAS_2 = Path(__file__).parents[1] / "data" / "keras-2.3.1"
SEQUENCES = np.random.default_rng(1).normal(size=(5, 12, 3)).astype("float32")
MODELS = ("mlp", "regularizers", "convolutions", "embedding", "two_by_two")


def every_pooling(api):
    """The layers that the other models leave out, for images."""
    layers = api.layers
    image = layers.Input((7, 6, 2), name="image")
    wide = layers.Conv2D(4, 2, padding="same", dilation_rate=2, activation="elu")(image)
    # Where Keras on torch pads a window by more, its mean is not that of Keras on TensorFlow.
    small = layers.AveragePooling2D(2, padding="same")(wide)
    parts = [
        layers.GlobalMaxPooling2D()(small),
        layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2, padding="same")(wide)),
    ]
    alike = layers.Subtract()([layers.Maximum()(parts), layers.Average()(parts)])
    table = layers.Reshape((2, 2))(layers.Dropout(0.3)(alike))
    return api.Model(image, layers.Dot(axes=(2, 1))([table, table]))


def every_sequence_layer(api):
    """The same for sequences, with two models inside."""
    layers = api.layers
    sequence = layers.Input((12, 3), name="sequence")
    inner_input = layers.Input((12, 3))
    features = layers.Conv1D(4, 3, padding="causal", activation="relu")(inner_input)
    inner = api.Model(inner_input, layers.MaxPooling1D(3)(features), name="inner")
    narrow = api.Sequential([layers.Dense(5, activation="tanh"), layers.Dense(2)], name="narrow")
    narrow.build((None, 4))
    small = layers.AveragePooling1D(2)(inner(sequence))
    ends = [layers.GlobalMaxPooling1D()(small), layers.GlobalAveragePooling1D()(small)]
    both = layers.Concatenate()([narrow(ends[0]), narrow(ends[1])])
    return api.Model(sequence, layers.Activation("softmax")(both))


BUILT = {name: (CASES[name][0], CASES[name][2]) for name in MODELS} | {
    "every_pooling": (every_pooling, IMAGES),
    "every_sequence_layer": (every_sequence_layer, SEQUENCES),
}


def shaken(model):
    """Weights that are not those of a new model."""
    random = np.random.default_rng(2)
    model.set_weights([w + 0.1 * random.uniform(size=w.shape) for w in model.get_weights()])
    return model


def answers(model, x):
    outputs = model.predict(x, verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def assert_alike(ours, theirs):
    assert len(ours) == len(theirs)
    assert all(np.abs(one - other).max() < 1e-6 for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", BUILT)
def test_ours_goes_to_keras_and_comes_back(name, tmp_path):
    """Keras 3 loads what we saved, predicts the same, saves it, and we load that."""
    build, x = BUILT[name]
    model = shaken(build(OURS))
    expected = answers(model, x)
    model.save(tmp_path / "ours.h5")
    other = keras.models.load_model(tmp_path / "ours.h5", compile=False)
    other.save(tmp_path / "theirs.h5")
    again = load_model(tmp_path / "theirs.h5", compile=False)

    assert_alike(expected, answers(other, x))
    assert_alike(expected, answers(again, x))


@pytest.mark.parametrize("name", BUILT)
def test_theirs_comes_to_us_and_goes_back(name, tmp_path):
    """We load what Keras 3 saved, predict the same, save it, and Keras 3 loads that."""
    build, x = BUILT[name]
    model = shaken(build(keras))
    expected = answers(model, x)
    model.save(tmp_path / "theirs.h5")
    mine = load_model(tmp_path / "theirs.h5", compile=False)
    mine.save(tmp_path / "ours.h5")
    again = keras.models.load_model(tmp_path / "ours.h5", compile=False)

    assert_alike(expected, answers(mine, x))
    assert_alike(expected, answers(again, x))


@pytest.mark.parametrize("name", ["regularizers", "convolutions", "two_by_two"])
def test_what_was_compiled_goes_along(name, tmp_path):
    """Losses, their weights, metrics and regularizers: both sides then evaluate alike."""
    build, compiled, x, y, _ = CASES[name]
    model = shaken(build(OURS))
    metrics = {"kind": ["acc"], "amount": ["mae"]} if name == "two_by_two" else ["acc"]
    model.compile("sgd", metrics=metrics, **compiled)
    values = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "ours.h5")
    again = load_model(tmp_path / "ours.h5")
    other = keras.models.load_model(tmp_path / "ours.h5")
    theirs = other.evaluate(x, y, verbose=0, return_dict=True)

    assert again.evaluate(x, y, verbose=0) == values
    assert theirs["loss"] == pytest.approx(values[0], rel=1e-5)
    assert again.metrics_names == model.metrics_names


def stored(name):
    """The model in a file that Keras 2.3.1 wrote, and the arrays beside it."""
    with np.load(KERAS_2 / f"{name}.npz") as arrays:
        return load_model(KERAS_2 / f"{name}.h5"), dict(arrays)


def test_a_sequential_model_of_keras_2():
    """It predicts and evaluates as Keras 2.3.1 wrote down."""
    model, held = stored("sequential_mlp")

    assert np.abs(model.predict(held["x"]) - held["predictions"]).max() < 1e-6
    assert model.metrics_names == list(held["metrics_names"])
    values = model.evaluate(held["x"], held["y"], verbose=0)
    assert values == pytest.approx(list(held["evaluate"]), rel=1e-5)


def test_a_functional_model_of_keras_2():
    """The same with two inputs and outputs: by position, and by name."""
    model, held = stored("functional")
    x, y = [held["image"], held["tokens"]], [held["y_cls"], held["y_reg"]]
    named = {"image": x[0], "tokens": x[1]}
    expected = [held["predictions_cls"], held["predictions_reg"]]

    assert_alike(model.predict(x), expected)
    assert_alike(model.predict(named), expected)
    assert model.metrics_names == list(held["metrics_names"])
    values = model.evaluate(named, {"reg": y[1], "cls": y[0]}, verbose=0)
    assert values == pytest.approx(list(held["evaluate"]), rel=1e-5)
    assert values == model.evaluate(x, y, verbose=0)


def test_a_functional_model_of_keras_2_goes_on(tmp_path):
    """Its optimizer brings rate, momentum and slots, and trains on; saved again, all is there."""
    model, held = stored("functional")
    x, y = [held["image"], held["tokens"]], [held["y_cls"], held["y_reg"]]
    model.save(tmp_path / "again.h5")
    again = load_model(tmp_path / "again.h5")

    assert (model.optimizer.lr, model.optimizer.momentum) == pytest.approx((0.05, 0.9))
    assert model.optimizer.iterations == 3
    assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
