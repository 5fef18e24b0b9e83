"""A run that goes on from its state equals the one that was never interrupted."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from backbeat import Loop
from backbeat.callbacks import Callback, EarlyStopping
from backbeat.errors import BackbeatWarning, CheckpointError, StateError
from backbeat.layers import Dense
from backbeat.models import Model, Sequential
from backbeat.training import TorchScheduler
from backbeat.training.tensor_trees import with_tensors
from tests.training.examples import X, Y


class Running:
    """A metric that counts through the epoch."""

    name = "counted"

    def __init__(self):
        self.reset()

    def reset(self):
        self.total, self.seen = torch.zeros(()), 0

    def update(self, preds, target):
        self.total = self.total + preds.detach().sum()
        self.seen += len(preds)

    def compute(self):
        return self.total / self.seen


class Keeper(Callback):
    """Takes the state after a batch of all, or gives it back, like BackupAndRestore."""

    phase = "save"
    keeps_runs = True

    def __init__(self, at=None, state=None):
        self.at, self.state, self.also, self.seen = at, state, {}, 0

    def on_train_begin(self, logs=None):
        if self.state is not None:
            self.model.restore_run(self.state)

    def on_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen == self.at:
            self.state = self.model.capture_run()


def new_model(**settings):
    torch.manual_seed(0)
    model = Sequential([Dense(6, input_dim=4), Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", **settings)
    return model


def fit(model, *callbacks, **settings):
    torch.manual_seed(1)
    return model.fit(X, Y, batch_size=3, epochs=3, verbose=0, callbacks=list(callbacks), **settings)


CASES = {
    "plain": ({}, list),
    "running metric": ({"metrics": [Running()]}, list),
    "accumulation": ({"accumulate": 3}, list),
    "best weights": ({}, lambda: [EarlyStopping("loss", patience=9, restore_best_weights=True)]),
    "a rate per batch": (
        {},
        lambda: [
            TorchScheduler(
                lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 12)
            )
        ],
    ),
}


@pytest.mark.parametrize("at", [1, 3, 4, 6, 11])
@pytest.mark.parametrize("case", CASES)
def test_goes_on_bit_for_bit(case, at):
    """Weights and history are the same, wherever in an epoch the state was taken."""
    settings, callbacks = CASES[case]
    whole, keeper = new_model(**settings), Keeper(at)
    expected = fit(whole, keeper, *callbacks())
    resumed = new_model(**settings)
    torch.rand(5)
    history = fit(resumed, Keeper(state=keeper.state), *callbacks())

    assert history.history == expected.history
    assert all(map(np.array_equal, resumed.get_weights(), whole.get_weights()))


def test_a_metric_that_hides_what_it_counted_is_said():
    """Its value in the resumed epoch is that of the rest of it, and one line says so."""

    class Hidden:
        name = "hidden"

        def reset(self):
            self.__class__.seen = 0

        def update(self, preds, target):
            self.__class__.seen += len(preds)

        def compute(self):
            return float(self.seen)

    keeper = Keeper(2)
    fit(new_model(metrics=[Hidden()]), keeper)

    with pytest.warns(BackbeatWarning, match="but perhaps not bit for bit: a metric does not show"):
        fit(new_model(metrics=[Hidden()]), Keeper(state=keeper.state))


def test_the_state_shares_no_memory_with_the_run():
    """Training on changes neither what was taken nor, after a resume, what was given."""
    keeper = Keeper(2)
    fit(new_model(), keeper)
    taken = with_tensors(keeper.state)
    fit(new_model(), Keeper(state=keeper.state))
    again = with_tensors(keeper.state)
    first = torch.cat([each.flatten() for each in taken["weights"].values()])

    assert torch.equal(first, torch.cat([each.flatten() for each in again["weights"].values()]))
    assert str(taken["optimizer"]) == str(again["optimizer"])


def test_within_a_batch_there_is_no_state():
    """Nobody can go on from the midst of a step."""
    seen = []

    class Asking(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(self.model.capture_run())

    fit(new_model(), Asking())

    assert set(seen) == {None}


def test_after_an_error_there_is_no_state():
    """Some callbacks have heard the batch and some have not."""
    seen = []

    class Failing(Callback):
        def on_batch_end(self, batch, logs=None):
            raise ValueError("no")

        def on_exception(self, error):
            seen.append(self.model.capture_run())

    with pytest.raises(ValueError, match="no"):
        fit(new_model(), Failing())

    assert seen == [None]


def test_outside_of_a_run_there_is_none():
    """A model that is not being trained has no run."""
    model = new_model()

    assert model.capture_run() is None
    with pytest.raises(StateError, match="There is no run to restore"):
        model.restore_run({})
    fit(model)
    assert model.run_in_progress is None


def test_a_wrapped_module_is_the_same_as_before():
    """Wrapping changes names; the state is that of what is inside."""
    keeper, module = Keeper(4), nn.Linear(4, 3)
    model = Model(module)
    model.compile("sgd", "mse")
    fit(model, keeper)

    assert "wrapped.weight" in keeper.state["weights"]
    assert json.dumps(keeper.state["structure"])


def test_a_stop_that_was_decided_stays_decided():
    """Whoever asked, why and where comes back, and no further batch is trained."""

    class Asks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop("enough", by=self)

    class AtEnd(Keeper):
        def on_epoch_end(self, epoch, logs=None):
            self.state = self.model.capture_run()

    keeper = AtEnd()
    expected = fit(new_model(), Asks(), keeper)
    trained = []

    class Counts(Callback):
        def on_batch_end(self, batch, logs=None):
            trained.append(batch)

    history = fit(new_model(), Counts(), Keeper(state=keeper.state))

    assert trained == []
    assert history.stopped == expected.stopped
    assert history.history == expected.history


def test_a_run_that_nobody_keeps_is_not_watched():
    """Without a keeper the loader is iterated over as it is."""
    data = [1, 2, 3]
    with Loop(nn.Linear(1, 1)) as loop:
        for _ in loop.epochs():
            assert loop.run_state.follow(data) is data


def test_another_shape_is_named():
    """The first weight that differs is told, before anything is changed."""
    keeper = Keeper(1)
    fit(new_model(), keeper)
    torch.manual_seed(0)
    other = Sequential([Dense(7, input_dim=4), Dense(3, activation="softmax")])
    other.compile("adam", "categorical_crossentropy")

    with pytest.raises(CheckpointError) as caught:
        fit(other, Keeper(state=keeper.state))

    assert str(caught.value) == (
        "The backup is that of another model or optimizer: '0.weight' is float32 [6, 4] there and "
        "float32 [7, 4] here. Build them as they were, or give this run another backup_dir."
    )


def in_parts(keeper, stream_of, seen, batches=40):
    """Epochs of two loops over batches, both of which the body leaves by a break."""
    torch.manual_seed(0)
    module = torch.nn.Linear(1, 1)
    stream = stream_of()
    with Loop(
        module, torch.optim.SGD(module.parameters(), lr=0.1), callbacks=[keeper], epochs=3
    ) as loop:
        for epoch in loop.epochs():
            for data, last in ((DataLoader(range(9), 1, shuffle=True), 1), (stream, 2)):
                for each in loop.batches(data):
                    seen.append((epoch, loop.batch, float(each), torch.rand(1).item()))
                    loop.log_batch(loss=float(each))
                    if loop.batch == last:
                        break
                loop.log_epoch(**{f"after{last}": torch.rand(1).item()})
    return loop.history.history


@pytest.mark.parametrize("at", range(1, 16))
def test_loops_over_batches_that_are_left_by_a_break(at):
    """Saved at the end of any batch, also of one at which the body left its loop."""
    undisturbed, before, after = [], [], []
    history = in_parts(Keeper(), lambda: iter(range(99)), undisturbed)
    saved = Keeper(at=at)
    in_parts(saved, lambda: iter(range(99)), before)
    resumed = in_parts(Keeper(state=saved.state), lambda: iter(range(99)), after)

    assert before == undisturbed
    assert after == undisturbed[at:]
    assert resumed == history
