"""Model: subclassed or around any module; its inputs, optimizers, losses, metrics and copies."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import optimizers
from backbeat.callbacks import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, StateError
from backbeat.models import Model
from tests.training.examples import LABELS, X, Y, cross_entropy, softmax_model


class OwnNames(Model):
    """A user's model whose attributes have the names of ours."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 3)])
        self.metrics = {"mine": 1}
        self.optimizer = "mine"
        self.loss = nn.MSELoss()

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


class Two(Model):
    """Two inputs, by position or by name."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 3)

    def forward(self, a, b):
        return self.linear(torch.cat([a, b], 1))


def wrapped(optimizer="sgd", loss="mse", **settings):
    torch.manual_seed(0)
    model = Model(nn.Linear(4, 3))
    model.compile(optimizer, loss, **settings)
    return model


def same_weights(one, other):
    return all(map(np.array_equal, one.get_weights(), other.get_weights()))


# Births


def test_a_subclass_keeps_its_own_names(tmp_path):
    """layers, metrics, optimizer and loss may be the user's; everything works beside them."""
    model = OwnNames()
    model.compile("adam", "mse", metrics=["mae"])
    callbacks = [
        ReduceLROnPlateau("loss"),
        EarlyStopping("loss", patience=9, restore_best_weights=True),
        ModelCheckpoint(tmp_path / "a.h5", monitor="mae", save_best_only=True),
    ]
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks)
    model.summary(print_fn=lambda text: None)

    assert (model.metrics, model.optimizer, type(model.loss)) == ({"mine": 1}, "mine", nn.MSELoss)
    assert isinstance(model.layers, nn.ModuleList)
    assert set(history.history) == {"loss", "mae", "lr"}
    assert [weight.shape for weight in model.get_weights()] == [(4, 5), (5,), (5, 3), (3,)]
    assert (tmp_path / "a.h5").exists()


def test_a_wrapped_module_is_trained_in_place():
    """Model(module) trains the very module; its weights are in Keras' orientation."""
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    before = module[0].weight.detach().clone()
    model = Model(module)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)

    assert not torch.equal(module[0].weight, before)
    assert np.array_equal(model.get_weights()[0], module[0].weight.detach().numpy().T)
    assert model.layers == list(module)
    assert np.array_equal(model.predict(X), module(torch.tensor(X)).detach().numpy())


def test_what_cannot_be_wrapped():
    """The message names the ways to make a model."""
    with pytest.raises(ArgumentTypeError, match="^Model was given 'net'; pass a torch.nn.Module"):
        Model("net")


def test_a_model_without_forward():
    """A subclass that forgot it is told so."""

    class Empty(Model):
        pass

    with pytest.raises(StateError) as caught:
        Empty()(torch.zeros(1))

    assert str(caught.value).startswith("Empty has no forward. Define forward(self, x), ")


# Inputs


@pytest.mark.parametrize(
    "inputs", [[X, X * 2], (X, X * 2), {"a": X, "b": X * 2}, {"b": X * 2, "a": X}]
)
def test_several_inputs(inputs):
    """Lists go to the arguments in order, dicts by name, in all three methods."""
    torch.manual_seed(0)
    model = Two()
    model.compile("sgd", "mse")
    wanted = model(torch.tensor(X), torch.tensor(X * 2)).detach().numpy()

    assert model.predict(inputs, batch_size=4) == pytest.approx(wanted, abs=1e-6)
    assert model.evaluate(inputs, Y, verbose=0) == pytest.approx(((wanted - Y) ** 2).mean(), 1e-5)
    model.fit(inputs, Y, verbose=0, validation_split=0.2)


@pytest.mark.parametrize("kind", [list, dict])
def test_a_forward_that_takes_all_inputs_as_one(kind):
    """A forward with one argument is given the list or dict itself."""

    class One(Two):
        def forward(self, inputs):
            assert type(inputs) is kind
            a, b = inputs.values() if kind is dict else inputs
            return super().forward(a, b)

    model = One()
    model.compile("sgd", "mse")
    inputs = {"a": X, "b": X} if kind is dict else [X, X]
    model.fit(inputs, Y, verbose=0)

    assert model.predict(inputs).shape == (10, 3)


def test_one_input_after_two():
    """How inputs are passed is settled anew for another kind of them."""

    class Optional(Model):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, a, b=None):
            return self.linear(a if b is None else a + b)

    model = Optional()
    both, alone = model.predict([X, X]), model.predict(X)

    assert both == pytest.approx(model.predict(2 * X), abs=1e-6)
    assert not np.allclose(both, alone)


