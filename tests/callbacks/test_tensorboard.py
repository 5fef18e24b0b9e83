"""TensorBoard: what is in the event files, as TensorBoard's own loader reads them."""

from __future__ import annotations

import copy
import errno
import io
import json
import os
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import backbeat as keras
from backbeat.callbacks import CallbackList, EarlyStopping, LambdaCallback, TensorBoard
from backbeat.callbacks._tensorboard.pictures import picture
from backbeat.errors import ArgumentError, ArgumentTypeError, BackbeatWarning
from backbeat.files import Disk, disk
from backbeat.hooks import Logs
from backbeat.layers import BatchNormalization, Conv2D, Dense, Dropout, Embedding, Flatten
from backbeat.models import Model, Sequential
from backbeat.testing import FakeHost, play
from backbeat.training import Loop
from tests.event_files.reading import events_in, loaded, scalars, series

random = np.random.RandomState(0)
X = random.rand(20, 4).astype("float32")
LABELS = random.randint(0, 3, 20)
Y = np.eye(3, dtype="float32")[LABELS]


def model(*layers: Any) -> Sequential:
    made = Sequential(list(layers) or [Dense(5, activation="relu", input_dim=4), Dense(3)])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


def tags(directory: Path) -> list[str]:
    return sorted(loaded(directory).Tags()["tensors"])


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*tfevents*"))


def steps(directory: Path, tag: str) -> list[int]:
    return [step for step, _ in series(directory, tag)]


# Scalars


@pytest.mark.parametrize(
    ("update_freq", "batch_size", "batch_steps", "epoch_steps"),
    [
        ("epoch", 5, [], [0, 1]),
        ("batch", 5, [5, 10, 15, 20, 25, 30, 35, 40], [20, 40]),
        (9, 5, [10, 20, 30, 40], [20, 40]),
        (12, 8, [16, 28, 40], [20, 40]),
    ],
)
def test_golden_steps(tmp_path, update_freq, batch_size, batch_steps, epoch_steps):
    """Batches and epochs stand at the steps of Keras 2.3, counted in samples or in epochs."""
    board = TensorBoard(tmp_path, update_freq=update_freq)
    model().fit(X, Y, batch_size=batch_size, epochs=2, verbose=0, callbacks=[board])

    assert steps(tmp_path, "loss") == epoch_steps
    if batch_steps:
        assert steps(tmp_path, "batch_loss") == steps(tmp_path, "batch_mae") == batch_steps
    else:
        assert not [tag for tag in tags(tmp_path) if tag.startswith("batch_")]


def test_second_fit_goes_on_in_a_new_file(tmp_path):
    """The samples are counted on, as in Keras 2.3; the first file stays as it was."""
    board, trained = TensorBoard(tmp_path, update_freq=5), model()
    trained.fit(X, Y, batch_size=5, verbose=0, callbacks=[board])
    [first] = files(tmp_path)
    before = first.read_bytes()
    trained.fit(X, Y, batch_size=5, verbose=0, callbacks=[board])

    assert first.read_bytes() == before
    assert files(tmp_path)[0] == first
    assert len(files(tmp_path)) == 2
    assert steps(tmp_path, "batch_loss") == [5, 10, 15, 20, 25, 30, 35, 40]
    assert steps(tmp_path, "loss") == [20, 40]


def test_epoch_values_equal_the_history(tmp_path):
    """Every logged name is a tag, with the values that the history has, the rate included."""
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    history = model().fit(
        X, Y, epochs=5, initial_epoch=2, verbose=0, validation_split=0.25,
        callbacks=[TensorBoard(tmp_path), rate],
    )  # fmt: skip

    names = {"loss", "mae", "val_loss", "val_mae", "lr"}
    assert names == set(history.history)
    for name in names:
        wanted = [float(np.float32(value)) for value in history[name]]
        assert scalars(tmp_path, name) == list(zip([2, 3, 4], wanted, strict=True))


