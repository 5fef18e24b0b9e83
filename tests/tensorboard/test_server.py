"""A real TensorBoard, with its fast loader and its own, serves exactly what was written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from backbeat.callbacks._tensorboard.pictures import picture
from tests.tensorboard.runs import IMAGES, SENTENCES, WORDS, Runs, train
from tests.tensorboard.server import Server, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return train(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "python"])
def server(runs: Runs, request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(runs.directory, load_fast=request.param) as each:
        each.wait_for("scalars", "sentences", "loss")
        each.wait_for("scalars", "plain/validation", "epoch_loss")
        each.wait_for("images", "pictures", "dense/kernel_0/image")
        yield each


def test_values_of_epochs(server, runs):
    """Every name in the history is served, number for number, at the number of its epoch."""
    history = runs.histories["pictures"]

    assert server.tags("scalars")["pictures"] == set(history)
    for name, values in history.items():
        wanted = [(epoch, float(np.float32(value))) for epoch, value in enumerate(values)]
        assert server.scalars("pictures", name) == wanted


def test_values_of_batches(server, runs):
    """With update_freq='batch' every step is a number of samples; batches have their own tags."""
    loss = runs.histories["sentences"]["loss"]

    assert [step for step, _ in server.scalars("sentences", "batch_loss")] == list(range(6, 73, 6))
    wanted = [(18 * (epoch + 1), float(np.float32(value))) for epoch, value in enumerate(loss)]
    assert server.scalars("sentences", "loss") == wanted


def test_folders_of_keras_3(server, runs):
    """layout='keras3' shows two runs; after every 10 samples of batches of 6: 12, 24, ..."""
    history = runs.histories["plain"]

    assert server.tags("scalars")["plain/train"] == {
        "epoch_loss", "epoch_mae", "batch_loss", "batch_mae",
    }  # fmt: skip
    steps = [step for step, _ in server.scalars("plain/train", "batch_loss")]
    assert steps == [12, 24, 36, 48, 60, 72]
    values = [value for _, value in server.scalars("plain/validation", "epoch_loss")]
    assert values == pytest.approx(history["val_loss"])


def test_histograms_and_distributions(server, runs):
    """Weights, gradients and layer outputs are in both tabs, with NumPy's counts."""
    names = {"conv/kernel_0", "conv/bias_0", "dense/kernel_0", "dense/bias_0"}
    grads = {f"{name}_grad" for name in names}
    outputs = {"conv_out", "flat_out", "dense_out"}
    wanted = names | grads | outputs
    kernel = runs.pictures.get_weights()[2]

    assert server.tags("histograms")["pictures"] == wanted
    assert server.tags("distributions")["pictures"] == wanted
    served = server.data("plugin/histograms/histograms", run="pictures", tag="dense/kernel_0")
    assert [step for _, step, _ in served] == list(range(len(served)))
    rows = np.array(served[-1][2])
    assert rows[:, 2].sum() == kernel.size
    edges = np.append(rows[:, 0], rows[-1, 1])
    assert rows[:, 2].tolist() == np.histogram(kernel.astype("float64"), edges)[0].tolist()
    folded = server.data("plugin/distributions/distributions", run="pictures", tag="dense_out")
    assert len(folded) == len(served)
    held_out = server.data("plugin/histograms/histograms", run="pictures", tag="dense_out")[-1][2]
    assert sum(count for *_, count in held_out) == len(IMAGES) // 4 * 3


def test_images(server, runs):
    """The served PNG has the pixels of the weight's picture."""
    listed = server.data(
        "plugin/images/images", run="pictures", tag="conv/kernel_0/image", sample=0
    )
    query = dict(parse_qsl(listed[-1]["query"]))
    png = server.raw("plugin/images/individualImage", **query)

    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.tolist() == picture(runs.pictures.get_weights()[0]).tolist()


@pytest.mark.parametrize("run", ["pictures", "plain/train", "sentences"])
def test_graphs(server, run):
    """Every run has its operations and its layers."""
    info = server.data("plugin/graphs/info")[run]
    assert info["run_graph"] or any(tag["op_graph"] for tag in info["tags"].values())
    operations = server.raw("plugin/graphs/graph", run=run, conceptual="false").decode()
    layers = server.raw("plugin/graphs/graph", run=run, tag="keras", conceptual="true").decode()

    if run == "plain/train":
        assert 'name: "left/linear"' in operations
        assert 'op: "relu"' in operations
        assert 'name: "Branched/out"' in layers or 'name: "model_1/out"' in layers
        assert '/left"' in layers
        return
    assert 'name: "dense/linear"' in operations
    assert 'input: "dense/kernel"' in operations
    assert '/dense"' in layers
    assert "keras_class" in layers


def test_texts(server):
    """What was trained, and who stopped it."""
    begun = server.data("plugin/text/text", run="pictures", tag="run")
    ended = server.data("plugin/text/text", run="pictures", tag="end")

    assert "<td>optimizer</td>" in begun[0]["text"].replace("\n", "")
    assert "Stopped by EarlyStopping in epoch 2" in ended[0]["text"]


def test_projector(server, runs):
    """The table with its labels, and what the layer gives for the data."""
    table = runs.sentences.get_weights()[0]
    listed = server.data("plugin/projector/info", run="sentences")["embeddings"]
    shapes = {each["tensorName"]: each["tensorShape"] for each in listed}

    assert shapes == {"words_embedding": [8, 12], "words_table": [5, 4]}
    assert np.array_equal(tensor(server, "words_table").reshape(5, 4), table)
    outputs = table[SENTENCES[:8]].reshape(8, 12)
    assert np.array_equal(tensor(server, "words_embedding").reshape(8, 12), outputs)
    labels = server.raw("plugin/projector/metadata", run="sentences", name="words_table")
    assert labels.decode().split() == WORDS


def tensor(server: Server, name: str) -> Any:
    return np.frombuffer(server.raw("plugin/projector/tensor", run="sentences", name=name), "<f4")


def test_nothing_else_is_beside_the_runs(runs):
    """A folder holds one event file, and what the projector needs."""
    pictures = [path.name for path in (runs.directory / "pictures").iterdir()]

    assert len(pictures) == 1
    assert Path(pictures[0]).name.startswith("events.out.tfevents.")