def test_the_weights_decide_the_dtype():
    """A double-precision module is given doubles, and answers with them."""
    model = Model(nn.Linear(4, 3).double())
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)

    assert model.predict(X).dtype == np.float64


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda y: (y, y), "The model's output is a tuple; a loss needs a tensor."),
        (lambda y: {"y": y}, "The model's output is a dict; a loss needs a tensor."),
    ],
)
def test_outputs_a_loss_cannot_take(outputs, message):
    """They are told by their kind."""

    class Odd(Model):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            return outputs(self.linear(x))

    model = Odd()
    model.compile("sgd", "mse")
    with pytest.raises(StateError) as caught:
        model.fit(X, Y, verbose=0)

    assert str(caught.value).startswith(message)


def test_predict_joins_the_outputs_of_all_batches():
    """Trees of outputs keep their form."""

    class Tree(Two):
        def forward(self, a, b):
            return {"sum": a + b, "pair": [a, b]}

    outputs = Tree().predict([X, 2 * X], batch_size=4)

    assert outputs["sum"] == pytest.approx(3 * X)
    assert np.array_equal(outputs["pair"][1], 2 * X)


# Optimizers, losses, metrics


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.AdamW,
        partial(torch.optim.SGD, lr=0.1, momentum=0.9),
        lambda model: torch.optim.Adagrad(model.parameters(), lr=0.1),
        "adam",
        optimizers.RMSprop,
        optimizers.SGD(0.1),
    ],
)
def test_optimizers_of_all_kinds_train(optimizer):
    """Names, classes, partials and objects, ours or torch's."""
    model = wrapped()
    before = model.get_weights()
    made = optimizer(model) if getattr(optimizer, "__name__", "") == "<lambda>" else optimizer
    model.compile(made, "mse")
    history = model.fit(X, Y, epochs=3, verbose=0)

    assert history["loss"][-1] < history["loss"][0]
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_the_rate_is_read_and_set():
    """optimizer.lr, learning_rate and model.learning_rate are one number, before fit and after."""
    model = wrapped()
    assert model.optimizer.lr == model.learning_rate == 0.01
    model.optimizer.lr = 0.5
    model.fit(X, Y, verbose=0)
    assert model.optimizer.torch.param_groups[0]["lr"] == 0.5
    model.learning_rate = 0.25

    assert model.optimizer.lr == model.optimizer.learning_rate == 0.25
    assert model.optimizer.torch.param_groups[0]["lr"] == 0.25


def test_rates_are_logged_only_when_somebody_owns_them():
    """lr and lr_1 join the logs with a rate callback, and only then."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    groups = [{"params": net[0].parameters(), "lr": 0.1}, {"params": net[1].parameters()}]
    model = Model(net)
    model.compile(torch.optim.SGD(groups, lr=0.01), "mse")
    without = model.fit(X, Y, verbose=0)
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=halve)

    assert set(without.history) == {"loss"}
    assert history["lr"] == pytest.approx([0.05, 0.025])
    assert history["lr_1"] == pytest.approx([0.005, 0.0025])


def test_torch_losses_know_their_order():
    """nn.CrossEntropyLoss takes class numbers and one-hot labels; the values are NumPy's."""
    for labels in (LABELS, Y):
        model = wrapped(loss=nn.CrossEntropyLoss(), metrics=["acc"])
        loss, accuracy = model.evaluate(X, labels, verbose=0)

        assert loss == pytest.approx(cross_entropy(model).mean(), abs=1e-6)
        assert accuracy == pytest.approx((model.predict(X).argmax(1) == LABELS).mean())


def test_a_loss_of_ones_own():
    """A function of (y_true, y_pred), per sample or one number for the batch."""
    for loss in (
        lambda y_true, y_pred: (y_true - y_pred).abs().mean(1),
        lambda y_true, y_pred: (y_true - y_pred).abs().mean(),
    ):
        model = wrapped(loss=loss)

        wanted = np.abs(model.predict(X) - Y).mean()
        assert model.evaluate(X, Y, verbose=0) == pytest.approx(wanted, abs=1e-6)


def test_compiling_twice_starts_afresh():
    """A second compile replaces optimizer, loss and metrics; the weights stay."""
    model = softmax_model(optimizer="adam")
    model.fit(X, Y, verbose=0)
    weights = model.get_weights()
    model.compile("sgd", "mse", metrics=["mae"])

    assert all(map(np.array_equal, weights, model.get_weights()))
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "mae"]
    assert model.optimizer.iterations == 1


def test_an_optimizer_compiled_again_goes_on():
    """The same optimizer for the same model keeps its steps."""
    model = wrapped("adam")
    model.fit(X, Y, verbose=0)
    model.compile(model.optimizer, "mae")
    model.fit(X, Y, verbose=0)

    assert model.optimizer.iterations == 2


def test_an_optimizer_that_computes_the_loss_several_times():
    """It belongs into a loop of one's own; every `fit` says so."""
    model = softmax_model()
    model.compile(torch.optim.LBFGS, "mse")
    for _ in range(2):
        with pytest.raises(ArgumentError) as caught:
            model.fit(X, Y, verbose=0)

    assert str(caught.value) == (
        "LBFGS computes the loss several times in each step, which fit does once. Train with it in "
        "a Loop of your own, whose body calls optimizer.step(closure)."
    )