def test_batch_values_are_those_of_the_batch(tmp_path):
    """What a callback hears at the end of a batch is what is written, number for number."""
    heard = []
    listener = LambdaCallback(on_batch_end=lambda batch, logs: heard.append(logs["loss"]))
    callbacks = [TensorBoard(tmp_path, update_freq="batch"), listener]
    model().fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=callbacks)

    assert [v for _, v in scalars(tmp_path, "batch_loss")] == [float(np.float32(v)) for v in heard]


def test_what_is_no_number_is_left_out(tmp_path):
    """Texts and lists in the logs are no scalars; nan is one; counts are not measurements."""
    board = TensorBoard(tmp_path, update_freq=1)
    batches = [{"loss": float("nan"), "note": "x", "acc": np.float64(0.5), "list": [1, 2]}]
    play(board, [{"loss": 1, "note": "x", "flag": True, "array": np.ones(1)}], batches=batches)

    assert {tag for tag in tags(tmp_path) if tag not in ("run", "end")} == {
        "loss",
        "array",
        "batch_loss",
        "batch_acc",
    }
    assert np.isnan(scalars(tmp_path, "batch_loss")[0][1])


def test_values_on_a_device_are_read_together_in_the_background(tmp_path):
    """The hook reads nothing; the writing thread fetches the values of many batches at once."""
    fetches = []

    def fetch(values):
        fetches.append((threading.current_thread(), len(values)))
        return [float(value) for value in values]

    board = TensorBoard(tmp_path, update_freq="batch")
    for batch in range(50):
        logs = Logs({"batch": batch, "size": 2}, fetch=fetch)
        logs.add_late({"loss": str(batch), "acc": "0.5"})
        board.on_train_batch_end(batch, logs)
        assert logs.is_late("loss")
    board.close()

    assert scalars(tmp_path, "batch_loss") == [(2 * i + 2, float(i)) for i in range(50)]
    assert threading.main_thread() not in {thread for thread, _ in fetches}
    assert sum(number for _, number in fetches) == 100
    assert len(fetches) <= 3


def test_layout_of_keras_2(tmp_path):
    """Batches and epochs stand under one tag, as in the seed."""
    board = TensorBoard(tmp_path, update_freq=10, layout="keras2")
    model().fit(X, Y, batch_size=10, epochs=1, verbose=0, callbacks=[board])

    assert [event.step for event in events_in(tmp_path) if tag_of(event) == "loss"] == [10, 20, 20]


def tag_of(event: Any) -> str:
    return event.summary.value[0].tag if event.summary.value else ""


def test_layout_of_keras_3(tmp_path):
    """Training and validation are two runs with the same tags."""
    board = TensorBoard(tmp_path, histogram_freq=1, update_freq="batch", layout="keras3")
    trained = model()
    trained.fit(X, Y, batch_size=5, verbose=0, validation_data=(X, Y), callbacks=[board])

    assert tags(tmp_path / "validation") == ["epoch_loss", "epoch_mae"]
    assert steps(tmp_path / "train", "batch_loss") == [5, 10, 15, 20]
    assert {"epoch_loss", "dense_1/kernel/histogram", "keras"} <= set(tags(tmp_path / "train"))
    assert files(tmp_path) == []


# Histograms


def numpy_counts(values: Any, rows: Any) -> list[float]:
    edges = np.append(rows[:, 0], rows[-1, 1])
    return np.histogram(np.asarray(values, np.float64), edges)[0].tolist()


def test_histograms_of_weights_need_no_validation(tmp_path):
    """At every second epoch all weights are counted, as NumPy does on the same edges."""
    trained = model()
    trained.fit(X, Y, epochs=3, verbose=0, callbacks=[TensorBoard(tmp_path, histogram_freq=2)])

    assert steps(tmp_path, "dense_1/kernel_0") == [0, 2]
    names = ["dense_1/kernel_0", "dense_1/bias_0", "dense_2/kernel_0", "dense_2/bias_0"]
    for name, weight in zip(names, trained.get_weights(), strict=True):
        rows = series(tmp_path, name)[-1][1]
        assert rows[:, 2].sum() == weight.size
        assert rows[:, 2].tolist() == numpy_counts(weight, rows)
    assert [tag for tag in tags(tmp_path) if "_out" in tag or "_grad" in tag] == []


