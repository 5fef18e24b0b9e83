"""Whole models to files and back: architecture, weights, compile settings, optimizer."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from backbeat import losses
from backbeat.errors import (
    ArgumentError,
    ArgumentTypeError,
    BackbeatWarning,
    CheckpointCorruptError,
    CheckpointError,
    StateError,
)
from backbeat.layers import Activation, Dense, Dropout, Embedding, Flatten, Layer
from backbeat.layers.naming import reset_names
from backbeat.models import Model, Sequential, load_model
from backbeat.optimizers import SGD, Adam, RMSprop

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(12, 8).astype("float32")
Y = np.eye(3, dtype="float32")[RANDOM.randint(0, 3, 12)]
TOKENS = RANDOM.randint(0, 10, (12, 4))


def mlp(
    optimizer: Any = "adam", loss: Any = "categorical_crossentropy", **compiled: Any
) -> Sequential:
    torch.manual_seed(1)
    model = Sequential(
        [
            Dense(6, activation="relu", input_dim=8),
            Dropout(0.25),
            nn.Linear(6, 5),
            nn.Tanh(),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, loss, **{"metrics": ["acc"], **compiled})
    return model


def trained(optimizer: Any = "adam", **compiled: Any) -> Sequential:
    model = mlp(optimizer, **compiled)
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    return model


class Net(Model):
    """A subclass, so there is no config of it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.scale = nn.Parameter(torch.ones(8))
        self.hidden, self.out = nn.Linear(8, 6), Dense(3, activation="softmax")
        self(torch.ones(1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x * self.scale)))


def wrapped() -> Model:
    torch.manual_seed(2)
    return Model(nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(dim=1)))


def weights(model: Model) -> list[np.ndarray]:
    return [tensor.detach().numpy().copy() for tensor in model.state_dict().values()]


def assert_same_weights(a: Model, b: Model) -> None:
    for one, other in zip(weights(a), weights(b), strict=True):
        assert np.array_equal(one, other)


# There and back


def test_a_compiled_model_comes_back(tmp_path: Path) -> None:
    """Names, weights, predictions, evaluation and compile settings are the same."""
    model = trained(RMSprop(0.003), weighted_metrics=["mae"], loss_weights=[2.0])
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")

    assert isinstance(loaded, Sequential)
    assert loaded.name == model.name
    assert loaded.get_layer(index=0).name == model.get_layer(index=0).name
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert loaded.metrics_names == model.metrics_names == ["loss", "acc", "mae"]
    assert isinstance(loaded.optimizer, RMSprop)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: [Embedding(10, 3, input_length=4), Flatten(), Dense(3)], TOKENS),
        (lambda: [nn.Embedding(10, 3), nn.Flatten(), nn.Linear(12, 3), nn.Softmax(dim=-1)], TOKENS),
        (lambda: [Sequential([Dense(5, input_dim=8), Dropout(0.5)]), Sequential([Dense(3)])], X),
        (lambda: [nn.Sequential(nn.Linear(8, 5), nn.ReLU()), nn.Linear(5, 3, bias=False)], X),
        (lambda: [nn.Linear(8, 3), nn.GELU(), nn.SiLU(), nn.ELU(), nn.SELU(), nn.Softplus()], X),
        (lambda: [nn.Linear(8, 3), nn.Softsign(), nn.Sigmoid(), nn.Identity(), nn.Dropout(0.1)], X),
        (lambda: [Dense(4), Activation("softmax"), Dense(3, use_bias=False)], X),
    ],
)
def test_architectures_come_back(tmp_path: Path, make: Callable[[], list[Any]], x: Any) -> None:
    """Our layers, torch's and models within models are rebuilt from the file alone."""
    model = Sequential(make())
    expected = model.predict(x)
    model.save(tmp_path / "m.hdf5")
    with pytest.warns(BackbeatWarning, match="call compile before fit"):
        loaded = load_model(tmp_path / "m.hdf5")

    assert np.array_equal(loaded.predict(x), expected)


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("make", [mlp, Net, wrapped])
def test_weights_come_back(tmp_path: Path, suffix: str, make: Callable[[], Model]) -> None:
    """Every way to make a model, in every format."""
    model, other = make(), make()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    model.save_weights(tmp_path / f"w{suffix}")
    other.load_weights(tmp_path / f"w{suffix}")

    assert_same_weights(other, model)


def test_whole_model_files_hold_weights(tmp_path: Path) -> None:
    """`load_weights` takes a file that `save` wrote."""
    model, other = trained(), mlp()
    model.save(tmp_path / "m.h5")
    other.load_weights(tmp_path / "m.h5")

    assert_same_weights(other, model)


