"""What a model says of its architecture, as a dict or JSON, makes the same model again."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import regularizers
from backbeat.errors import ArgumentError, StateError
from backbeat.layers import (
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    Multiply,
)
from backbeat.models import Model, Sequential, load_model, model_from_json

random = np.random.default_rng(0)
X = random.normal(size=(6, 4)).astype("float32")
Z = random.normal(size=(6, 4)).astype("float32")
TOKENS = random.integers(0, 9, (6, 3))


class Parts(Layer):
    """Gives a list; its argument is part of its config."""

    def __init__(self, at=2, **layer):
        super().__init__(**layer)
        self.at = at

    def call(self, inputs, turned=False):
        parts = [inputs[:, : self.at], inputs[:, self.at :]]
        return parts[::-1] if turned else parts

    def get_config(self):
        return {**super().get_config(), "at": self.at}


def row():
    penalty = regularizers.l1_l2(0.1, 0.2)
    return Sequential(
        [Dense(5, "tanh", input_dim=4, kernel_regularizer=penalty), Dropout(0.2), Dense(2)],
        name="row",
    ), [X]


def chain():
    inputs = Input((4,), name="x")
    return Model(inputs, Dense(2)(BatchNormalization()(inputs)), name="chain"), [X]


def two_by_two():
    tokens, numbers = Input((3,), dtype="int32", name="tokens"), Input((4,), name="numbers")
    read = Flatten()(Embedding(9, 2)(tokens))
    both = Concatenate()([read, Dense(3, "relu")(numbers)])
    outputs = [Dense(3, "softmax", name="cls")(both), Dense(1, name="reg")(both)]
    return Model([tokens, numbers], outputs), [TOKENS, X]


def shared():
    left, right = Input((4,)), Input((4,))
    layer = Dense(4, name="shared")
    return Model([left, right], Multiply()([layer(layer(left)), layer(right)])), [X, Z]


def lists():
    inputs = Input((4,))
    first, second = Parts(3, name="parts")(inputs, turned=True)
    return Model(inputs, [Dense(2)(first), second]), [X]


def nested():
    inner_inputs = Input((4,))
    pair = [Dense(4, name="a")(inner_inputs), Dense(4, name="b")(inner_inputs)]
    inner = Model(inner_inputs, pair, name="inner")
    head = Sequential([Dense(3), Dense(2, "softmax")], name="head")
    inputs = Input((4,))
    first, second = inner(inputs)
    third, _ = inner(second)
    return Model(inputs, [head(first), head(third)]), [X]


def named():
    inputs = Input((4,))
    return Model({"in": inputs}, {"one": Dense(1)(inputs), "two": Dense(2)(inputs)}), [X]


DRAWN = {each.__name__: each for each in (chain, two_by_two, shared, lists, nested, named)}
ALL = {**DRAWN, "row": row}


def assert_same(model, again, x):
    again.set_weights(model.get_weights())
    x = {"in": X} if model.output_names == ("one", "two") else x
    before, after = model.predict(x), again.predict(x)
    if isinstance(before, dict):
        assert list(before) == list(after)
        before, after = list(before.values()), list(after.values())
    assert np.all([np.array_equal(*pair) for pair in zip(before, after, strict=True)])
    assert again.output_names == model.output_names
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]


@pytest.mark.parametrize("name", ALL)
def test_from_config_makes_it_again(name):
    """The same names, layers, connections and sharing; the weights are new ones."""
    model, x = ALL[name]()
    config = model.get_config()
    again = type(model).from_config(config, custom_objects={"Parts": Parts})

    assert again.name == model.name
    assert again.get_config() == config
    assert not np.array_equal(again.get_weights()[-2], model.get_weights()[-2])
    assert_same(model, again, x)


@pytest.mark.parametrize("name", ALL)
def test_json_makes_it_again(name):
    """The same by way of a text, which says the class too."""
    model, x = ALL[name]()
    text = model.to_json(indent=1)
    again = model_from_json(text, {"Parts": Parts})

    assert json.loads(text)["class_name"] == ("Sequential" if name == "row" else "Model")
    assert again.to_json(indent=1) == text
    assert_same(model, again, x)


@pytest.mark.parametrize("name", ALL)
def test_a_file_makes_it_again(name, tmp_path):
    """A saved model comes back with the same architecture, and with its weights."""
    model, x = ALL[name]()
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    again = load_model(tmp_path / "model.h5", {"Parts": Parts})

    assert all(map(np.array_equal, model.get_weights(), again.get_weights()))
    assert_same(model, again, x)


def test_config_is_that_of_keras_2():
    """Layers with their calls, inputs and outputs, as Keras 2 writes them."""
    config = two_by_two()[0].get_config()
    calls = {layer["name"]: layer["inbound_nodes"] for layer in config["layers"]}

    assert list(config) == ["name", "layers", "input_layers", "output_layers"]
    assert config["input_layers"] == [["tokens", 0, 0], ["numbers", 0, 0]]
    assert config["output_layers"] == [["cls", 0, 0], ["reg", 0, 0]]
    assert calls["tokens"] == []
    assert calls["concatenate_1"] == [[["flatten_1", 0, 0, {}], ["dense_1", 0, 0, {}]]]


def test_config_of_shared_layers_counts_their_calls():
    """Each call is an entry of its own; the second is told from the first by its number."""
    config = shared()[0].get_config()
    layer = next(layer for layer in config["layers"] if layer["name"] == "shared")

    assert sorted(layer["inbound_nodes"]) == [
        [["input_1", 0, 0, {}]],
        [["input_2", 0, 0, {}]],
        [["shared", layer["inbound_nodes"].index([["input_1", 0, 0, {}]]), 0, {}]],
    ]


def test_config_is_no_part_of_the_model():
    """What is done to it leaves the model alone."""
    model = chain()[0]
    config = model.get_config()
    config["layers"].clear()

    assert len(model.get_config()["layers"]) == 3


def test_an_open_sequential():
    """One that has not seen data yet comes back as open as it was."""
    again = Sequential.from_config(Sequential([Dense(3), Dense(2)]).get_config())

    assert not again.built
    assert again.predict(X).shape == (6, 2)


def test_a_subclass_says_it_itself():
    """A class of one's own returns its arguments, and is made from them."""

    class Mine(Model):
        def __init__(self, units):
            super().__init__()
            self.units, self.dense = units, Dense(units)

        def forward(self, x):
            return self.dense(x)

        def get_config(self):
            return {"units": self.units}

    assert Mine.from_config(Mine(3).get_config()).units == 3