def validation(kind: str) -> tuple[Any, int | None]:
    """Ten samples as data of different kinds, and how many steps of them are wanted."""

    def endless() -> Iterator[Any]:
        while True:
            yield X[:5], Y[:5]
            yield X[5:10], Y[5:10]

    if kind == "arrays":
        return (X[:10], Y[:10]), None
    if kind == "loader":
        return DataLoader(TensorDataset(torch.tensor(X[:10]), torch.tensor(Y[:10])), 3), None
    return endless(), 2


@pytest.mark.parametrize("kind", ["arrays", "loader", "generator"])
def test_histograms_of_outputs_over_all_of_the_validation_data(tmp_path, kind):
    """Whatever the validation data are, each layer's outputs on all of them are counted once."""
    trained = model()
    data, limit = validation(kind)
    trained.fit(
        X, Y, epochs=2, verbose=0, validation_data=data, validation_steps=limit,
        callbacks=[TensorBoard(tmp_path, histogram_freq=1)],
    )  # fmt: skip

    assert steps(tmp_path, "dense_1_out") == [0, 1]
    rows = series(tmp_path, "dense_2_out")[-1][1]
    outputs = trained.predict(X[:10])
    assert rows[:, 2].sum() == outputs.size
    assert rows[:, 2].tolist() == numpy_counts(outputs, rows)


def test_validation_is_the_same_with_histograms(tmp_path):
    """A generator is not drawn from a second time: what is validated on stays the same."""

    def numbered() -> Iterator[Any]:
        for start in range(0, 20, 5):
            yield X[start : start + 5], Y[start : start + 5]

    def losses(callbacks: Any) -> list[float]:
        torch.manual_seed(1)
        history = model().fit(
            X, Y, epochs=2, verbose=0, validation_data=numbered(), validation_steps=2,
            callbacks=callbacks,
        )  # fmt: skip
        return history["val_loss"]

    assert losses([TensorBoard(tmp_path, histogram_freq=1)]) == losses([])


def test_outputs_where_no_validation_was_heard(tmp_path):
    """In an epoch without validation, arrays go through the model in chunks of batch_size."""
    trained = model()
    trained.fit(
        X, Y, epochs=1, verbose=0, validation_data=(X, Y), validation_freq=2,
        callbacks=[TensorBoard(tmp_path, histogram_freq=1, batch_size=7)],
    )  # fmt: skip

    rows = series(tmp_path, "dense_2_out")[0][1]
    assert rows[:, 2].tolist() == numpy_counts(trained.predict(X), rows)


def test_compiled_models_are_not_hooked(tmp_path):
    """torch.compile would trace hooks on its layers; their outputs come from an own pass."""
    trained = model()
    trained.compile("sgd", "mse", jit_compile=True)
    board = TensorBoard(tmp_path, histogram_freq=1)
    board.set_model(trained)
    board.validation_data = [X, Y]
    board.on_train_begin()

    assert not trained._forward_hooks
    board.on_epoch_end(0, {})
    board.close()
    assert series(tmp_path, "dense_2_out")[0][1][:, 2].sum() == 20 * 3
    assert steps(tmp_path, "keras") == [0]


def test_histograms_of_gradients(tmp_path):
    """They are those of the first batch of the epoch, as torch.autograd has them."""
    trained = model(Dense(3, input_dim=4))
    kernel, bias = (torch.tensor(each, requires_grad=True) for each in trained.get_weights())
    loss = nn.functional.mse_loss(torch.tensor(X[:5]) @ kernel + bias, torch.tensor(Y[:5]))
    wanted = torch.autograd.grad(loss, [kernel, bias])
    board = TensorBoard(tmp_path, histogram_freq=2, write_grads=True)
    trained.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0, callbacks=[board])

    assert steps(tmp_path, "dense_1/kernel_0_grad") == [0, 2]
    for name, gradient in zip(("kernel", "bias"), wanted, strict=True):
        rows = series(tmp_path, f"dense_1/{name}_0_grad")[0][1]
        assert rows[:, 2].sum() == gradient.numel()
        assert rows[:, 2].tolist() == numpy_counts(gradient.numpy(), rows)


