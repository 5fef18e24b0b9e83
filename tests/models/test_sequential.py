"""Sequential: built when the input is known, layers of any kind, changed at any time."""

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.callbacks import ModelCheckpoint
from backbeat.errors import ArgumentTypeError, StateError
from backbeat.layers import Activation, BatchNormalization, Dense, Embedding, Flatten
from backbeat.models import Sequential
from tests.training.examples import X, Y, softmax_model


def shapes(model):
    return [weight.shape for weight in model.get_weights()]


def changed(model, act):
    """For each weight of the model, whether `act` changed it."""
    before = model.get_weights()
    act()
    return [not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]


def test_it_is_built_at_once_when_its_input_is_known():
    """With input_dim the weights are there before fit."""
    model = Sequential([Dense(5, input_dim=4), nn.ReLU(), Dense(3)])

    assert model.built
    assert shapes(model) == [(4, 5), (5,), (5, 3), (3,)]


@pytest.mark.parametrize("act", ["fit", "evaluate", "predict", "call", "build"])
def test_it_is_built_at_the_first_batch_otherwise(act):
    """Without input_dim the first data decide; until then there are no weights."""
    model = Sequential([Dense(5), nn.ReLU(), Dense(3)])
    model.compile("sgd", "mse")
    assert not model.built
    with pytest.raises(StateError) as caught:
        model.get_weights()
    {
        "fit": lambda: model.fit(X, Y, verbose=0),
        "evaluate": lambda: model.evaluate(X, Y, verbose=0),
        "predict": lambda: model.predict(X),
        "call": lambda: model(torch.tensor(X)),
        "build": lambda: model.build((None, 4)),
    }[act]()

    assert str(caught.value) == (
        "The model has no weights yet, so get_weights has nothing to do. Give the first layer "
        "input_dim= or input_shape=, or call fit, or the model, on data first."
    )
    assert model.built
    assert shapes(model) == [(4, 5), (5,), (5, 3), (3,)]


def test_the_first_batch_builds_before_any_hook():
    """A deferred model has its weights when on_train_begin rings, and all of them train."""
    model, seen = Sequential([Dense(5), Dense(3)]), []
    model.compile("sgd", "mse")

    class Look(ModelCheckpoint):
        def on_train_begin(self, logs=None):
            seen.append(shapes(self.model))

    model.fit(X, Y, verbose=0, callbacks=Look("never.h5", period=9))

    assert seen == [[(4, 5), (5,), (5, 3), (3,)]]
    assert changed(model, lambda: model.fit(X, Y, verbose=0)) == [True] * 4


def test_input_dim_of_later_layers_is_ignored():
    """The previous layer's output decides."""
    assert shapes(Sequential([Dense(5, input_dim=4), Dense(3, input_dim=99)]))[2] == (5, 3)


def test_weights_are_copies():
    """Neither what get_weights gives nor what set_weights takes stays tied to the model."""
    model = softmax_model()
    weights = model.get_weights()
    weights[0][:] = 7
    assert not (model.get_weights()[0] == 7).any()
    model.set_weights(weights)
    weights[0][:] = 8

    assert (model.get_weights()[0] == 7).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            [np.zeros((3, 3)), np.zeros(3)],
            "set_weights was given an array of shape (3, 3) for kernel, which has shape (4, 3).",
        ),
        ([], "set_weights was given 0 arrays, but sequential_1 has 2."),
        (
            [np.ones((4, 3)), np.zeros(4)],
            "set_weights was given an array of shape (4,) for bias, which has shape (3,).",
        ),
    ],
)
def test_weights_that_do_not_fit_change_nothing(weights, message):
    """The message names number and shape; all weights stay as they are."""
    model = softmax_model()
    before = model.get_weights()
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        model.set_weights(weights)

    assert str(caught.value) == message
    assert all(map(np.array_equal, before, model.get_weights()))


