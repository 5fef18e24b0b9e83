"""`fit` on a GPU: the same training as on a CPU, saved and resumed without loss."""

from itertools import count

import numpy as np
import pytest
import torch

from backbeat.callbacks import BackupAndRestore, LambdaCallback, ModelCheckpoint
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential, load_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

generator = np.random.default_rng(0)
X = generator.normal(size=(640, 3000)).astype("float32")
Y = generator.integers(0, 4, 640)


def network(device="cuda", dropout=0.0, **settings):
    torch.manual_seed(0)
    first = Dense(16, activation="relu", input_dim=3000)
    model = Sequential([first, Dropout(dropout), Dense(4, activation="softmax")])
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], device=device, **settings
    )
    return model


def fit(model, x=X, y=Y, **more):
    np.random.seed(1)
    torch.manual_seed(1)
    settings = {"batch_size": 64, "epochs": 3, "verbose": 0, "validation_split": 0.1, **more}
    return model.fit(x, y, **settings).history


def test_it_trains_as_on_a_cpu():
    """From NumPy arrays, shuffled alike."""
    here, there = network("cpu"), network()
    there.set_weights(here.get_weights())
    cpu, gpu = fit(here), fit(there)

    for name, values in cpu.items():
        np.testing.assert_allclose(values, gpu[name], atol=2e-3)
    np.testing.assert_allclose(here.predict(X), there.predict(X), atol=2e-3)
    np.testing.assert_allclose(
        here.evaluate(X, Y, verbose=0), there.evaluate(X, Y, verbose=0), atol=2e-3
    )


def test_data_on_the_gpu_train_as_those_in_host_memory():
    """To the bit: the same batches, only gathered elsewhere."""
    host, device = network(), network()
    a = fit(host)
    b = fit(device, torch.from_numpy(X).cuda(), torch.from_numpy(Y).cuda())

    assert a == b
    assert all(map(np.array_equal, host.get_weights(), device.get_weights()))


def test_a_checkpoint_holds_the_weights_of_its_moment(tmp_path):
    """Copied from the GPU while the training goes on."""
    model = network()
    noted = {}
    note = LambdaCallback(
        on_epoch_end=lambda epoch, logs: noted.update({epoch: model.get_weights()})
    )
    fit(model, callbacks=[ModelCheckpoint(str(tmp_path / "{epoch}.h5")), note])

    for epoch, weights in noted.items():
        saved = load_model(str(tmp_path / f"{epoch + 1}.h5")).get_weights()
        assert all(map(np.array_equal, weights, saved))


@pytest.mark.parametrize("cuda_graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("at", [3, 9, 13, 26])
def test_a_resumed_run_ends_as_an_undisturbed_one(tmp_path, at, cuda_graph):
    """With dropout, whose random numbers come from the GPU's own generator."""
    batches = count(1)

    def stop(batch, logs):
        if next(batches) == at:
            raise RuntimeError("stopped here")

    whole = network(dropout=0.5, cuda_graph=cuda_graph)
    history = fit(whole, epochs=4)
    stopped = network(dropout=0.5, cuda_graph=cuda_graph)
    backup = BackupAndRestore(str(tmp_path / "backup"))
    with pytest.raises(RuntimeError, match="stopped here"):
        fit(stopped, epochs=4, callbacks=[LambdaCallback(on_batch_begin=stop), backup])
    resumed = network(dropout=0.5, cuda_graph=cuda_graph)
    again = fit(resumed, epochs=4, callbacks=[BackupAndRestore(str(tmp_path / "backup"))])

    assert again == history
    assert all(map(np.array_equal, whole.get_weights(), resumed.get_weights()))


def test_means_and_values_are_the_same_whoever_reads_them():
    """To the last bit, whether they come many at a time or are read in every batch."""
    unread, read, seen = network(), network(), []
    note = LambdaCallback(
        on_batch_end=lambda batch, logs: seen.append((logs["loss"], logs["accuracy"]))
    )
    history, again = fit(unread, epochs=5), fit(read, epochs=5, callbacks=[note])

    assert history == again
    assert all(type(value) is float for pair in seen for value in pair)
    assert np.mean([loss for loss, _ in seen[:9]]) == pytest.approx(history["loss"][0])


def test_the_value_on_the_gpu_may_be_had_unread():
    """For whoever computes on with it."""
    seen = []
    note = LambdaCallback(on_batch_end=lambda batch, logs: seen.append(logs.device("loss")))
    history = network().fit(X[:64], Y[:64], batch_size=64, verbose=0, callbacks=[note])

    assert seen[0].is_cuda
    assert float(seen[0]) == history.history["loss"][0]


def test_layers_may_come_and_go_after_compile():
    """They are brought to where the model is."""
    model = network()
    fit(model, epochs=1)
    model.pop()
    model.add(Dense(8, activation="relu"))
    model.add(Dense(4, activation="softmax"))
    before = model.get_weights()
    fit(model, epochs=1)

    assert {each.device.type for each in model.parameters()} == {"cuda"}
    assert all(
        not np.array_equal(one, other)
        for one, other in zip(before, model.get_weights(), strict=True)
    )