def test_gradients_without_histograms_are_not_listened_for():
    """What is not wanted is not heard: such a run trains its batches as if nobody listened."""

    def heard(**settings: Any) -> set[str]:
        hooks = CallbackList(TensorBoard(**settings))
        moments = ("on_train_batch_end", "on_backward_end", "on_validation_begin", "on_epoch_end")
        return {moment for moment in moments if hooks.answers(moment)}

    assert heard() == heard(write_grads=True) == {"on_epoch_end"}
    assert heard(update_freq="batch") == {"on_epoch_end", "on_train_batch_end"}
    assert heard(histogram_freq=1) == {"on_epoch_end", "on_validation_begin"}
    assert "on_backward_end" in heard(histogram_freq=1, write_grads=True)


def test_hooks_of_a_subclass_are_heard():
    """A subclass that overrides a hook hears it, whatever the settings are."""

    class Own(TensorBoard):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)

    assert CallbackList(Own()).answers("on_train_batch_end")


# Pictures, graph, texts


def test_pictures_of_weights(tmp_path):
    """Each weight is a PNG whose pixels are those of its picture; kernels of any rank have one."""
    trained = model(Conv2D(4, 3, input_shape=(6, 6, 2)), Flatten(), Dense(3))
    images = random.rand(4, 6, 6, 2).astype("float32")
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    trained.fit(images, Y[:4], epochs=1, verbose=0, callbacks=[board])

    for name, weight in trained.inspect().weights().items():
        width, height, png = series(tmp_path, f"{name}_0/image")[0][1]
        pixels = np.asarray(Image.open(io.BytesIO(png)))
        assert pixels.tolist() == picture(weight).tolist()
        assert (int(height), int(width)) == pixels.shape


def test_pictures_come_with_histograms_only(tmp_path):
    """As in the seed, write_images and write_grads alone write nothing."""
    board = TensorBoard(tmp_path, write_images=True, write_grads=True)
    model().fit(X, Y, verbose=0, callbacks=[board])

    assert set(tags(tmp_path)) == {"loss", "mae", "keras", "__run_graph__", "run", "end"}


def test_graph(tmp_path):
    """The layers, and every operation of the first batch, are drawn once, in the first epoch."""
    model().fit(X, Y, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path)])

    assert steps(tmp_path, "keras") == [0]
    described = json.loads(series(tmp_path, "keras")[0][1].item())
    assert [each["config"]["name"] for each in described["config"]["layers"]] == [
        "dense_1",
        "dense_2",
    ]
    [drawn] = [event.graph_def for event in events_in(tmp_path) if event.graph_def]
    assert b"dense_1/linear" in drawn


def test_no_graph(tmp_path):
    """write_graph=False leaves it out, and no hook on the model."""
    trained = model()
    trained.fit(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path, write_graph=False)])

    assert "keras" not in tags(tmp_path)
    assert not [event for event in events_in(tmp_path) if event.graph_def]


def text(directory: Path, tag: str) -> str:
    return series(directory, tag)[-1][1].item().decode()


def test_texts_of_a_run(tmp_path):
    """What was trained, and who stopped it, are readable."""
    stopper = EarlyStopping("loss", min_delta=10, patience=1)
    model().fit(X, Y, epochs=9, verbose=0, callbacks=[TensorBoard(tmp_path), stopper])

    assert "| model | sequential_1 (Sequential) |" in text(tmp_path, "run")
    assert "| epochs | 9 |" in text(tmp_path, "run")
    assert text(tmp_path, "end").startswith("Stopped by EarlyStopping in epoch 1: ")


