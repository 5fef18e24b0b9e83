"""Plain PyTorch modules: losses of their own, batches of any form, weights shared or frozen."""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader

from backbeat.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from backbeat.errors import ArgumentError, BackbeatWarning, StateError
from backbeat.layers import Dense
from backbeat.models import Model, Sequential
from backbeat.regularizers import l2

random = np.random.default_rng(0)
X = random.normal(size=(20, 4)).astype("float32")
Y = X.sum(1, keepdims=True)
PAIRS = list(zip(X, Y, strict=True))


class Linear(nn.Module):
    """What the modules below are made of."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 1)

    def error(self, x, y):
        return (self.linear(x) - y).square().mean()


class GivesLoss(Linear):
    def forward(self, x, y):
        return self.error(x, y)


class GivesTuple(Linear):
    def forward(self, x, y):
        return self.error(x, y), self.linear(x)


class GivesDict(Linear):
    def forward(self, x, y=None):
        loss = None if y is None else self.error(x, y)
        return {"loss": loss, "logits": self.linear(x)}


@dataclass
class Answer:
    loss: torch.Tensor
    logits: torch.Tensor


class GivesObject(Linear):
    def forward(self, x, y):
        return Answer(self.error(x, y), self.linear(x))


class GivesOneNumberInARow(Linear):
    def forward(self, x, y):
        return self.error(x, y).reshape(1)


GIVING = (GivesLoss, GivesTuple, GivesDict, GivesObject, GivesOneNumberInARow)

Pair = namedtuple("Pair", "x y")


@dataclass
class Record:
    x: torch.Tensor
    y: torch.Tensor


class TakesRecord(Linear):
    def forward(self, record):
        return self.error(record.x, record.y)


def as_record(pairs):
    return Record(*(torch.tensor(np.stack(column)) for column in zip(*pairs, strict=True)))


def by_hand(epochs=2, size=8):
    """The losses of each epoch, and the weights, by a loop of torch's own."""
    module = Linear()
    optimizer, means = torch.optim.SGD(module.parameters(), 0.1), []
    for _ in range(epochs):
        total = 0.0
        for x, y in DataLoader(PAIRS, size):
            optimizer.zero_grad()
            loss = module.error(x, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        means.append(total / len(PAIRS))
    return means, module.linear.weight.detach()


def trained(module, loader, loss=None):
    model = Model(module)
    model.compile(torch.optim.SGD(module.parameters(), 0.1), loss)
    history = model.fit(loader, epochs=2, verbose=0).history
    return history["loss"], module.linear.weight.detach(), model


# Losses that forward returns


@pytest.mark.parametrize("kind", GIVING)
def test_a_loss_of_its_own(kind):
    """Compiled without a loss, the module's own is trained on: alone, first, named, or a field."""
    losses, weight, model = trained(kind(), DataLoader(PAIRS, 8))
    expected, reached = by_hand()

    assert losses == pytest.approx(expected, rel=1e-5)
    assert weight.numpy() == pytest.approx(reached.numpy(), rel=1e-5)
    assert model.metrics_names == ["loss"]
    error = X @ weight.numpy().T + model.wrapped.linear.bias.item() - Y
    held_out = model.evaluate(DataLoader(PAIRS, 8), verbose=0)
    assert held_out == pytest.approx(np.square(error).mean(), rel=1e-4)


def test_what_it_predicts_without_labels():
    """What is left out then, such as the loss, stays None; what it gives per batch is a row."""
    model = Model(GivesDict())
    without = model.predict(X, batch_size=8)
    beside = model.predict({"x": X, "y": Y}, batch_size=8)

    assert without["loss"] is None
    assert without["logits"].shape == (20, 1)
    assert beside["loss"].shape == (3,)
    assert beside["logits"] == pytest.approx(without["logits"])


class GivesNoLoss(Linear):
    def forward(self, x, y):
        return {"logits": self.linear(x)}


def test_no_loss_anywhere():
    """Neither in `compile` nor in what forward returned: both ways out are told."""
    with pytest.raises(StateError, match=r"holds none.*model\.compile.*outputs\['loss'\]"):
        trained(GivesNoLoss(), DataLoader(PAIRS, 8))


def test_its_own_loss_with_callbacks_and_validation():
    """The loss is logged and watched like any other."""
    model = Model(GivesLoss())
    model.compile(torch.optim.SGD(model.parameters(), 0.1))
    history = model.fit(
        DataLoader(PAIRS, 8),
        epochs=30,
        verbose=0,
        validation_data=DataLoader(PAIRS, 8),
        callbacks=[EarlyStopping("val_loss", min_delta=0.05, patience=1)],
    )

    assert set(history.history) == {"loss", "val_loss"}
    assert 2 < len(history.epoch) < 30


# Batches


@pytest.mark.parametrize(
    ("module", "data", "collate"),
    [
        (GivesLoss, [{"x": x, "y": y} for x, y in PAIRS], None),
        (GivesObject, [{"y": y, "x": x} for x, y in PAIRS], None),
        (GivesLoss, [Pair(x, y) for x, y in PAIRS], None),
        (GivesLoss, [[x, y] for x, y in PAIRS], None),
        (TakesRecord, PAIRS, as_record),
    ],
    ids=["dict", "dict in another order", "named tuple", "list", "dataclass"],
)
def test_batches_of_any_form(module, data, collate):
    """Dicts go by name, tuples by position, dataclasses whole: the same training."""
    losses, weight, _ = trained(module(), DataLoader(data, 8, collate_fn=collate))
    expected, reached = by_hand()

    assert losses == pytest.approx(expected, rel=1e-5)
    assert weight.numpy() == pytest.approx(reached.numpy(), rel=1e-5)


class TakesTwo(Linear):
    def forward(self, left, right):
        return self.linear(left + right)


@pytest.mark.parametrize("form", ["dict", "tuple"])
def test_several_inputs_with_labels(form):
    """The inputs of a pair may be several, by name or by position."""
    half = X / 2
    data = [
        ({"right": part, "left": part} if form == "dict" else (part, part), y)
        for part, y in zip(half, Y, strict=True)
    ]
    losses, _, _ = trained(TakesTwo(), DataLoader(data, 8), "mse")

    assert losses == pytest.approx(by_hand()[0], rel=1e-5)


# Weights


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.output = nn.Linear(4, 9, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(self.embedding(tokens)).mean(1)


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
def test_tied_weights(tmp_path, suffix):
    """They are one weight while training, counting, saving and loading."""
    tokens = random.integers(0, 9, (20, 3))
    model, again = Model(Tied()), Model(Tied())
    model.compile("adam", nn.CrossEntropyLoss())
    model.fit(tokens, tokens[:, 0], verbose=0)
    model.save_weights(tmp_path / f"w{suffix}")
    again.load_weights(tmp_path / f"w{suffix}")

    assert model.count_params() == 36
    for each in (model, again):
        assert each.wrapped.output.weight is each.wrapped.embedding.weight
    assert np.array_equal(again.predict(tokens), model.predict(tokens))


def rows():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))


