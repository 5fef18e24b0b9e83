"""Functional models: what `Input` and layers called on it draw, and what comes out of it."""

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import (
    Add,
    Concatenate,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    Input,
    InputLayer,
    Lambda,
    Layer,
    MaxPooling2D,
    add,
)
from backbeat.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
Z = np.random.default_rng(1).normal(size=(9, 4)).astype("float32")


class Halves(Layer):
    def call(self, inputs):
        return [inputs[:, :2], inputs[:, 2:]]


class Combined(Layer):
    """Takes a dict and gives one."""

    def call(self, inputs):
        return {"sum": inputs["p"] + inputs["q"], "difference": inputs["p"] - inputs["q"]}


class Scaled(nn.Module):
    """A torch module that knows nothing of symbols, and takes two arguments."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 2)

    def forward(self, inputs, factor):
        return self.inner(inputs) * factor[:, :1]


def chain():
    inputs = Input((4,), name="inputs")
    return Model(inputs, Dense(2, name="out")(Dense(3, activation="relu", name="in")(inputs)))


def dense(model, name, x):
    kernel, bias = model.get_layer(name).get_weights()
    return x @ kernel + bias


# One and several


def test_computes_what_was_drawn():
    """The layers are applied as they were called; they were built while being drawn."""
    model = chain()

    assert [tuple(w.shape) for w in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    expected = dense(model, "out", np.maximum(dense(model, "in", X), 0))
    assert model.predict(X) == pytest.approx(expected, abs=1e-6)
    assert model(torch.tensor(X)).detach().numpy() == pytest.approx(expected, abs=1e-6)


def test_keywords_and_name():
    """`inputs=`, `outputs=` and `name=` as Keras users write them; models count from 1."""
    inputs = Input((4,))
    outputs = Dense(2)(inputs)

    assert Model(inputs=inputs, outputs=outputs, name="mine").name == "mine"
    assert Model(inputs, outputs).name == "model_1"
    assert Model(inputs=[inputs], outputs=[outputs]).predict(X).shape == (9, 2)


def two_inputs():
    left, right = Input((4,), name="left"), Input((4,), name="right")
    return Model([left, right], [Add(name="sum")([left, right]), Dense(2, name="wide")(left)])


@pytest.mark.parametrize(
    "given",
    [
        [X, Z],
        (X, Z),
        {"left": X, "right": Z},
        {"right": Z, "left": X},
        {"left": X, "right": Z, "beside": X},
    ],
    ids=["list", "tuple", "dict", "dict in another order", "dict with more"],
)
def test_several_inputs_and_outputs(given):
    """Inputs go by position or by name; outputs come in the order they were asked for."""
    model = two_inputs()
    total, wide = model.predict(given)

    assert total == pytest.approx(X + Z)
    assert wide == pytest.approx(dense(model, "wide", X), abs=1e-6)
    assert model.output_names == ("sum", "wide")


def test_called_like_any_module():
    """A list, several arguments, or names."""
    model = two_inputs()
    left, right = torch.tensor(X), torch.tensor(Z)
    expected = left + right

    assert model([left, right])[0].equal(expected)
    assert model(left, right)[0].equal(expected)
    assert model(right=right, left=left)[0].equal(expected)


def test_dicts_of_inputs_and_outputs():
    """The keys are the names, and the outputs come as the dict they were given as."""
    first, second = Input((4,)), Input((4,))
    combined = Combined()({"p": first, "q": second})
    model = Model(
        {"a": first, "b": second}, {"plus": combined["sum"], "minus": combined["difference"]}
    )
    answers = model.predict({"b": Z, "a": X})

    assert model.output_names == ("plus", "minus")
    assert answers["plus"] == pytest.approx(X + Z)
    assert answers["minus"] == pytest.approx(X - Z)
    model.compile("sgd", {"minus": "mse", "plus": "mae"}, loss_weights={"plus": 2.0})
    loss, plus, minus = model.evaluate({"a": X, "b": Z}, {"minus": Z, "plus": X}, verbose=0)
    assert plus == pytest.approx(np.abs(Z).mean(), rel=1e-5)
    assert minus == pytest.approx(np.square(X - 2 * Z).mean(), rel=1e-5)
    assert loss == pytest.approx(2 * plus + minus, rel=1e-6)


def test_a_layer_that_returns_a_list():
    """Each part is a symbol of its own."""
    inputs = Input((4,))
    left, right = Halves(name="halves")(inputs)
    model = Model(inputs, [right, left])

    assert (left.shape, right.shape) == ((None, 2), (None, 2))
    assert model.output_names == ("halves", "halves_1")
    assert model.predict(X)[0] == pytest.approx(X[:, 2:])
    assert model.predict(X)[1] == pytest.approx(X[:, :2])


def test_several_arguments():
    """A wrapped module whose forward takes several arguments is called with as many symbols."""
    left, right = Input((4,)), Input((4,))
    model = Model([left, right], Model(Scaled())(left, right))
    outputs = model.predict([X, Z])

    assert outputs == pytest.approx(model.predict([X, np.ones_like(Z)]) * Z[:, :1], abs=1e-6)


def test_an_input_that_nothing_needs():
    """It is part of the model, and of its data, all the same."""
    used, unused = Input((4,), name="used"), Input((2,), name="unused")
    model = Model([unused, used], Dense(3)(used))

    assert model.predict([Z[:, :2], X]).shape == (9, 3)
    assert [layer.name for layer in model.layers] == ["used", "dense_1", "unused"]


def test_an_input_may_be_an_output():
    """Nothing lies between them then."""
    inputs = Input((4,))

    assert Model(inputs, [inputs, Dense(1)(inputs)]).predict(X)[0] == pytest.approx(X)


# Shared layers and models within models


def test_a_shared_layer():
    """Called twice it has its weights once, and they get the gradients of both calls."""
    left, right = Input((4,)), Input((4,))
    shared = Dense(3, name="shared")
    model = Model([left, right], Concatenate()([shared(left), shared(right)]))

    assert len(model.get_weights()) == 2
    expected = np.hstack([dense(model, "shared", X), dense(model, "shared", Z)])
    assert model.predict([X, Z]) == pytest.approx(expected, abs=1e-6)
    model([torch.tensor(X), torch.tensor(Z)]).sum().backward()
    assert shared.bias.grad.tolist() == pytest.approx([18.0] * 3)


def test_a_shared_layer_that_ends_two_outputs():
    """Two outputs of one layer are told apart by number, in the losses and metrics too."""
    left, right = Input((4,)), Input((4,))
    shared = Dense(2, activation="softmax", name="d")
    model = Model([left, right], [shared(left), shared(right)])
    model.compile("sgd", "categorical_crossentropy", metrics=["acc"])
    y = np.eye(2)[[0, 1, 1, 0, 1, 0, 0, 1, 1]]
    values = dict(zip(model.metrics_names, model.evaluate([X, Z], [y, y], verbose=0), strict=True))

    assert model.metrics_names == ["loss", "d_loss", "d_1_loss", "d_acc", "d_1_acc"]
    for name, predicted in zip(("d", "d_1"), model.predict([X, Z]), strict=True):
        loss = -(y * np.log(predicted)).sum(1).mean()
        assert values[f"{name}_loss"] == pytest.approx(loss, rel=1e-5)


def test_models_within_models():
    """A model is called like a layer: functional, Sequential or wrapped; its weights are there."""
    inner_inputs = Input((4,))
    inner = Model(inner_inputs, Dense(3, name="deep")(inner_inputs), name="inner")
    row = Sequential([Dense(5), Dense(4)], name="row")
    inputs = Input((4,))
    model = Model(inputs, Model(nn.Linear(3, 2), name="torch")(inner(row(inputs))))

    assert row.built
    shapes = [w.shape for w in model.get_weights()]
    assert shapes == [(4, 5), (5,), (5, 4), (4,), (4, 3), (3,), (3, 2), (2,)]
    assert model.get_layer("inner") is inner
    kernel, bias = model.get_weights()[-2:]
    expected = dense(inner, "deep", row.predict(X)) @ kernel + bias
    assert model.predict(X) == pytest.approx(expected, abs=1e-5)


def test_a_model_called_twice():
    """It shares its weights between the calls, on its own output too."""
    inputs = Input((4,))
    inner = Model(inputs, Dense(4, name="d")(inputs))
    model = Model(inputs, inner(inner(inputs)))

    assert len(model.get_weights()) == 2
    assert model.predict(X) == pytest.approx(dense(inner, "d", dense(inner, "d", X)), abs=1e-5)


def test_two_models_share_their_layers():
    """Training the one changes the other, as for an autoencoder and its encoder."""
    inputs = Input((4,))
    code = Dense(2)(inputs)
    encoder, both = Model(inputs, code), Model(inputs, Dense(4)(code))
    before = encoder.predict(X)
    both.compile("sgd", "mse")
    both.fit(X, X, verbose=0)

    assert np.abs(encoder.predict(X) - before).max() > 1e-4
    assert np.allclose(encoder.get_weights()[0], both.get_weights()[0])


def test_a_subclass_may_draw_itself():
    """`super().__init__(inputs, outputs)` inside a class of one's own."""

    class Mine(Model):
        def __init__(self):
            inputs = Input((4,))
            super().__init__(inputs, Dense(2)(inputs))

    assert Mine().predict(X).shape == (9, 2)