def test_text_of_an_error(tmp_path):
    """A run that an error ended says so, and its files are whole."""

    def fail(epoch, logs):
        if epoch == 2:
            raise ValueError("out of luck")

    callbacks = [TensorBoard(tmp_path), LambdaCallback(on_epoch_begin=fail)]
    with pytest.raises(ValueError, match="out of luck"):
        model().fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)

    assert text(tmp_path, "end").startswith("Ended by ValueError: out of luck")
    assert steps(tmp_path, "loss") == [0, 1]


# Embeddings


def rows_of(directory: Path, name: str) -> Any:
    [path] = directory.glob(f"*{name}.tsv")
    return np.loadtxt(path, delimiter="\t", ndmin=2)


def words(data: Any = None, **settings: Any) -> tuple[Sequential, TensorBoard]:
    made = model(Embedding(7, 3, input_length=2, name="words"), Flatten(), Dense(3))
    board = TensorBoard(embeddings_freq=1, embeddings_data=data, **settings)
    numbers = random.randint(0, 7, (20, 2))
    made.fit(numbers, Y, epochs=2, verbose=0, callbacks=[board])
    return made, board


def test_table_and_outputs_are_shown(tmp_path):
    """The table of the layer, and what it gives for the data, each sample flattened to a row."""
    data = np.array([[1, 2], [3, 3]])
    made, _ = words(data, log_dir=tmp_path)
    table = made.get_weights()[0]

    assert np.allclose(rows_of(tmp_path, "words_table"), table)
    assert np.allclose(rows_of(tmp_path, "words_embedding"), table[data].reshape(2, -1))
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert config.count("tensor_path") == 2


def test_any_layer_can_be_shown(tmp_path):
    """A layer that is no embedding shows its outputs for the data."""
    data = np.array([[1, 2], [3, 3], [4, 5]])
    made, _ = words(data, log_dir=tmp_path, embeddings_layer_names=["dense_1"])

    assert np.allclose(rows_of(tmp_path, "dense_1_embedding"), made.predict(data), atol=1e-6)
    assert not list(tmp_path.glob("*words*"))


@pytest.mark.parametrize("form", ["text", "dict", "inside"])
def test_labels(tmp_path, form):
    """Labels belong to the vectors of which there are as many; they are found here or there."""
    directory = tmp_path / "run"
    directory.mkdir()
    path = (directory if form == "inside" else tmp_path) / "labels.tsv"
    path.write_text("\n".join("abcdefg") + "\n", encoding="utf-8")
    given: Any = "labels.tsv" if form == "inside" else str(path)
    metadata = {"words": given} if form == "dict" else given
    words(np.array([[1, 2]]), log_dir=directory, embeddings_metadata=metadata)

    config = (directory / "projector_config.pbtxt").read_text().split("embeddings {")[1:]
    [labelled] = [block for block in config if "metadata_path" in block]
    assert "words_table" in labelled
    [labels] = directory.glob("*words_table-labels.tsv")
    assert labels.read_text().split() == list("abcdefg")


def test_several_columns_of_labels(tmp_path):
    """The first line names the columns, and is no label."""
    lines = ["word\tlength", *(f"{letter}\t1" for letter in "abcdefg")]
    (tmp_path / "labels.tsv").write_text("\n".join(lines), encoding="utf-8")
    words(log_dir=tmp_path, embeddings_metadata="labels.tsv")

    [labels] = tmp_path.glob("*words_table-labels.tsv")
    assert labels.read_text().splitlines() == lines


