"""Every example of the seed's page, with the import and the data changed and nothing else."""

import csv
import json
import multiprocessing
import time

import numpy as np
import pytest

import backbeat as keras
from backbeat.callbacks import (
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.errors import BackbeatWarning
from backbeat.layers import Activation, Dense
from backbeat.models import Sequential, load_model
from backbeat.utils import to_categorical

random = np.random.RandomState(0)
x_train = random.rand(512, 784).astype("float32")
y_train = to_categorical((x_train[:, :10] * 10).argmax(1), 10)
X_train, Y_train = x_train, y_train
X_test, Y_test = x_train[:128], y_train[:128]


def seed_model():
    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
    return model


def test_recording_the_losses():
    """LossHistory, as the seed writes it: one falling list of plain losses."""

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs={}):
            self.losses = []

        def on_batch_end(self, batch, logs={}):
            self.losses.append(logs.get("loss"))

    model = seed_model()
    history = LossHistory()
    model.fit(x_train, y_train, batch_size=128, epochs=20, verbose=0, callbacks=[history])

    assert len(history.losses) == 20 * 4
    assert all(type(loss) is float for loss in history.losses)
    assert np.mean(history.losses[-4:]) < 0.8 * np.mean(history.losses[:4])


def test_checkpoints(tmp_path, capsys):
    """The model is saved whenever the validation loss fell, and can be loaded again."""
    model = seed_model()
    path = str(tmp_path / "weights.hdf5")
    checkpointer = ModelCheckpoint(filepath=path, verbose=1, save_best_only=True)
    model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=20,
        verbose=0,
        validation_data=(X_test, Y_test),
        callbacks=[checkpointer],
    )

    losses = model.history["val_loss"]
    assert capsys.readouterr().out.count("val_loss improved from") == sum(
        loss < min([np.inf, *losses[:epoch]]) for epoch, loss in enumerate(losses)
    )
    restored = load_model(path)
    assert restored.evaluate(X_test, Y_test, verbose=0) == pytest.approx(min(losses), abs=1e-6)


def test_reducing_the_rate():
    """Without validation data, as the seed has it: a warning, and training goes on."""
    model = seed_model()
    reduce_lr = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
    with pytest.warns(BackbeatWarning, match="watches 'val_loss'") as told:
        history = model.fit(X_train, Y_train, verbose=0, callbacks=[reduce_lr])

    assert len(told) == 1
    assert history["lr"] == [pytest.approx(0.001)]


def test_logging_to_a_csv(tmp_path):
    """One row per epoch, one column per value."""
    model = seed_model()
    csv_logger = CSVLogger(str(tmp_path / "training.log"))
    model.fit(X_train, Y_train, epochs=2, verbose=0, callbacks=[csv_logger])
    with (tmp_path / "training.log").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert [float(row["loss"]) for row in rows] == pytest.approx(model.history["loss"])


def test_lambda_callbacks(tmp_path, capsys):
    """The three of the seed at once: batch numbers, a stream of JSON, processes ended."""
    model = seed_model()
    # Print the number of each batch when it begins.
    batch_print_callback = LambdaCallback(on_batch_begin=lambda batch, logs: print(batch))

    # Stream the loss of each epoch as JSON.
    json_log = open(tmp_path / "loss_log.json", mode="wt", buffering=1)  # noqa: PTH123, SIM115, UP015 the seed
    json_logging_callback = LambdaCallback(
        on_epoch_end=lambda epoch, logs: json_log.write(
            json.dumps({"epoch": epoch, "loss": logs["loss"]}) + "\n"
        ),
        on_train_end=lambda logs: json_log.close(),
    )

    # End some processes when the training is over.
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=time.sleep, args=(600,))]
    processes[0].start()
    cleanup_callback = LambdaCallback(
        on_train_end=lambda logs: [p.terminate() for p in processes if p.is_alive()]
    )

    model.fit(
        X_train,
        Y_train,
        batch_size=128,
        epochs=2,
        verbose=0,
        callbacks=[batch_print_callback, json_logging_callback, cleanup_callback],
    )
    processes[0].join(timeout=30)

    assert capsys.readouterr().out.split() == ["0", "1", "2", "3"] * 2
    lines = [json.loads(line) for line in (tmp_path / "loss_log.json").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    assert [line["loss"] for line in lines] == model.history["loss"]
    assert json_log.closed
    assert processes[0].exitcode is not None
    assert processes[0].exitcode != 0


def test_file_names_made_of_logs(tmp_path):
    """`weights.{epoch:02d}-{val_loss:.2f}.hdf5` holds epoch and validation loss."""
    model = seed_model()
    template = str(tmp_path / "weights.{epoch:02d}-{val_loss:.2f}.hdf5")
    model.fit(
        X_train,
        Y_train,
        epochs=2,
        verbose=0,
        validation_data=(X_test, Y_test),
        callbacks=[ModelCheckpoint(template)],
    )

    names = sorted(path.name for path in tmp_path.iterdir())
    losses = model.history["val_loss"]
    assert names == [f"weights.{e + 1:02d}-{loss:.2f}.hdf5" for e, loss in enumerate(losses)]


def test_a_schedule():
    """A schedule is given the epoch's index from 0 and the present rate."""
    given = []

    def schedule(epoch, rate):
        given.append((epoch, rate))
        return rate / 2

    history = seed_model().fit(
        X_train, Y_train, epochs=3, verbose=0, callbacks=[LearningRateScheduler(schedule)]
    )

    assert given == [(0, 0.001), (1, 0.0005), (2, 0.00025)]
    assert history["lr"] == [0.0005, 0.00025, 0.000125]


@pytest.mark.parametrize("fit", ["fit", "fit_generator"])
def test_sequential_and_model_alike(fit):
    """Callbacks work for Sequential and Model, and the logs are the seed's."""
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_batch_begin(self, batch, logs={}):
            seen.setdefault("begin", dict(logs))

        def on_batch_end(self, batch, logs={}):
            seen.setdefault("end", dict(logs))

        def on_epoch_end(self, epoch, logs={}):
            seen.setdefault("epoch", dict(logs))

    for model in (seed_model(), keras.Model(seed_model())):
        seen.clear()
        model.compile("rmsprop", "categorical_crossentropy", metrics=["acc"])
        data = (X_train, Y_train) if fit == "fit" else ([(X_train, Y_train)],)
        if fit == "fit_generator":
            data = (iter([(X_train[:128], Y_train[:128])]), 1)
        getattr(model, fit)(*data, verbose=0, callbacks=[Look()], validation_data=(X_test, Y_test))

        assert seen["begin"]["size"] in (32, 128)
        assert set(seen["end"]) == {"batch", "size", "loss", "acc"}
        assert set(seen["epoch"]) == {"loss", "acc", "val_loss", "val_acc"}
