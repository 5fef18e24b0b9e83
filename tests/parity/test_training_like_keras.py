"""Trained from equal weights on equal batches, our models go the way of the real Keras 3."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

import backbeat
from backbeat.callbacks import LambdaCallback

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

# Keras' own variables do not yet know NumPy 2's `copy` argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLES, BATCH, EPOCHS = 44, 8, 3  # the last batch of an epoch is short
random = np.random.default_rng(0)
ROWS = random.normal(size=(SAMPLES, 8)).astype("float32")
IMAGES = random.normal(size=(SAMPLES, 7, 6, 2)).astype("float32")
TOKENS = random.integers(0, 20, size=(SAMPLES, 5)).astype("int32")
CLASSES = random.integers(0, 3, size=SAMPLES)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
YES_NO = random.integers(0, 2, size=(SAMPLES, 1)).astype("float32")
NUMBERS = random.normal(size=(SAMPLES, 1)).astype("float32")
WEIGHTS = random.uniform(0, 2, size=SAMPLES).astype("float32")
CLASS_WEIGHT = {0: 0.5, 1: 1.0, 2: 3.0}


def mlp(api, **first):
    layers = api.layers
    model = api.Sequential(
        [
            layers.Dense(16, activation="relu", **first),
            layers.Dense(8, activation="tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.build((None, 8))
    return model


def regularized(api):
    penalty = api.regularizers
    return mlp(
        api,
        kernel_regularizer=penalty.l1_l2(0.003, 0.01),
        bias_regularizer=penalty.l2(0.02),
        activity_regularizer=penalty.l2(0.004),
    )


def convolutions(api):
    layers = api.layers
    model = api.Sequential(
        [
            layers.Conv2D(5, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            # The mean that is taken away next would leave a bias without any gradient.
            layers.Conv2D(4, (2, 3), strides=(1, 2), kernel_regularizer="l2", use_bias=False),
            layers.BatchNormalization(momentum=0.8, scale=False),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.build((None, 7, 6, 2))
    return model


def words(api):
    layers = api.layers
    tokens = layers.Input((5,), dtype="int32", name="tokens")
    looked_up = layers.Embedding(20, 6)(tokens)
    answer = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(looked_up))
    return api.Model(tokens, answer)


def two_by_two(api):
    layers = api.layers
    image, tokens = layers.Input((7, 6, 2), name="image"), layers.Input((5,), name="tokens")
    seen = layers.Conv2D(4, 3, activation="relu")(image)
    seen = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(seen))
    read = layers.Flatten()(layers.Embedding(20, 3)(tokens))
    # One layer, called twice.
    narrow = layers.Dense(6, activation="tanh", kernel_regularizer=api.regularizers.l2(0.01))
    seen, read = narrow(layers.Dense(5)(seen)), narrow(layers.Dense(5)(read))
    both = layers.Concatenate()([seen, read, layers.Multiply()([seen, read])])
    kind = layers.Dense(3, activation="softmax", name="kind")(both)
    amount = layers.Dense(1, name="amount")(layers.Add()([seen, read]))
    return api.Model([image, tokens], [kind, amount])


TWO_LOSSES = {
    "loss": {"kind": "categorical_crossentropy", "amount": "mse"},
    "loss_weights": {"kind": 1.0, "amount": 0.3},
}
# By name: the model, the arguments of compile, x, y, further ones of fit.
CASES = {
    "mlp": (mlp, {"loss": "categorical_crossentropy"}, ROWS, ONE_HOT, {}),
    "sparse": (mlp, {"loss": "sparse_categorical_crossentropy"}, ROWS, CLASSES, {}),
    "sample_weight": (mlp, {"loss": "mse"}, ROWS, ONE_HOT, {"sample_weight": WEIGHTS}),
    "class_weight": (
        mlp,
        {"loss": "categorical_crossentropy"},
        ROWS,
        ONE_HOT,
        {"class_weight": CLASS_WEIGHT},
    ),
    "regularizers": (
        regularized,
        {"loss": "categorical_crossentropy"},
        ROWS,
        ONE_HOT,
        {"class_weight": CLASS_WEIGHT},
    ),
    "convolutions": (
        convolutions,
        {"loss": "categorical_crossentropy"},
        IMAGES,
        ONE_HOT,
        {"sample_weight": WEIGHTS},
    ),
    "embedding": (words, {"loss": "binary_crossentropy"}, TOKENS, YES_NO, {}),
    "two_by_two": (two_by_two, TWO_LOSSES, [IMAGES, TOKENS], [ONE_HOT, NUMBERS], {}),
    "two_by_two_weighted": (
        two_by_two,
        TWO_LOSSES,
        [IMAGES, TOKENS],
        [ONE_HOT, NUMBERS],
        {"sample_weight": [WEIGHTS, WEIGHTS[::-1].copy()]},
    ),
}
OURS = SimpleNamespace(
    layers=backbeat.layers,
    regularizers=backbeat.regularizers,
    Sequential=backbeat.Sequential,
    Model=backbeat.Model,
)


class OwnValues(keras.callbacks.Callback):
    """Keras logs running means; begun anew for every batch, they are the batch's own values."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append(dict(logs))


def trained_by_keras(case, weights, nesterov):
    build, compiled, x, y, fit = CASES[case]
    model, values = build(keras), OwnValues()
    model.set_weights(weights)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=nesterov)
    model.compile(optimizer, **compiled)
    settings = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    model.fit(x, y, callbacks=[values], **settings, **fit)
    return values.logs, model.get_weights()


def trained_by_us(case, model, nesterov):
    _, compiled, x, y, fit = CASES[case]
    logs = []
    optimizer = backbeat.optimizers.SGD(0.05, momentum=0.9, nesterov=nesterov)
    model.compile(optimizer, **compiled)
    listener = LambdaCallback(on_batch_end=lambda batch, values: logs.append(dict(values)))
    settings = {"batch_size": BATCH, "epochs": EPOCHS, "shuffle": False, "verbose": 0}
    model.fit(x, y, callbacks=[listener], **settings, **fit)
    return logs, model.get_weights()


def distance(ours, theirs):
    """How far one array is from the other, in parts of the latter's length."""
    return np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-3)


@pytest.mark.parametrize("nesterov", [False, True], ids=["momentum", "nesterov"])
@pytest.mark.parametrize("case", CASES)
def test_three_epochs_of_sgd(case, nesterov):
    """Every batch has Keras' loss, that of each output too, and the weights end where Keras' do."""
    model = CASES[case][0](OURS)
    start = model.get_weights()
    theirs, expected = trained_by_keras(case, start, nesterov)
    ours, weights = trained_by_us(case, model, nesterov)

    assert len(ours) == len(theirs) == EPOCHS * 6
    for mine, other in zip(ours, theirs, strict=True):
        assert set(other) <= set(mine)
        assert [mine[name] for name in other] == pytest.approx(list(other.values()), rel=1e-4)
    assert all(distance(*pair) < 1e-4 for pair in zip(weights, expected, strict=True))
    # It was worth comparing: every layer has learned.
    assert all(distance(*pair) > 1e-3 for pair in zip(weights, start, strict=True))