def test_layers_of_ours_and_of_torch_in_any_sequence():
    """A list, a tuple, a generator; ours, torch's, other models."""
    for kind in (list, tuple, iter):
        model = Sequential(
            kind([Dense(5, input_dim=4), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)])
        )
        model.compile("sgd", "mse")
        model.fit(X, Y, verbose=0)

        assert shapes(model) == [(4, 5), (5,), (5,), (5,), (5,), (5,), (5, 3), (3,)]


def test_sequences_in_a_sequence():
    """A nested Sequential is one layer whose weights are trained with all others."""
    inner = Sequential([Dense(5, input_dim=4), nn.ReLU()])
    model = Sequential([inner, Sequential([Dense(4), Dense(3)])])
    model.compile("sgd", "mse")

    assert model.layers[0] is inner
    assert shapes(model) == [(4, 5), (5,), (5, 4), (4,), (4, 3), (3,)]
    assert all(changed(model, lambda: model.fit(X, Y, verbose=0)))


def test_one_instance_without_weights_may_be_used_twice():
    """The same nn.ReLU() in two places gets two names."""
    relu = nn.ReLU()
    model = Sequential([Dense(5, input_dim=4), relu, Dense(4), relu, Dense(3)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)

    names = [name for name, _ in model.named_layers()]
    assert len(set(names)) == 5
    assert model.layers[1] is model.layers[3] is relu


def test_two_layers_of_one_name():
    """They could not be told apart, so the second is refused."""
    with pytest.raises(ArgumentTypeError) as caught:
        Sequential([Dense(4, input_dim=4, name="a"), Dense(4, name="a")])

    assert str(caught.value) == "sequential_1 already has a layer called 'a'."


@pytest.mark.parametrize("thing", [Dense, "dense", 3])
def test_something_that_is_no_layer(thing):
    """The message says what fits; a class is told to be made an instance."""
    with pytest.raises(ArgumentTypeError) as caught:
        Sequential([thing])

    assert str(caught.value).startswith(
        f"sequential_1 was given {thing!r} as a layer; pass a backbeat layer or any torch.nn.Module"
    )


@pytest.mark.parametrize("shape", [None, (5, 4)])
def test_a_layer_that_returns_no_tensor(shape):
    """As torch's recurrent layers, which return their state too; known at once or at fit."""
    layers = [Dense(4, input_shape=shape, name="first"), nn.LSTM(4, 8, batch_first=True)]
    with pytest.raises(ArgumentTypeError) as caught:
        Sequential(layers).build((None, 5, 4))

    assert str(caught.value).partition("_")[0] == "'lstm"
    assert str(caught.value).partition("'")[2].partition("' ")[2] == (
        "returns a tuple, but each layer of a Sequential returns one tensor, which the next one "
        "takes. Wrap it in a module whose forward returns the part that you want, such as "
        "self.lstm(x)[0]."
    )


def test_classes_are_predicted():
    """By the largest of several outputs, or by one at a half."""
    model = Sequential([Dense(3, input_dim=2)])
    model.set_weights([np.array([[1.0, 0, 0], [0, 1, 0]]), np.zeros(3)])
    assert model.predict_classes(np.array([[2.0, 1], [1, 2], [-1, -1]])).tolist() == [0, 1, 2]

    model = Sequential([Dense(1, input_dim=2)])
    model.set_weights([np.array([[1.0], [0]]), np.zeros(1)])
    assert model.predict_classes(np.array([[0.6, 0], [0.5, 0]]), verbose=0).tolist() == [[1], [0]]


def test_adding_between_compile_and_fit():
    """compile may come before the last layers."""
    model = Sequential([Dense(5, input_dim=4)])
    model.compile("sgd", "categorical_crossentropy", metrics=["acc"])
    model.add(Dense(3))
    model.add(Activation("softmax"))

    assert changed(model, lambda: model.fit(X, Y, verbose=0)) == [True] * 4


def test_adding_after_fit():
    """A layer added after a fit is trained too, and the old softmax is an inner layer now."""
    model = softmax_model()
    model.fit(X, Y, verbose=0)
    model.add(Dense(3, activation="softmax"))
    outputs = model.predict(X)
    logs = model.evaluate(X, Y, verbose=0)

    assert logs[0] == pytest.approx(-(Y * np.log(outputs)).sum(1).mean(), abs=1e-6)
    assert changed(model, lambda: model.fit(X, Y, verbose=0)) == [True] * 4


def test_adding_keeps_what_the_optimizer_knows():
    """The accumulators and steps of the older weights stay."""
    model = softmax_model(optimizer="adam")
    model.fit(X, Y, verbose=0, epochs=3)
    kernel = model.layers[0].weight
    before = model.optimizer.torch.state[kernel]["exp_avg"].clone()
    model.add(Dense(3, activation="softmax"))
    model.fit(X, Y, verbose=0, epochs=0)

    assert model.optimizer.iterations == 3
    assert torch.equal(model.optimizer.torch.state[kernel]["exp_avg"], before)


def test_pop_takes_the_last_layer_away():
    """The others keep their weights; what is added next is built at once, and trains."""
    model = softmax_model()
    model.fit(X, Y, verbose=0)
    kernel = model.get_weights()[0]
    model.pop()
    model.add(Dense(3, activation="softmax"))

    assert np.array_equal(model.get_weights()[0], kernel)
    assert model.get_weights()[2].shape == (3, 3)
    assert changed(model, lambda: model.fit(X, Y, verbose=0)) == [True] * 4


def test_pop_of_an_empty_model():
    """There is nothing to take away."""
    with pytest.raises(StateError) as caught:
        Sequential().pop()

    assert str(caught.value) == "sequential_1 has no layers, so there is none to take away."


def test_lazy_modules_of_torch_are_built_too():
    """torch's own deferred layers get their weights from the first batch."""
    model = Sequential([nn.LazyLinear(5), nn.Linear(5, 3)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)

    assert shapes(model) == [(4, 5), (5,), (5, 3), (3,)]


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "float64"])
def test_whole_numbers_reach_an_embedding(dtype):
    """Numbers of words may come as any dtype."""
    model = Sequential([Embedding(10, 4, input_length=3), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    words = np.arange(24).reshape(8, 3).astype(dtype) % 10
    wanted = model(torch.tensor(words.astype("int64")))

    assert model.predict(words) == pytest.approx(wanted.detach().numpy(), abs=1e-6)
    assert changed(model, lambda: model.fit(words, np.zeros(8), verbose=0))[0]


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int64", "bool"])
def test_numbers_are_cast_to_what_the_weights_need(dtype):
    """Arrays of any dtype train a float32 model."""
    labels = Y if dtype == "bool" else Y.astype(dtype)
    history = softmax_model().fit((X * 3).astype(dtype), labels, verbose=0)

    assert np.isfinite(history["loss"]).all()


def test_batch_norm_learns_its_statistics_in_fit_alone():
    """Running means move in training, and never in evaluate and predict."""
    model = Sequential([nn.BatchNorm1d(4), nn.Linear(4, 3)])
    model.compile("sgd", "mse")
    means = model.layers[0].running_mean
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    assert not means.any()
    model.fit(X, Y, verbose=0)
    learned = means.clone()
    model.evaluate(X, Y, verbose=0)

    assert learned.all()
    assert torch.equal(means, learned)


def test_frozen_layers_stay_as_they_are():
    """Neither requires_grad_(False) nor trainable=False weights change; melted ones do again."""
    for melt in (
        lambda layer: setattr(layer, "trainable", True),
        lambda layer: layer.requires_grad_(True),
    ):
        model = Sequential([Dense(5, input_dim=4, trainable=False), Dense(3)])
        model.compile("adam", "mse")

        assert changed(model, lambda m=model: m.fit(X, Y, verbose=0)) == [False] * 2 + [True] * 2
        melt(model.layers[0])
        assert changed(model, lambda m=model: m.fit(X, Y, verbose=0)) == [True] * 4


def test_a_model_all_frozen_evaluates_but_does_not_train():
    """There is nothing to train, and that is said; evaluate and predict work."""
    model = softmax_model()
    model.requires_grad_(False)
    assert len(model.evaluate(X, Y, verbose=0)) == 2
    with pytest.raises(StateError) as caught:
        model.fit(X, Y, verbose=0)

    assert str(caught.value) == (
        "The model has no trainable weights, so there is nothing to train. One that was frozen for "
        "the sake of another, as a GAN's critic, is freed before its own batches (trainable = "
        "True), and frozen again after them."
    )


def test_get_layer_by_name_and_index():
    """A miss lists the names there are."""
    model = softmax_model()

    assert model.get_layer("dense_1") is model.get_layer(index=0) is model.layers[0]
    for arguments, message in (
        ({"name": "x"}, "sequential_1 has no layer 'x'; its layers are: dense_1, activation_1."),
        ({"index": 5}, "index=5, but sequential_1 has 2 layers."),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            model.get_layer(**arguments)

        assert str(caught.value) == message


def test_summary_of_a_built_and_an_unbuilt_model(capsys):
    """A table of names, output shapes and numbers of weights."""
    softmax_model().summary()
    built = capsys.readouterr().out.splitlines()
    lines = []
    Sequential([Dense(5, name="a")]).summary(print_fn=lines.append)

    assert built == [
        "Model: sequential_1",
        "=" * 72,
        f"{'Layer (type)':<34}{'Output shape':<26}{'Weights':>12}",
        "=" * 72,
        f"{'dense_1 (Dense)':<34}{'(None, 3)':<26}{'15':>12}",
        f"{'activation_1 (Activation)':<34}{'(None, 3)':<26}{'0':>12}",
        "=" * 72,
        "Trainable weights: 15 of 15",
    ]
    assert "a (Dense)" in lines[0]
    assert lines[0].splitlines()[-1] == (
        "Not built yet: the weights are made when the input shape is known."
    )


def hooked():
    layer = Dense(3, input_dim=4)
    layer.register_forward_pre_hook(lambda *_: None)
    return layer


class Own(Sequential):
    """May do anything in its forward."""


@pytest.mark.parametrize(
    ("make", "lent"),
    [
        (lambda: Sequential([Dense(3, input_dim=4)]), True),
        (lambda: Sequential([Flatten(input_shape=(4,)), nn.Flatten(), nn.Linear(4, 3)]), True),
        (lambda: Sequential([nn.ReLU(inplace=True), Dense(3)]), False),
        (lambda: Sequential([Flatten(input_shape=(4,)), nn.ReLU(inplace=True)]), False),
        (lambda: Sequential([hooked()]), False),
        (lambda: Own([Dense(3, input_dim=4)]), False),
    ],
    ids=["dense", "flat", "in place", "flat, in place", "hooked", "subclass"],
)
def test_data_are_only_lent_to_layers_that_cannot_write_into_them(make, lent):
    """Whatever the model does, the user's arrays stay as they are."""
    model, x = make(), np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)
    before = x.copy()
    model.predict(x, batch_size=4)

    assert model._settle_place().lends is lent
    np.testing.assert_array_equal(x, before)


def test_freezing_a_whole_model():
    """`model.trainable = False` freezes layers of ours and of torch's, built or not; True frees."""
    for layers in ([Dense(5, input_dim=4), nn.Linear(5, 3)], [Dense(5), nn.Linear(5, 3)]):
        base = Sequential(layers)
        base.trainable = False
        model = Sequential([base, Dense(3)])
        model.compile("adam", "mse")
        if not base.built:
            model.predict(X)

        assert not base.trainable
        assert changed(model, lambda m=model: m.fit(X, Y, verbose=0)) == [False] * 4 + [True] * 2
        base.trainable = True
        assert base.trainable
        assert changed(model, lambda m=model: m.fit(X, Y, verbose=0)) == [True] * 6


def test_a_frozen_model_keeps_its_moving_means():
    """Batch normalization in a frozen model does not follow the batches."""
    model = Sequential([BatchNormalization(input_dim=4), Dense(3)])
    model.trainable = False
    model.layers[1].trainable = True
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)

    assert not model.layers[0].moving_mean.any()