def test_frozen_and_freed_weights():
    """Frozen ones stay as they are; freed before a later fit, they learn with the others."""
    module = rows()
    module[0].requires_grad_(False)
    kept = module[0].weight.clone()
    model = Model(module)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    assert module[0].weight.equal(kept)

    module[0].requires_grad_(True)
    model.fit(X, Y, verbose=0)

    assert not module[0].weight.equal(kept)


def test_buffers_are_part_of_the_model(tmp_path):
    """Running statistics move in training, stay in evaluation, and are saved."""
    model, again = (Model(nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1))) for _ in range(2))
    model.compile("sgd", "mse")
    model.fit(X + 3, Y, verbose=0)
    mean = model.wrapped[0].running_mean.clone()
    model.evaluate(X, Y, verbose=0)
    model.save_weights(tmp_path / "w.h5")
    again.load_weights(tmp_path / "w.h5")

    assert mean.mean() > 0.1
    assert model.wrapped[0].running_mean.equal(mean)
    assert again.wrapped[0].running_mean.equal(mean)


def groups(module):
    first, last = module[0].parameters(), module[2].parameters()
    return torch.optim.SGD([{"params": first, "lr": 0.1}, {"params": last, "lr": 0.01}])


def test_parameter_groups():
    """Each keeps its own rate; a rate that is set scales them all alike, and all are logged."""
    module = rows()
    model = Model(module)
    model.compile(groups(module), "mse")
    schedule = LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[schedule]).history

    assert history["lr"] == pytest.approx([0.05, 0.025])
    assert history["lr_1"] == pytest.approx([0.005, 0.0025])


# Schedulers