class Undescribed(nn.Module):
    def forward(self, x):
        return x


@pytest.mark.parametrize(
    "model",
    [
        Model(nn.Linear(4, 2)),
        Sequential([Dense(2, input_dim=4), Undescribed()]),
    ],
    ids=["wrapped", "unknown module"],
)
@pytest.mark.parametrize("ask", [Model.get_config, Model.to_json])
def test_what_cannot_be_described(model, ask):
    """A model that Keras has no words for says so, and what to do instead."""
    with pytest.raises(StateError, match="cannot be described.*save_weights"):
        ask(model)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[1]", "describes no model"),
        ('{"layers": []}', "describes no model"),
        ('{"class_name": "Model", "config": {}}', "no|not"),
        ('{"class_name": "Forest", "config": {}}', "'Forest'"),
    ],
)
def test_texts_that_are_no_model(text, said):
    """They are refused, saying why."""
    with pytest.raises(ArgumentError, match=said):
        model_from_json(text)


def test_a_layer_that_is_not_known():
    """It is named, with the argument that makes it known."""
    with pytest.raises(ArgumentError, match="'Parts'.*custom_objects"):
        Model.from_config(lists()[0].get_config())


def test_a_config_that_misses_a_layer():
    """What cannot be called is named."""
    config = chain()[0].get_config()
    del config["layers"][1]

    with pytest.raises(ArgumentError, match="dense_1 cannot be called"):
        Model.from_config(config)


def test_drawing_again_costs_no_weights():
    """The first outputs of the new model do not depend on what was drawn before."""
    model = chain()[0]
    config = model.get_config()
    torch.manual_seed(3)
    one = Model.from_config(config).get_weights()
    torch.manual_seed(3)
    other = Model.from_config(config).get_weights()

    assert all(map(np.array_equal, one, other))