def test_what_cannot_be_shown_is_said_before_training(tmp_path):
    """Layers without vectors, and labels that are not there, are named at once."""
    layers = {"embeddings_layer_names": ["dense_1"]}

    with pytest.warns(BackbeatWarning, match="TensorBoard cannot show 'dense_1': not an embedding"):
        words(log_dir=tmp_path, **layers)
    with pytest.warns(BackbeatWarning, match="TensorBoard finds no labels at 'lost.tsv'"):
        words(log_dir=tmp_path, embeddings_metadata="lost.tsv")
    (tmp_path / "few.tsv").write_text("a\nb\n", encoding="utf-8")
    message = "shows 'words' without labels: there are 2 in 'few.tsv', and 7 or 1 vectors."
    with pytest.warns(BackbeatWarning, match=message):
        words([[1, 2]], log_dir=tmp_path, embeddings_metadata="few.tsv")
    board = TensorBoard(tmp_path, embeddings_freq=1)
    with pytest.warns(BackbeatWarning, match="has no embeddings to show"):
        model().fit(X, Y, verbose=0, callbacks=[board])


def test_a_layer_that_is_not_there(tmp_path):
    """It is named before training, and does not keep the others from being shown."""
    names = {"embeddings_layer_names": ["word", "words"]}
    with pytest.warns(BackbeatWarning) as caught:
        words(np.array([[1, 2]]), log_dir=tmp_path, **names)

    assert [str(each.message) for each in caught] == [
        "TensorBoard cannot show 'word'. There is no layer 'word' in the model; did you mean "
        "'words'?"
    ]
    assert rows_of(tmp_path, "words_embedding").shape == (1, 6)


def test_metadata_is_not_changed(tmp_path):
    """The dict of the caller stays as it was."""
    (tmp_path / "labels.tsv").write_text("a\n" * 7, encoding="utf-8")
    metadata = {"words": "labels.tsv"}
    words(log_dir=tmp_path, embeddings_metadata=metadata)

    assert metadata == {"words": "labels.tsv"}


# Watching never hurts


def everything(directory: Path) -> TensorBoard:
    return TensorBoard(
        directory, histogram_freq=1, write_grads=True, write_images=True, update_freq="batch",
        embeddings_freq=1, embeddings_layer_names=["hidden"], embeddings_data=X[:3],
    )  # fmt: skip


def test_the_training_is_the_same_with_everything_on(tmp_path):
    """Weights, statistics and history are the same bits, dropout and shuffling included."""

    def train(callbacks: Any) -> list[Any]:
        torch.manual_seed(1)
        layers = Dense(8, input_dim=4, name="hidden"), BatchNormalization(), Dropout(0.5)
        trained = Sequential([*layers, Dense(3)])
        trained.compile("adam", "mse")
        trained.fit(
            X, Y, batch_size=5, epochs=3, verbose=0, validation_split=0.3, callbacks=callbacks
        )
        return [*trained.get_weights(), np.array(trained.history["val_loss"]), torch.rand(1)]

    plain, watched = train([]), train([everything(tmp_path)])
    assert all(np.array_equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_no_hook_is_left_on_the_model(tmp_path):
    """Afterwards the model is as it was, also when the run fails in the middle of everything."""
    trained = model(Dense(5, input_dim=4, name="hidden"), Dense(3))

    def fail(batch, logs):
        raise ValueError("failed")

    class Failing(keras.Callback):
        on_test_batch_end = staticmethod(fail)

    with pytest.raises(ValueError, match="failed"):
        trained.fit(
            X, Y, verbose=0, validation_split=0.5, callbacks=[everything(tmp_path), Failing()]
        )
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in trained.modules())