def test_sequential_may_begin_with_an_input():
    """As Keras 3 has it; the model is then built at once."""
    model = Sequential([Input((4,)), Dense(2)])

    assert model.built
    assert model.predict(X).shape == (9, 2)
    kinds = [entry["class_name"] for entry in model.get_config()["layers"]]
    assert kinds == ["InputLayer", "Dense"]


# Training


def test_draws_in_inference_mode_and_without_randomness():
    """Drawing calls no dropout, changes no mode, and draws no random number after the weights."""
    inputs = Input((4,))
    layer = Dropout(0.5)
    state = torch.get_rng_state()
    layer(inputs)

    assert layer.training
    assert torch.get_rng_state().equal(state)


def test_trains():
    """Every weight between inputs and outputs is trained; a frozen one is not."""
    model = chain()
    model.get_layer("in").trainable = False
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(X, Z[:, :2], epochs=2, verbose=0)
    changed = [not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]

    assert changed == [False, False, True, True]


def test_mode_reaches_every_layer():
    """Dropout is at work while training only."""
    inputs = Input((4,))
    model = Model(inputs, Dropout(0.5)(inputs))
    x = torch.ones(64, 4)

    assert model.train()(x).unique().tolist() == [0.0, 2.0]
    assert model.eval()(x).unique().tolist() == [1.0]


