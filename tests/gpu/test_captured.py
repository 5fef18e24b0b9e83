"""`compile(cuda_graph=True)`: batches that are recorded once and replayed."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.callbacks import LambdaCallback, LearningRateScheduler, TensorBoard
from backbeat.errors import BackbeatWarning
from backbeat.layers import BatchNormalization, Dense, Dropout
from backbeat.models import Model, Sequential

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

generator = np.random.default_rng(0)
X = generator.normal(size=(1000, 20)).astype("float32")
Y = generator.integers(0, 4, 1000)
WEIGHTS = generator.uniform(0, 2, 1000).astype("float32")


def network(*, optimizer="adam", dropout=0.0, **settings):
    torch.manual_seed(0)
    layers = [
        Dense(32, activation="relu", input_dim=20),
        BatchNormalization(),
        Dropout(dropout),
        Dense(4, activation="softmax"),
    ]
    model = Sequential(layers)
    model.compile(
        optimizer,
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        device="cuda",
        **settings,
    )
    return model


def trained(model, epochs=6, **more):
    """1000 samples in batches of 64, the last one smaller."""
    torch.manual_seed(1)
    history = model.fit(X, Y, batch_size=64, epochs=epochs, verbose=0, **more)
    return model.get_weights(), history.history


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "nadam"])
@pytest.mark.parametrize("more", [{}, {"sample_weight": WEIGHTS}], ids=["plain", "weighted"])
def test_it_trains_as_without(optimizer, more):
    """The same weights and the same history, with a smaller batch at the end of each epoch."""
    plain, plain_history = trained(network(optimizer=optimizer), **more)
    replayed, history = trained(network(optimizer=optimizer, cuda_graph=True), **more)

    for one, other in zip(plain, replayed, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    for name, values in plain_history.items():
        np.testing.assert_allclose(values, history[name], atol=1e-5)


def test_weighted_metrics_count_as_without():
    """Their weights are results of the recorded batch too."""
    histories = []
    for cuda_graph in (False, True):
        model = network()
        model.compile(
            "adam",
            "sparse_categorical_crossentropy",
            weighted_metrics=["accuracy"],
            device="cuda",
            cuda_graph=cuda_graph,
        )
        histories.append(trained(model, sample_weight=WEIGHTS)[1])

    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], atol=1e-5)


def test_dropout_differs_from_batch_to_batch():
    """Random numbers go on; they are not recorded."""
    model = network(dropout=0.5, cuda_graph=True, optimizer="sgd")
    losses = []
    model.optimizer.lr = 0.0
    note = LambdaCallback(on_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    model.fit(X[:64], Y[:64], batch_size=64, epochs=20, shuffle=False, verbose=0, callbacks=[note])

    assert len(set(losses)) > 15


def test_the_rate_may_change():
    """The optimizer is not recorded."""
    schedule = LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    plain, _ = trained(network(optimizer="sgd"), callbacks=[schedule])
    replayed, _ = trained(network(optimizer="sgd", cuda_graph=True), callbacks=[schedule])

    for one, other in zip(plain, replayed, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_layers_may_be_frozen_between_runs():
    """What was recorded with their gradients is forgotten."""
    model = network(cuda_graph=True)
    trained(model)
    model.layers[0].requires_grad_(False)
    before = [weight.copy() for weight in model.get_weights()]
    after, _ = trained(model)

    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[-1], after[-1])


def test_gradients_are_those_of_the_last_batch(tmp_path):
    """For TensorBoard's histograms, and whoever else listens between backward and step."""
    norms = {}
    for cuda_graph in (False, True):
        model = network(cuda_graph=cuda_graph)
        seen = norms[cuda_graph] = []

        def note(batch, logs, model=model, seen=seen):
            seen.append(float(sum(p.grad.norm() for p in model.parameters())))

        watcher = LambdaCallback()
        watcher.on_backward_end = note
        board = TensorBoard(str(tmp_path / str(cuda_graph)), histogram_freq=1, write_grads=True)
        trained(model, callbacks=[watcher, board], validation_data=(X, Y))

    np.testing.assert_allclose(norms[False], norms[True], rtol=1e-3)


class Reading(nn.Module):
    """Looks at a value in Python."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(20, 4)

    def forward(self, x):
        y = self.linear(x)
        return y if float(y.sum()) > 1e9 else y * 1.0


def test_what_cannot_be_recorded_is_computed_as_usual():
    """With one warning that says why."""
    torch.manual_seed(0)
    model = Model(Reading())
    model.compile("adam", nn.CrossEntropyLoss(), device="cuda", cuda_graph=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(X, Y, batch_size=64, epochs=4, verbose=0)

    messages = [str(w.message) for w in caught if issubclass(w.category, BackbeatWarning)]
    assert len(messages) == 1
    assert "cannot be recorded" in messages[0]
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert len(torch.rand(3, device="cuda").unique()) == 3


class ReadingBackwards(torch.autograd.Function):
    """Looks at a value on the way back."""

    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return gradient if float(gradient.sum()) < 1e9 else gradient * 0.0


class LateReading(nn.Module):
    """Has found some gradients before it does."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(20, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.last(ReadingBackwards.apply(self.first(x)))


def test_gradients_of_a_failed_recording_are_forgotten():
    """Nothing of it is left in the batch that is computed as usual."""
    found = []
    for cuda_graph in (False, True):
        torch.manual_seed(0)
        model = Model(LateReading())
        model.compile("sgd", nn.CrossEntropyLoss(), device="cuda", cuda_graph=cuda_graph)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(trained(model, epochs=2))

    for one, other in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