class Refusing(Disk):
    """Writes nothing."""

    def write(self, descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk(tmp_path, monkeypatch):
    """The run ends as ever, with one warning that says what is not in the files."""
    monkeypatch.setattr(disk, "current", Refusing())

    with pytest.warns(BackbeatWarning, match="TensorBoard: Not written to the event files: .*full"):
        history = model(Dense(5, input_dim=4, name="hidden"), Dense(3)).fit(
            X, Y, epochs=3, verbose=0, callbacks=[everything(tmp_path)]
        )
    assert len(history["loss"]) == 3


def test_place_that_cannot_be_written(tmp_path):
    """It is said before the training, which takes place all the same."""
    (tmp_path / "file").write_text("")
    board = TensorBoard(tmp_path / "file" / "logs")

    with pytest.warns(BackbeatWarning) as warned:
        history = model().fit(X, Y, epochs=2, verbose=0, callbacks=[board])
    assert str(warned[0].message).startswith("TensorBoard will write nothing: ")
    assert len(history["loss"]) == 2
    assert len(history.troubles) == 1
    assert history.troubles[0].startswith(
        "TensorBoard: Not written to the event files: 8 values that still waited at the end: "
    )
    assert TensorBoard(tmp_path / "other")._troubles() == []


def test_hanging_disk(tmp_path, monkeypatch):
    """No batch waits for a disk that does not answer."""
    goes_on = threading.Event()

    class Hanging(Disk):
        def write(self, descriptor: int, data: memoryview) -> int:
            goes_on.wait(20)
            return super().write(descriptor, data)

    monkeypatch.setattr(disk, "current", Hanging())
    seconds = []
    board = TensorBoard(tmp_path, update_freq="batch")
    try:
        for batch in range(2000):
            began = time.perf_counter()
            board.on_train_batch_end(batch, {"size": 1, "loss": 0.5})
            seconds.append(time.perf_counter() - began)
        time.sleep(1.5)  # the writing thread hangs by now
        board.on_epoch_end(0, {"loss": 0.5})
    finally:
        goes_on.set()
    board.close()

    assert max(seconds) < 0.5
    assert len(scalars(tmp_path, "batch_loss")) == 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_writes_nothing(tmp_path):
    """What a forked child does with the callback reaches neither the files nor the parent."""
    board = TensorBoard(tmp_path)
    board.on_epoch_end(0, {"loss": 1.0})
    child = os.fork()
    if child == 0:
        board.on_epoch_end(1, {"loss": 2.0})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    board.on_epoch_end(2, {"loss": 3.0})
    board.close()

    assert scalars(tmp_path, "loss") == [(0, 1.0), (2, 3.0)]


# Other hosts, other uses


def test_own_loop(tmp_path):
    """A plain module in a loop of one's own: values, graph, weights, gradients, outputs."""
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    board = TensorBoard(tmp_path, histogram_freq=1, write_grads=True, update_freq="batch")
    with Loop(module, optimizer, callbacks=board, epochs=2, validation_data=(X, Y)) as loop:
        for _ in loop.epochs():
            for x, y in loop.batches([(torch.tensor(X), torch.tensor(Y))]):
                optimizer.zero_grad()
                loss = (module(x) - y).pow(2).mean()
                loss.backward()
                optimizer.step()
                loop.log_batch(loss=loss)

    assert steps(tmp_path, "batch_loss") == [20, 40]
    found = set(tags(tmp_path))
    assert {"0/kernel_0", "0/kernel_0_grad", "2/bias_0_grad", "1_out", "2_out", "keras"} <= found
    assert "| model | Sequential (Sequential) |" in text(tmp_path, "run")


def test_host_that_shows_nothing(tmp_path):
    """Anything that can be trained has its values written; what is missed is said once."""
    with pytest.warns(BackbeatWarning, match="FakeHost does not show what it is made of"):
        play(TensorBoard(tmp_path, histogram_freq=1), [{"loss": 1.0}], host=FakeHost())

    assert scalars(tmp_path, "loss") == [(0, 1.0)]


def test_evaluating_alone_writes_nothing(tmp_path):
    """No file and no directory comes of it."""
    trained = model()
    trained.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path / "logs")])
    trained.predict(X, callbacks=[TensorBoard(tmp_path / "logs")])

    assert not (tmp_path / "logs").exists()


def test_two_callbacks_on_one_model(tmp_path):
    """Each writes its own, nothing twice."""
    first = TensorBoard(tmp_path / "a", histogram_freq=1)
    second = TensorBoard(tmp_path / "b", histogram_freq=2)
    model().fit(X, Y, epochs=2, verbose=0, validation_split=0.5, callbacks=[first, second])

    assert steps(tmp_path / "a", "dense_1_out") == [0, 1]
    assert steps(tmp_path / "b", "dense_1_out") == [0]
    assert steps(tmp_path / "b", "keras") == [0]