def test_state_fits_another_of_the_same_layers():
    """The keys of `state_dict` are positions, so automatic names do not matter."""
    one, other = chain(), chain()
    other.load_state_dict(one.state_dict())

    assert other.predict(X) == pytest.approx(one.predict(X))


# Open axes


def test_open_lengths():
    """A length of None stays open through the layers, and any length may come."""
    sequence = Input((None, 3))
    seen = Conv1D(4, 5)(sequence)
    model = Model(sequence, GlobalMaxPooling1D()(seen))

    assert seen.shape == (None, None, 4)
    assert model.output_shapes["conv1d_1"] == (None, None, 4)
    for length in (5, 40):
        assert model.predict(np.ones((2, length, 3), "float32")).shape == (2, 4)


def test_open_images():
    """Height and width are open after strides and poolings too."""
    image = Input((None, None, 3))
    seen = Conv2D(4, 3, strides=2, padding="same")(image)
    for _ in range(3):
        seen = MaxPooling2D(2)(seen)
    model = Model(image, GlobalMaxPooling2D()(seen))

    assert seen.shape == (None, None, None, 4)
    assert model.predict(np.ones((1, 21, 50, 3), "float32")).shape == (1, 4)


def test_whole_numbers():
    """`dtype` of an Input is that of the data to come."""
    tokens = Input((3,), dtype="int32")
    model = Model(tokens, Lambda(lambda x: x.float().sum(1, keepdim=True))(tokens))

    assert model.predict(np.ones((2, 3), "int64")).tolist() == [[3.0], [3.0]]


# Summary


