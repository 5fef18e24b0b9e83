"""Callbacks do the same whatever the model is: Sequential, functional, subclassed or wrapped."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.callbacks import (
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from backbeat.layers import Dense, Input
from backbeat.models import Model, Sequential, load_model
from backbeat.testing import HookRecorder

random = np.random.default_rng(0)
X = random.normal(size=(20, 4)).astype("float32")
Y = (X @ random.normal(size=(4, 1))).astype("float32")


def sequential():
    return Sequential([Dense(3, activation="tanh", input_dim=4), Dense(1)])


def functional():
    inputs = Input((4,))
    return Model(inputs, Dense(1)(Dense(3, activation="tanh")(inputs)))


class Subclassed(Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = Dense(3, activation="tanh", input_dim=4), Dense(1)

    def forward(self, x):
        return self.out(self.hidden(x))


def subclassed():
    model = Subclassed()
    model(torch.tensor(X))
    return model


def wrapped():
    return Model(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)))


def data_parallel():
    return Model(nn.DataParallel(wrapped().wrapped))


KINDS = {each.__name__: each for each in (sequential, functional, subclassed, wrapped)}
KINDS["data_parallel"] = data_parallel
START = [random.normal(size=shape).astype("float32") for shape in ((4, 3), (3,), (3, 1), (1,))]


@pytest.fixture(params=KINDS)
def make(request):
    """Makes models of one kind, all with the same weights, compiled alike."""

    def new(optimizer="sgd", metrics=("mae",)):
        model = KINDS[request.param]()
        model.set_weights(START)
        model.compile(optimizer, "mse", metrics=list(metrics))
        return model

    return new


@pytest.fixture
def reference():
    """The same run of a Sequential model: its history, given the callbacks."""

    def run(callbacks=None, **settings):
        model = sequential()
        model.set_weights(START)
        model.compile("sgd", "mse", metrics=["mae"])
        return fit(model, callbacks, **settings).history

    return run


def fit(model, callbacks=None, epochs=4, **settings):
    return model.fit(
        X,
        Y,
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=(X, -Y),
        callbacks=callbacks,
        **settings,
    )


def test_values(make, reference):
    """The history has the same keys and values."""
    history, expected = fit(make()).history, reference()

    assert list(history) == list(expected)
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, rel=1e-4)


def test_hooks(make):
    """The same hooks ring in the same order, with the same batches and log names."""
    heard, expected = HookRecorder(), HookRecorder()
    fit(make(), [heard], epochs=2)
    model = sequential()
    model.compile("sgd", "mse", metrics=["mae"])
    fit(model, [expected], epochs=2)

    assert heard.hooks == expected.hooks
    for one, other in zip(heard.calls, expected.calls, strict=True):
        assert one[:-1] == other[:-1] if len(one) > 2 else one[0] == other[0]
        assert list(one[-1]) == list(other[-1]) if isinstance(one[-1], dict) else True


def test_the_callbacks_model_is_the_model(make):
    """`callback.model` is what `fit` was called on, with its weights and layers."""
    seen = []
    model = make()

    class Look(LambdaCallback):
        def on_train_begin(self, logs=None):
            seen.extend([self.model, len(self.model.get_weights()), self.params["metrics"]])

    fit(model, [Look()])

    assert seen == [model, 4, ["loss", "mae", "val_loss", "val_mae"]]


def test_early_stopping_restores(make):
    """The validation labels are turned round, so training makes it worse: the first is the best."""
    model, kept = make(), []
    keep = LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights()) if epoch == 0 else None
    )
    stop = EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    history = fit(model, [keep, stop], epochs=20)

    assert len(history.epoch) == 3
    assert stop.stopped_epoch == 2
    assert history.stopped.by == "EarlyStopping"
    assert all(map(np.array_equal, model.get_weights(), kept[0]))


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
def test_checkpoints_of_weights(make, tmp_path, suffix):
    """The best weights are in the file, and fit another model of the same kind."""
    model, best = make(), []
    path = tmp_path / f"best{suffix}"
    checkpoint = ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True)
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: best.append(model.get_weights()))
    history = fit(model, [checkpoint, keep]).history
    again = make()
    again.load_weights(path)

    least = int(np.argmin(history["loss"]))
    assert all(map(np.array_equal, again.get_weights(), best[least]))


def test_checkpoints_of_whole_models(make, tmp_path):
    """A file per epoch; each is loaded back, or into a model that was built as it was."""
    model = make("adam")
    fit(model, [ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.h5")], epochs=2)
    files = sorted(tmp_path.iterdir())
    assert [path.name[:2] for path in files] == ["1-", "2-"]

    if isinstance(model, Sequential) or model.graph is not None:
        again = load_model(files[-1])
    else:
        again = make("adam")
        again.load(files[-1])

    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.optimizer.iterations == model.optimizer.iterations == 6
    assert again.train_on_batch(X, Y) == pytest.approx(model.train_on_batch(X, Y), rel=1e-6)
    assert np.allclose(again.predict(X), model.predict(X), atol=1e-6)


def test_csv(make, tmp_path, reference):
    """A row per epoch under the same header, holding what history holds."""
    fit(make(), [CSVLogger(tmp_path / "log.csv")])
    with (tmp_path / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    for name, values in reference().items():
        assert [float(row[name]) for row in rows] == pytest.approx(values, rel=1e-4)


def test_plateau(make):
    """The rate goes down when the watched value does not, in the model and in the logs."""
    model = make()
    plateau = ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0, min_lr=0.002)
    history = fit(model, [plateau], epochs=5)

    assert history.history["lr"] == pytest.approx([0.01, 0.01, 0.005, 0.0025, 0.002])
    assert float(model.optimizer.lr) == pytest.approx(0.002)


def test_schedule(make):
    """A schedule sets the rate of each epoch."""
    history = fit(make(), [LearningRateScheduler(lambda epoch, rate: rate / 2)])

    assert history.history["lr"] == pytest.approx([0.005, 0.0025, 0.00125, 0.000625])


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_nan_ends_the_run(make):
    """A loss that is no number stops at once."""
    model = make()
    history = model.fit(
        X, np.full_like(Y, np.nan), epochs=3, batch_size=8, verbose=0, callbacks=[TerminateOnNaN()]
    )

    assert history.stopped.by == "TerminateOnNaN"
    assert (history.stopped.epoch, history.stopped.batch) == (0, 0)


def test_a_stop_by_hand(make):
    """`model.stop_training = True` in a hook ends the run after that epoch."""
    model = make()

    def stop(epoch, logs):
        model.stop_training = epoch == 1

    assert fit(model, [LambdaCallback(on_epoch_end=stop)], epochs=9).epoch == [0, 1]


def test_saving_in_a_hook_and_going_on(make, tmp_path):
    """What is saved and loaded back in mid-training changes nothing in the run."""
    model = make()

    def there_and_back(epoch, logs):
        model.save_weights(tmp_path / "w.safetensors")
        model.load_weights(tmp_path / "w.safetensors")

    history = fit(model, [LambdaCallback(on_epoch_end=there_and_back)]).history

    assert history["loss"] == pytest.approx(fit(make()).history["loss"], rel=1e-6)