def test_subclassed_and_wrapped_models(tmp_path):
    """They have a graph, weights and outputs like any other."""
    wrapped = Model(nn.Sequential(nn.Linear(4, 3), nn.Tanh()))
    wrapped.compile("sgd", "mse")
    board = TensorBoard(tmp_path, histogram_freq=1)
    wrapped.fit(X, Y, verbose=0, validation_split=0.5, callbacks=[board])

    assert {"keras", "0/kernel_0", "0_out", "1_out"} <= set(tags(tmp_path))


# Arguments and state


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"log_dir": 3}, ArgumentTypeError, "log_dir is a str or a pathlib.Path"),
        ({"histogram_freq": -1}, ArgumentError, "histogram_freq is a number of at least 0; got -1"),
        ({"histogram_freq": 0.5}, ArgumentTypeError, "histogram_freq is a whole number; got 0.5"),
        ({"batch_size": 0}, ArgumentError, "batch_size is a number of at least 1; got 0"),
        ({"embeddings_freq": "a"}, ArgumentTypeError, "embeddings_freq is a number; got 'a'"),
        (
            {"update_freq": "step"},
            ArgumentError,
            "TensorBoard: update_freq is 'batch', 'epoch' or a number of samples; got 'step'.",
        ),
        ({"update_freq": 0}, ArgumentError, "update_freq is a number of at least 1; got 0"),
        (
            {"layout": "keras4"},
            ArgumentError,
            "layout is 'backbeat', 'keras2' or 'keras3'; got 'keras4'.",
        ),
    ],
)
def test_arguments_that_do_not_fit(arguments, kind, message):
    """They are refused where they are given, with what would fit."""
    with pytest.raises(kind, match=message):
        TensorBoard(**arguments)


def test_names():
    """The class has the seed's three addresses."""
    assert keras.callbacks.tensorboard_v1.TensorBoard is TensorBoard
    assert keras.callbacks.TensorBoard is TensorBoard


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies(tmp_path, copied):
    """A copy writes files of its own."""
    board = TensorBoard(tmp_path, update_freq="batch")
    play(board, [{"loss": 1.0}], batches=[{"loss": 2.0}])
    board.model = None
    another = copied(board)
    play(another, [{"loss": 1.0}], batches=[{"loss": 2.0}])

    assert another.samples_seen == 2
    assert len(files(tmp_path)) == 2


def test_resume_after_abandoned_work(tmp_path):
    """What was written behind the saved state is gone, in batches, epochs and histograms alike."""

    def run(board: TensorBoard, epochs: range, state: Any = None) -> Any:
        board.set_model(trained)
        board.on_train_begin()
        if state is not None:
            board.load_state_dict(json.loads(json.dumps(state)))
        for epoch in epochs:
            board.on_epoch_begin(epoch)
            for batch in range(2):
                board.on_train_batch_end(batch, {"size": 10, "loss": float(epoch)})
            board.on_epoch_end(epoch, {"loss": float(epoch)})
            if epoch == 1:
                state = board.state_dict()
        board.close()
        return state

    trained = model()
    settings = {"histogram_freq": 1, "update_freq": "batch"}
    state = run(TensorBoard(tmp_path, **settings), range(4))
    run(TensorBoard(tmp_path, **settings), range(2, 5), state)

    assert scalars(tmp_path, "loss") == [(20 * (epoch + 1), float(epoch)) for epoch in range(5)]
    assert steps(tmp_path, "batch_loss") == list(range(10, 101, 10))
    assert steps(tmp_path, "dense_1/kernel_0") == [0, 1, 2, 3, 4]
    assert steps(tmp_path, "keras") == [0]
    assert len(steps(tmp_path, "run")) == 1