def test_summary_of_a_functional_model():
    """A line per layer in the order from the inputs: name, type, shape, number of weights."""
    lines = []
    inner_inputs = Input((3,))
    inner = Model(inner_inputs, Dense(3)(inner_inputs), name="inner")
    inputs = Input((None, 4), name="sequence")
    pooled = GlobalMaxPooling1D(name="pool")(Dense(3, name="wide")(inputs))
    model = Model(inputs, inner(pooled), name="outer")
    model.get_layer("wide").trainable = False
    model.summary(print_fn=lines.append)
    rows = [" ".join(line.split()) for line in "\n".join(lines).splitlines()]

    assert rows[0] == "Model: outer"
    assert rows[4:8] == [
        "sequence (InputLayer) (None, None, 4) 0",
        "wide (Dense) (None, None, 3) 15",
        "pool (GlobalMaxPooling1D) (None, 3) 0",
        "inner (Model) (None, 3) 12",
    ]
    assert rows[-1] == "Trainable weights: 12 of 27"


# What cannot be


def test_an_input_that_was_left_out():
    """The outputs tell which one they need."""
    left, right = Input((4,), name="left"), Input((4,), name="right")

    with pytest.raises(ArgumentError, match="need the input 'right', .* inputs \\(left\\)"):
        Model(left, add([left, right]))


def test_inputs_from_a_layer():
    """A model begins at Inputs."""
    hidden = Dense(3, name="hidden")(Input((4,)))

    with pytest.raises(ArgumentError, match="'hidden' is given by a layer.*shape \\(3,\\)"):
        Model(hidden, Dense(2)(hidden))


def test_names_given_twice():
    """Two layers of one name could not be told apart in files."""
    inputs = Input((4,))
    outputs = Dense(3, name="same")(Dense(3, name="same")(inputs))

    with pytest.raises(ArgumentError, match="called 'same'"):
        Model(inputs, outputs)


def test_no_outputs():
    """Inputs alone make no model."""
    with pytest.raises(ArgumentTypeError, match=r"no outputs: Model\(inputs, outputs\)"):
        Model(Input((4,)))


def test_values_among_symbols():
    """A tensor has no place in a drawing."""
    with pytest.raises(ArgumentTypeError, match="make an Input of it"):
        Add()([Input((4,)), torch.ones(1, 4)])
    with pytest.raises(ArgumentTypeError, match="must come from Input"):
        Model(Input((4,)), torch.ones(1, 4))


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + 1,
        lambda x: 2 * x,
        lambda x: -x,
        lambda x: x[:, 0],
        torch.relu,
        lambda x: torch.cat([x, x]),
        nn.Linear(4, 2),
    ],
)
def test_computing_with_symbols(compute):
    """Operators, torch's functions and bare modules say which layer to use instead."""
    with pytest.raises(ArgumentTypeError, match="Lambda"):
        compute(Input((4,)))


def test_a_torch_module_called_on_a_symbol():
    """It asks the symbol for what tensors have: the error says how to wrap the module."""
    drawn = Input((5, 4), name="drawn")
    with pytest.raises(AttributeError) as caught:
        nn.LSTM(4, 8)(drawn)

    assert str(caught.value) == (
        "<Symbol 'drawn', shape (None, 5, 4)> has no values yet, and so no 'dim'. In a functional "
        "model wrap a torch module, Model(module)(x), or a function, Lambda(function)(x)."
    )
    assert not hasattr(drawn, "anything")


def test_symbols_by_name():
    """A symbol cannot be passed by keyword."""
    with pytest.raises(ArgumentTypeError, match="symbol as factor="):
        Model(Scaled())(Input((4,)), factor=Input((4,)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([X], "2 inputs \\(left, right\\), but was given 1"),
        ({"left": X, "rigth": Z}, "right is missing from left, rigth"),
        ([X, Z, X], "2 inputs \\(left, right\\), but was given 3"),
    ],
)
def test_data_that_do_not_fit(given, said):
    """Too few, too many or misnamed inputs: the model's own are listed."""
    with pytest.raises(DataError, match=said):
        two_inputs().predict(given)


def test_input_layer_is_one_of_the_layers():
    """`model.layers` begins with it, as in Keras."""
    assert isinstance(chain().layers[0], InputLayer)