def test_torch_schedulers_are_callbacks():
    """A scheduler among the callbacks steps at each epoch's end, as in a loop of one's own."""
    module = rows()
    optimizer = groups(module)
    model = Model(module)
    model.compile(optimizer, "mse")
    scheduler = StepLR(optimizer, 2, gamma=0.1)
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[scheduler]).history

    assert history["lr"] == pytest.approx([0.1, 0.1, 0.01, 0.01])
    assert history["lr_1"] == pytest.approx([0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("other", [LearningRateScheduler(lambda epoch: 0.1), "plateau", "torch"])
def test_two_owners_of_the_rate(other):
    """Two that set the rate are refused before the first batch."""
    module = rows()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    model = Model(module)
    model.compile(optimizer, "mse")
    if other == "plateau":
        other = ReduceLROnPlateau("loss")
    owners = [StepLR(optimizer, 1), StepLR(optimizer, 2) if other == "torch" else other]
    before = model.get_weights()

    with pytest.raises(ArgumentError, match="rate"):
        model.fit(X, Y, verbose=0, callbacks=owners)
    assert all(map(np.array_equal, before, model.get_weights()))


# Wrappers


class Compiled(nn.Module):
    """What torch.compile puts around a module, without the compiler."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module

    def forward(self, *args):
        return self._orig_mod(*args)


def names_in(path):
    with safe_open(path, "pt") as stored:
        return sorted(stored.keys())


WRAPPERS = {
    "compiled": Compiled,
    "data_parallel": nn.DataParallel,
    "both": lambda module: nn.DataParallel(Compiled(module)),
    "the other way": lambda module: Compiled(nn.DataParallel(module)),
    "a part": lambda module: nn.Sequential(module[0], module[1], Compiled(module[2])),
}


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers_leave_no_trace_in_files(tmp_path, wrapper, suffix):
    """Saved through a wrapper, weights load into the bare module and back; names are its own."""
    model, bare = Model(WRAPPERS[wrapper](rows())), Model(rows())
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / f"w{suffix}")
    bare.load_weights(tmp_path / f"w{suffix}")
    bare.save_weights(tmp_path / f"v{suffix}")
    model.load_weights(tmp_path / f"v{suffix}")

    assert bare.predict(X) == pytest.approx(model.predict(X))
    assert [type(layer) for layer in model.layers[:2]] == [nn.Linear, nn.Tanh]
    assert [w.shape for w in model.get_weights()] == [(4, 3), (3,), (3, 1), (1,)]
    if suffix == ".safetensors":
        assert names_in(tmp_path / f"w{suffix}") == sorted(rows().state_dict())


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_really_compiled_modules(tmp_path, monkeypatch):
    """A module from torch.compile trains, and its file has the bare module's names."""
    # The compiler draws bars, whose monitor would go on as a thread.
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    model, plain = Model(torch.compile(rows())), Model(rows())
    for each in (model, plain):
        each.compile("sgd", "mse")
        each.fit(X, Y, shuffle=False, verbose=0)
    model.save_weights(tmp_path / "w.safetensors")

    assert names_in(tmp_path / "w.safetensors") == sorted(rows().state_dict())
    assert model.predict(X) == pytest.approx(plain.predict(X), abs=1e-6)


# Penalties


def test_regularizers_come_on_top_of_any_loss():
    """Also where forward computes the loss itself, and in evaluation."""

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1, input_dim=4, kernel_regularizer=l2(0.5))

        def forward(self, x, y):
            return (self.dense(x) - y).square().mean()

    module = Mixed()
    module.dense(torch.tensor(X))
    model = Model(module)
    model.compile("sgd")
    loader = DataLoader(PAIRS, 20)
    kernel = module.dense.get_weights()[0]
    plain = np.square(X @ kernel - Y).mean()

    expected = plain + 0.5 * np.square(kernel).sum()
    assert model.evaluate(loader, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_loss_weights_of_a_single_output():
    """One share scales the loss, and with it the gradients."""
    model = Sequential([Dense(1, input_dim=4)])
    model.compile("sgd", "mse", loss_weights=[0.5])
    expected = 0.5 * np.square(model.predict(X) - Y).mean()

    assert model.evaluate(X, Y, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_is_no_number_is_told():
    """The first batch whose loss is NaN warns; training goes on."""
    model = Model(GivesLoss())
    model.compile(torch.optim.SGD(model.parameters(), 0.1))
    with pytest.warns(BackbeatWarning, match="loss of batch 0 in epoch 0 is nan"):
        model.fit(DataLoader([(x, y * np.nan) for x, y in PAIRS], 20), verbose=0)