def test_an_optimizer_of_another_model():
    """It would train the other model's weights, so it is refused, whose ever it is."""
    shared = optimizers.Adam()
    wrapped(shared).fit(X, Y, verbose=0)
    with pytest.raises(ArgumentError) as caught:
        wrapped(shared).fit(X, Y, verbose=0)

    assert str(caught.value) == (
        "This Adam trains the weights of another model already. Give every model an optimizer of "
        "its own: compile(Adam(...), ...)."
    )
    stranger = torch.optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)
    with pytest.raises(DataError, match="holds none of this model's parameters"):
        wrapped(stranger).fit(X, Y, verbose=0)


def test_a_torch_optimizer_keeps_to_what_it_was_given():
    """Parameters left out of it on purpose are not trained."""
    net = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3))
    model = Model(net)
    model.compile(torch.optim.SGD(net[1].parameters(), lr=0.1), "mse")
    before = model.get_weights()
    for _ in range(2):
        model.fit(X, Y, verbose=0)

    same = [np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]
    assert same == [True, True, False, False]


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (
            "meta",
            "device='meta' cannot be used: it holds no numbers, so nothing can be trained on it. "
            "Leave device= out for the best there is, or pass 'cpu'.",
        ),
        ("gpu", "device='gpu' cannot be used: Expected one of cpu, cuda, "),
        ("cuda:99", "device='cuda:99' cannot be used: "),
    ],
)
def test_devices_that_are_not_there(device, message):
    """compile says so, not the first batch."""
    with pytest.raises(ArgumentError) as caught:
        wrapped(device=device)

    assert str(caught.value).startswith(message)


# Single batches


def test_single_batches():
    """train_on_batch returns the loss before its update, with the metrics; the others alike."""
    model = softmax_model()
    loss, accuracy = model.test_on_batch(X, Y)

    assert model.train_on_batch(X, Y) == pytest.approx([loss, accuracy])
    assert model.test_on_batch(X, Y)[0] < loss
    assert np.array_equal(model.predict_on_batch(X), model.predict(X))
    assert type(softmax_model(()).train_on_batch(X, Y)) is float


# Copies


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", partial(torch.optim.AdamW)])
def test_a_copy_trains_as_its_original_would(again, trained, optimizer):
    """With the optimizer's state, and without touching the original."""
    model = softmax_model(optimizer=optimizer)
    if trained:
        model.fit(X, Y, verbose=0, epochs=2)
    other = again(model)
    before = model.get_weights()
    history = other.fit(X, Y, verbose=0, shuffle=False, epochs=3, batch_size=4).history
    assert all(map(np.array_equal, before, model.get_weights()))
    wanted = model.fit(X, Y, verbose=0, shuffle=False, epochs=3, batch_size=4).history

    assert history == wanted
    assert same_weights(model, other)
    assert not np.array_equal(before[0], model.get_weights()[0])


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_of_a_model_with_two_inputs(again):
    """The copy calls its own layers, not the original's."""
    model = Two()
    model.compile("sgd", "mse")
    model.fit([X, X], Y, verbose=0)
    other = again(model)
    before = model.get_weights()
    other.fit([X, X], Y, verbose=0)

    assert all(map(np.array_equal, before, model.get_weights()))
    assert not same_weights(model, other)


def test_a_copy_made_inside_a_hook():
    """A callback may keep copies of the model while it trains."""
    copies = []
    model = softmax_model()
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(model)))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=keep)

    assert same_weights(copies[1], model)
    assert not same_weights(copies[0], model)
    assert copies[0].fit(X, Y, verbose=0).epoch == [0]


def test_a_snapshot_is_restored_in_place():
    """restore puts the very tensors back; the snapshot does not follow them."""
    model = softmax_model()
    kernel, before = model.layers[0].weight, model.get_weights()
    snapshot = model.snapshot()
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before[0])
    model.restore(snapshot)

    assert all(map(np.array_equal, before, model.get_weights()))
    assert model.layers[0].weight is kernel


# The older names


def test_generator_methods_keep_their_positional_order():
    """Keras 2's order: (generator, steps_per_epoch, epochs, …) and (generator, steps)."""
    batches = [(X[:4], Y[:4]), (X[4:8], Y[4:8]), (X[8:], Y[8:])]
    model = softmax_model()
    history = model.fit_generator(iter(batches * 2), 3, 2, 0)

    assert len(history["loss"]) == 2
    assert model.evaluate_generator(iter(batches), 3) == pytest.approx(
        model.evaluate(X, Y, verbose=0), abs=1e-6
    )
    assert model.predict_generator(iter(batches), 2).shape == (8, 3)