def test_wrapped_names_have_no_prefix(tmp_path: Path) -> None:
    """The module that a model wraps can load the file by itself."""
    from safetensors.torch import load_file

    model = wrapped()
    model.save_weights(tmp_path / "w.safetensors")

    assert set(load_file(tmp_path / "w.safetensors")) == {
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
    }


def test_types_and_freezing_come_back(tmp_path: Path) -> None:
    """bfloat16 weights and frozen layers are so again."""
    model = Sequential([Dense(4, input_dim=8), nn.Linear(4, 3), Dense(2)]).bfloat16()
    model.get_layer(index=1).requires_grad_(False)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", compile=False)

    learns = [weight.requires_grad for weight in loaded.parameters()]
    assert learns == [True, True, False, False, True, True]
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True)
    )
    assert {weight.dtype for weight in loaded.parameters()} == {torch.bfloat16}


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    """What comes after is as reproducible as without the loading."""
    mlp().save(tmp_path / "m.h5")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_model(tmp_path / "m.h5")

    assert torch.equal(torch.rand(3), expected)


# Going on


TORCH = ["AdamW", "NAdam", "RAdam", "Adagrad", "Adadelta", "Adamax", "ASGD", "Rprop"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD(0.1),
        lambda: RMSprop(0.003),
        lambda: Adam(0.003),
        lambda: Adam(0.003, amsgrad=True, decay=1e-3),
        *(partial(partial, getattr(torch.optim, name), lr=0.003) for name in TORCH),
        lambda: partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    ],
)
@pytest.mark.parametrize("way", ["load_model", "load"])
def test_training_goes_on_exactly(tmp_path: Path, make: Callable[[], Any], way: str) -> None:
    """Save, load, one more batch: the same weights as without, to the last bit."""
    model = trained(make())
    model.save(tmp_path / "m.h5")
    if way == "load_model":
        loaded: Model = load_model(tmp_path / "m.h5")
    else:
        loaded = mlp(make())
        loaded.load(tmp_path / "m.h5")
    for each in (model, loaded):
        torch.manual_seed(3)
        each.train_on_batch(X, Y)

    assert_same_weights(loaded, model)
    assert loaded.optimizer.iterations == model.optimizer.iterations == 7  # type: ignore[union-attr]


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_goes_on(tmp_path: Path, nesterov: bool) -> None:
    """Keras' velocity is torch's buffer times the rate, so the last bit may differ."""
    model = trained(SGD(0.013, momentum=0.9, nesterov=nesterov))
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    for each in (model, loaded):
        torch.manual_seed(3)
        each.train_on_batch(X, Y)

    for one, other in zip(weights(loaded), weights(model), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("make", [Net, wrapped])
def test_load_restores_weights_and_optimizer(tmp_path: Path, make: Callable[[], Model]) -> None:
    """A model without a config goes on exactly with `load`, its changed rate included."""
    model, other = make(), make()
    for each in (model, other):
        each.compile(Adam(0.01), "categorical_crossentropy")
    model.fit(X, Y, epochs=2, verbose=0)
    model.learning_rate = 0.002
    model.save(tmp_path / "m.h5")
    other.load(tmp_path / "m.h5")
    for each in (model, other):
        each.train_on_batch(X, Y)

    assert other.learning_rate == 0.002
    assert_same_weights(other, model)


def test_optimizer_state_of_another(tmp_path: Path) -> None:
    """State that does not fit is left out with one warning; the weights are there."""
    model, other = trained("adam"), mlp(SGD(0.1, momentum=0.9))
    model.save(tmp_path / "m.h5")
    with pytest.warns(BackbeatWarning, match="starts afresh") as caught:
        other.load(tmp_path / "m.h5")

    assert len(caught) == 1
    assert_same_weights(other, model)
    assert other.learning_rate == 0.1


def test_several_groups_are_told(tmp_path: Path) -> None:
    """A rebuilt model has one group of parameters: one warning says so."""
    model = mlp()
    first, *rest = model.parameters()
    groups = [{"params": [first], "lr": 0.1}, {"params": rest, "lr": 0.01}]
    model.compile(torch.optim.AdamW(groups), "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.h5")
    with pytest.warns(BackbeatWarning, match=r"2 groups of parameters, of the rates \[0.1, 0.01\]"):
        load_model(tmp_path / "m.h5")


def test_optimizer_in_keras_2_order(tmp_path: Path) -> None:
    """After training the file holds iterations, then every m, then every v, then every vhat."""
    model = trained("adam")
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        group = file["optimizer_weights"]
        names = [name.decode() for name in group.attrs["weight_names"]]
        iterations, shapes = group[names[0]][()], [group[name].shape for name in names[1:7]]

    assert names[:2] == ["Adam/iterations:0", "training/Adam/m_0_1:0"]
    assert names[6:8] == ["training/Adam/m_5_1:0", "training/Adam/v_0_1:0"]
    assert len(names) == 1 + 3 * 6
    assert iterations == 6
    assert shapes == [(8, 6), (6,), (6, 5), (5,), (5, 3), (3,)]


def test_without_optimizer(tmp_path: Path) -> None:
    """`include_optimizer=False` leaves the compile settings out too, as in Keras."""
    model = trained()
    model.save(tmp_path / "m.h5", include_optimizer=False)
    with h5py.File(tmp_path / "m.h5") as file:
        found = set(file), set(file.attrs)

    assert found[0] == {"model_weights"}
    assert "training_config" not in found[1]


# Compile settings


@pytest.mark.parametrize(
    ("loss", "written"),
    [
        ("mse", "mean_squared_error"),
        ("kld", "kl_divergence"),
        (losses.mean_absolute_error, "mean_absolute_error"),
        ("huber_loss", "huber"),
    ],
)
def test_losses_have_full_names(tmp_path: Path, loss: Any, written: str) -> None:
    """As Keras 3 needs them."""
    mlp(loss=loss).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        config = json.loads(file.attrs["training_config"])

    assert config["loss"] == written


@pytest.mark.parametrize(
    "loss",
    [
        losses.CategoricalCrossentropy(label_smoothing=0.2),
        nn.CrossEntropyLoss(label_smoothing=0.2),
        nn.SmoothL1Loss(beta=0.3),
        nn.MSELoss,
        "logcosh",
    ],
)
def test_losses_come_back(tmp_path: Path, loss: Any) -> None:
    """Objects of ours and of torch's come back with their settings."""
    model = mlp(loss=loss)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")

    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def halved(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return ((y_true - y_pred) ** 2).mean(-1) / 2


def test_functions_of_your_own(tmp_path: Path) -> None:
    """They are named in the file, asked for when it is loaded, and taken from custom_objects."""
    model = mlp(loss=halved, metrics=["acc", halved])
    model.save(tmp_path / "m.h5")
    with pytest.raises(ArgumentError, match="'halved', 'halved'.*custom_objects.*compile=False"):
        load_model(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5", custom_objects={"halved": halved})

    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert np.array_equal(load_model(tmp_path / "m.h5", compile=False).predict(X), model.predict(X))


# Layers of your own


class Scale(Layer):
    def __init__(self, start: float = 1.0, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight("factor", (input_shape[-1],), "ones")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self.factor * self.start

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


class Forgetful(Scale):
    """Its config lacks an argument that it needs."""

    def __init__(self, needed: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.needed = needed


def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def test_custom_layers(tmp_path: Path) -> None:
    """Classes and activations of yours are found in custom_objects, and missed by name."""
    model = Sequential([Scale(3.0, input_dim=8), Dense(3, activation=twice)])
    model.save(tmp_path / "m.h5")
    own = {"Scale": Scale, "twice": twice}
    loaded = load_model(tmp_path / "m.h5", own, compile=False)

    assert np.array_equal(loaded.predict(X), model.predict(X))
    with pytest.raises(ArgumentError, match="class 'Scale'.*custom_objects={'Scale': YourClass}"):
        load_model(tmp_path / "m.h5")
    with pytest.raises(ArgumentError, match=r"Dense 'dense_1' cannot be rebuilt.*'twice'"):
        load_model(tmp_path / "m.h5", {"Scale": Scale})


def test_a_config_that_lacks_something(tmp_path: Path) -> None:
    """The error names the file, the layer and what is missing."""
    Sequential([Forgetful(3, input_dim=8)]).save(tmp_path / "m.h5")
    with pytest.raises(ArgumentError, match=r"m.h5: Forgetful 'forgetful_1'.*'needed'"):
        load_model(tmp_path / "m.h5", {"Forgetful": Forgetful}, compile=False)


def test_a_config_that_is_no_json(tmp_path: Path) -> None:
    """The model is saved all the same, without its architecture, and that is said."""
    model = Sequential([Scale(start=torch.tensor(1.0), input_dim=8)])  # type: ignore[arg-type]
    with pytest.warns(BackbeatWarning, match="without its architecture"):
        model.save(tmp_path / "m.h5")
    model.load(tmp_path / "m.h5")

    with pytest.raises(ArgumentError, match=r"use model.load\(path\)"):
        load_model(tmp_path / "m.h5")


# Without a config


@pytest.mark.parametrize(
    "make",
    [
        Net,
        wrapped,
        lambda: Sequential([nn.Linear(8, 3), nn.LeakyReLU()]),
        lambda: Sequential([nn.Embedding(10, 3, padding_idx=0), nn.Flatten()]),
        lambda: Sequential([nn.Linear(8, 3), nn.Flatten(0)]),
    ],
)
def test_models_without_a_config(tmp_path: Path, make: Callable[[], Model]) -> None:
    """Saving works; load_model says how to go on."""
    model = make()
    model.save(tmp_path / "m.h5")
    with pytest.raises(
        ArgumentError, match=r"Build the model as it was and use model.load\(path\)"
    ):
        load_model(tmp_path / "m.h5")
    other = make()
    other.load(tmp_path / "m.h5")

    assert_same_weights(other, model)


def test_shared_weights_have_no_config(tmp_path: Path) -> None:
    """Rebuilt from a config, the two layers would train apart from each other."""
    model = Sequential([nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)])
    model.get_layer(index=2).weight = model.get_layer(index=0).weight
    model.save(tmp_path / "m.h5")

    with pytest.raises(ArgumentError, match="model.load"):
        load_model(tmp_path / "m.h5")


def test_unbuilt_models(tmp_path: Path) -> None:
    """A model that has no weights yet says what to do, and writes nothing."""
    model = Sequential([Dense(3)])
    for act in (model.save, model.save_weights, model.load, model.load_weights):
        with pytest.raises(StateError, match="input_dim= or input_shape="):
            act(tmp_path / "m.h5")

    assert list(tmp_path.iterdir()) == []


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    """load_model on a file of weights says what it is."""
    model = mlp()
    model.save_weights(tmp_path / "w.h5")
    model.save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ArgumentError, match="holds no model_config.*save_weights"):
        load_model(tmp_path / "w.h5")
    with pytest.raises(ArgumentError, match="holds weights alone"):
        load_model(tmp_path / "w.safetensors")


def test_keras_archives_are_refused(tmp_path: Path) -> None:
    """`.keras` is refused with what to use instead, and no file is made."""
    with pytest.raises(ArgumentError, match=r"\.keras format belongs to Keras 3.*\.h5 or \.hdf5"):
        mlp().save(tmp_path / "m.keras")
    with pytest.raises(ArgumentError, match=r"\.keras format"):
        load_model(tmp_path / "m.keras")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "config",
    [
        "[]",
        "{",
        '{"class_name": "Sequential"}',
        '{"class_name": "Sequential", "config": {"layers": [{}]}}',
    ],
)
def test_a_config_that_makes_no_sense(tmp_path: Path, config: str) -> None:
    """An architecture that Keras would not have written is a damaged file."""
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = np.bytes_(config)
        file.create_group("model_weights").attrs["layer_names"] = np.array([], dtype="S1")
    with pytest.raises(CheckpointCorruptError, match="model_config"):
        load_model(tmp_path / "m.h5")


def test_a_flipped_byte_in_the_config(tmp_path: Path) -> None:
    """The architecture is covered by the digests as well."""
    path = tmp_path / "m.h5"
    mlp().save(path)
    data = path.read_bytes()
    at = data.index(b'"units": 6')
    path.write_bytes(data[:at] + b'"units": 7' + data[at + 10 :])

    with pytest.raises(CheckpointCorruptError, match="model_config"):
        load_model(path)


# Paths


@pytest.mark.parametrize(
    "name", ["ein Modell.h5", "모델.h5", "v1.2.h5", "UPPER.H5", "new/deep/m.h5"]
)
def test_names_of_files(tmp_path: Path, name: str) -> None:
    """Spaces, other alphabets, dots and missing directories; text and Path alike."""
    model = mlp()
    model.save(str(tmp_path / name))
    model.save(tmp_path / name)

    assert np.array_equal(load_model(str(tmp_path / name)).predict(X), model.predict(X))


@pytest.mark.parametrize("path", [None, 3, b"m.h5"])
def test_what_is_no_path(path: Any) -> None:
    """It is told as such by everything that takes a path."""
    model = mlp()
    for act in (model.save, model.save_weights, model.load_weights, model.load, load_model):
        with pytest.raises(ArgumentTypeError, match="a path is a str or a pathlib.Path"):
            act(path)


@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_overwrite(tmp_path: Path, method: str) -> None:
    """With overwrite=False an existing file is kept."""
    path = tmp_path / "m.h5"
    path.write_bytes(b"precious")
    with pytest.raises(CheckpointError, match="there already.*overwrite=True"):
        getattr(mlp(), method)(path, overwrite=False)

    assert path.read_bytes() == b"precious"
    getattr(mlp(), method)(path)
    assert path.read_bytes()[1:4] == b"HDF"


def test_saving_changes_nothing(tmp_path: Path) -> None:
    """Neither the weights, nor the random numbers, nor whether the model is in training mode."""
    model = trained()
    before, state = weights(model), torch.get_rng_state()
    model.train()
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "w.safetensors")

    assert all(np.array_equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    """Nothing in a file depends on the time or the process."""
    for name in ("a.h5", "b.h5"):
        reset_names()
        trained().save(tmp_path / name)

    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
