"""Looking at a model: weights, gradients, tables and layer outputs, without touching it."""

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.callbacks import LambdaCallback
from backbeat.errors import ArgumentError
from backbeat.hooks import Inspectable, Inspection
from backbeat.layers import BatchNormalization, Dense, Dropout, Embedding, Input
from backbeat.models import Model, Sequential
from backbeat.training.inspection import ModuleInspection
from backbeat.training.module_host import ModuleHost
from tests.training.examples import LABELS, SAMPLES, X, Y, softmax_model


def test_hosts_are_inspectable():
    """A Model and a ModuleHost show an Inspection; a look at both gives the same weights."""
    model = softmax_model()
    host = ModuleHost(model)

    assert isinstance(model, Inspectable)
    assert isinstance(host, Inspectable)
    look: Inspection = model.inspect()
    assert (
        list(look.weights()) == list(host.inspect().weights()) == ["dense_1/kernel", "dense_1/bias"]
    )


def test_weights_are_copies_in_keras_orientation():
    """The kernel is (inputs, outputs), and writing into the copy does not reach the model."""
    model = softmax_model()
    kernel = model.inspect().weights()["dense_1/kernel"]
    before = kernel.copy()
    kernel += 1

    assert kernel.shape == (4, 3)
    assert np.array_equal(before, model.get_weights()[0])


def test_shared_weights_are_shown_once():
    """A tensor that two layers share has the name of the first."""
    first, second = nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
    second.weight = first.weight

    names = list(ModuleInspection(nn.Sequential(first, second)).weights())
    assert names == ["0/kernel", "0/bias"]


def test_module_that_is_one_layer():
    """A module without children is its own only layer."""
    look = ModuleInspection(nn.Linear(2, 1))

    assert look.layer_names == ("linear",)
    assert list(look.weights()) == ["linear/kernel", "linear/bias"]


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2}], ids=["plain", "accumulating"])
def test_gradients_are_those_of_the_step(settings):
    """Within on_backward_end they equal what torch.autograd says about the same batch."""
    model = softmax_model(**settings)
    seen = []
    listener = LambdaCallback()
    listener.on_backward_end = lambda batch, logs: seen.append(model.inspect().gradients())
    kernel, bias = (torch.tensor(each, requires_grad=True) for each in model.get_weights())
    logits = torch.tensor(X[:4]) @ kernel + bias
    loss = nn.functional.cross_entropy(logits, torch.tensor(LABELS[:4]))
    wanted = torch.autograd.grad(loss, [kernel, bias])
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[listener])

    assert len(seen) == 3
    assert np.allclose(seen[0]["dense_1/kernel"], wanted[0], atol=1e-6)
    assert np.allclose(seen[0]["dense_1/bias"], wanted[1], atol=1e-6)


def test_sparse_gradients_are_their_rows():
    """An embedding with sparse gradients shows the rows of the batch; frozen weights show none."""
    module = nn.Sequential(nn.Embedding(10, 2, sparse=True), nn.Linear(2, 1))
    module[1].bias.requires_grad_(False)
    module(torch.tensor([3, 3, 5])).sum().backward()
    found = ModuleInspection(module).gradients()

    assert list(found) == ["0/embeddings", "1/kernel"]
    assert found["0/embeddings"].shape == (2, 2)
    assert np.allclose(found["0/embeddings"][0], 2 * found["0/embeddings"][1])


def test_tables_of_embeddings_wherever_they_are():
    """Embedding layers of ours and of torch are found, below other modules too."""
    ours = Sequential([Embedding(7, 3, input_length=2), nn.Flatten(), Dense(1)])
    theirs = nn.ModuleDict({"encoder": nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 2))})

    assert {n: t.shape for n, t in ours.inspect().tables().items()} == {"embedding_1": (7, 3)}
    assert list(ModuleInspection(theirs).tables()) == ["encoder/0"]


def test_watching_hears_every_layer():
    """Each layer tells its name and what it gave, once per batch."""
    model = softmax_model()
    heard = []
    look = model.inspect()
    with look.watch_outputs(lambda name, outputs: heard.append((name, outputs[0].copy()))):
        look.run(X, batch_size=6)

    assert [name for name, _ in heard] == ["dense_1", "activation_1"] * 2
    whole = np.concatenate([output for name, output in heard if name == "activation_1"])
    assert np.allclose(whole, model.predict(X), atol=1e-6)


def test_watching_validation_sees_the_activation_that_the_loss_left_out():
    """A softmax that the cross-entropy takes over is applied to what the listener hears."""
    model = softmax_model()
    heard = []
    with model.inspect().watch_outputs(lambda _, o: heard.append(o[0].copy()), ["activation_1"]):
        model.evaluate(X, Y, batch_size=SAMPLES, verbose=0)

    assert np.allclose(heard[0], model.predict(X), atol=1e-6)


def test_watching_ends():
    """Afterwards nothing is heard any more."""
    model = softmax_model()
    heard = []
    with model.inspect().watch_outputs(lambda name, outputs: heard.append(name)):
        pass
    model.predict(X)

    assert heard == []


def test_a_mistake_of_the_listener_does_not_end_the_pass():
    """What it raises is raised once, when the watching ends; the evaluation is complete."""
    model = softmax_model()
    results = []

    look = model.inspect()
    with pytest.raises(ZeroDivisionError), look.watch_outputs(lambda name, outputs: 1 / 0):
        results.append(model.evaluate(X, Y, verbose=0))

    assert len(results[0]) == 2


def test_unknown_layer_is_named():
    """The error names the nearest layer."""
    look = softmax_model().inspect()

    message = "There is no layer 'dense_7' in the model; did you mean 'dense_1'?"
    with pytest.raises(ArgumentError, match=message), look.watch_outputs(print, ["dense_7"]):
        pass


def test_looking_changes_nothing():
    """Weights, statistics, modes and random numbers are the same after a run of its own."""
    model = Sequential([Dense(4, input_dim=4), BatchNormalization(), Dropout(0.5), Dense(1)])
    model.layers[2].eval()
    before = [*model.get_weights(), torch.get_rng_state().numpy()]
    modes = [module.training for module in model.modules()]
    look = model.inspect()
    with look.watch_outputs(lambda name, outputs: torch.rand(3)):
        look.run(X, batch_size=3)

    after = [*model.get_weights(), torch.get_rng_state().numpy()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert [module.training for module in model.modules()] == modes


def test_several_inputs():
    """A functional model says how many inputs it takes, and runs on a list of them."""
    first, second = Input((4,)), Input((4,))
    model = Model([first, second], Dense(1)(Dense(2, name="hidden")(first)))
    heard = []
    look = model.inspect()
    with look.watch_outputs(lambda name, outputs: heard.append(outputs[0].shape), ["hidden"]):
        look.run([X, X], batch_size=32)

    assert look.input_count == 2
    assert heard == [(SAMPLES, 2)]


def test_description():
    """In words: what the model is, how much of it learns, and how."""
    model = softmax_model()

    assert model.inspect().describe() == {
        "model": "sequential_1 (Sequential)",
        "layers": "2",
        "weights": "15, of which 15 learn",
        "device": "cpu",
        "optimizer": "SGD, lr 0.01",
    }
