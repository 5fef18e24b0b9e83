"""`loss`, `loss_weights`, `metrics` and labels of models with several outputs."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from backbeat.callbacks import EarlyStopping
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, StateError
from backbeat.layers import Concatenate, Dense, Input
from backbeat.models import Model
from backbeat.models.outputs import lists_per_output, names_told_by, per_output

random = np.random.default_rng(0)
A, B = random.normal(size=(2, 20, 4)).astype("float32")
CLASSES = np.eye(3, dtype="float32")[random.integers(0, 3, 20)]
NUMBERS = random.normal(size=(20, 1)).astype("float32")
BOTH = [CLASSES, NUMBERS]
WEIGHTS = random.uniform(1, 2, 20).astype("float32")


def drawn():
    left, right = Input((4,), name="a"), Input((4,), name="b")
    both = Concatenate()([left, right])
    heads = [Dense(3, "softmax", name="kind")(both), Dense(1, name="amount")(both)]
    return Model([left, right], heads)


def compiled(*args, **settings):
    model = drawn()
    model.compile("sgd", *args, **settings)
    return model


def values_of(model, y=BOTH, **more):
    values = model.evaluate([A, B], y, verbose=0, **more)
    return dict(zip(model.metrics_names, values, strict=True))


def by_hand(model):
    kind, amount = (output.astype("float64") for output in model.predict([A, B]))
    return {
        "crossentropy": -(CLASSES * np.log(kind)).sum(1),
        "mse": np.square(amount - NUMBERS).mean(1),
        "mae": np.abs(amount - NUMBERS).mean(1),
        "acc": (kind.argmax(1) == CLASSES.argmax(1)).astype(float),
    }


LOSSES = ["categorical_crossentropy", "mse"]


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": LOSSES, "loss_weights": [1.0, 0.5], "metrics": [["acc"], ["mae", "mse"]]},
        {"loss": LOSSES, "loss_weights": (1, 0.5), "metrics": ["acc", ["mae", "mse"]]},
        {
            "loss": {"amount": "mse", "kind": "categorical_crossentropy"},
            "loss_weights": {"amount": 0.5},
            "metrics": {"amount": ["mae", "mse"], "kind": "acc"},
        },
    ],
    ids=["lists", "mixed", "dicts"],
)
def test_given_by_position_or_by_name(settings):
    """Lists follow the outputs, dicts name them: the same values, under Keras' names."""
    model = compiled(**settings)
    values, expected = values_of(model), by_hand(model)

    assert model.metrics_names == [
        "loss",
        "kind_loss",
        "amount_loss",
        "kind_acc",
        "amount_mae",
        "amount_mse",
    ]
    means = {name: array.mean() for name, array in expected.items()}
    assert list(values.values()) == pytest.approx(
        [
            means["crossentropy"] + 0.5 * means["mse"],
            means["crossentropy"],
            means["mse"],
            means["acc"],
            means["mae"],
            means["mse"],
        ],
        rel=1e-5,
    )


def test_one_for_all():
    """A single loss and a flat list of metrics count for every output."""
    model = compiled("mse", metrics=["mae"])

    assert model.metrics_names == ["loss", "kind_loss", "amount_loss", "kind_mae", "amount_mae"]
    values = values_of(model)
    assert values["loss"] == pytest.approx(values["kind_loss"] + values["amount_loss"])


@pytest.mark.parametrize(
    "y",
    [
        BOTH,
        tuple(BOTH),
        {"amount": NUMBERS, "kind": CLASSES},
        {"amount": NUMBERS, "kind": CLASSES, "more": NUMBERS},
    ],
    ids=["list", "tuple", "dict", "dict with more"],
)
def test_labels_by_position_or_by_name(y):
    """The labels likewise."""
    model = compiled(LOSSES)

    assert values_of(model, y) == values_of(model)


@pytest.mark.parametrize("loss", [["categorical_crossentropy", None], {"kind": LOSSES[0]}])
@pytest.mark.parametrize("y", [BOTH, CLASSES, {"kind": CLASSES}], ids=["both", "one", "named"])
def test_an_output_without_a_loss(loss, y):
    """It is predicted and not trained; nobody needs its labels."""
    model = compiled(loss)
    kept = model.get_layer("amount").get_weights()
    model.fit([A, B], y, verbose=0)
    changed = model.get_layer("kind").get_weights()

    assert all(map(np.array_equal, kept, model.get_layer("amount").get_weights()))
    assert not np.array_equal(changed[1], np.zeros(3))
    assert model.metrics_names == ["loss", "kind_loss"]
    values = values_of(model, y)
    assert values["loss"] == pytest.approx(by_hand(model)["crossentropy"].mean(), rel=1e-5)
    assert [output.shape for output in model.predict([A, B])] == [(20, 3), (20, 1)]


def test_an_output_that_is_only_measured():
    """Metrics without a loss need labels, and add nothing to the loss."""
    model = compiled({"kind": LOSSES[0]}, metrics={"amount": "mae"})
    values, expected = values_of(model), by_hand(model)

    assert list(values) == ["loss", "kind_loss", "amount_mae"]
    assert values["loss"] == pytest.approx(expected["crossentropy"].mean(), rel=1e-5)
    assert values["amount_mae"] == pytest.approx(expected["mae"].mean(), rel=1e-5)


@pytest.mark.parametrize(
    "weights",
    [[WEIGHTS, None], {"kind": WEIGHTS}, [WEIGHTS, np.ones(20, "float32")]],
    ids=["list", "dict", "ones"],
)
def test_sample_weights_per_output(weights):
    """Each output has its own; the losses are weighted, plain metrics are not."""
    model = compiled(LOSSES, metrics={"kind": "acc"})
    values, expected = values_of(model, sample_weight=weights), by_hand(model)

    weighted = (WEIGHTS * expected["crossentropy"]).mean()
    assert values["kind_loss"] == pytest.approx(weighted, rel=1e-5)
    assert values["amount_loss"] == pytest.approx(expected["mse"].mean(), rel=1e-5)
    assert values["kind_acc"] == pytest.approx(expected["acc"].mean(), rel=1e-5)


def test_one_sample_weight_for_all_outputs():
    """A single array weighs every output, and weighted metrics by their sum."""
    model = compiled(LOSSES, weighted_metrics={"amount": ["mae"]})
    values, expected = values_of(model, sample_weight=WEIGHTS), by_hand(model)

    assert values["amount_loss"] == pytest.approx((WEIGHTS * expected["mse"]).mean(), rel=1e-5)
    mean = (WEIGHTS * expected["mae"]).sum() / WEIGHTS.sum()
    assert values["amount_mae"] == pytest.approx(mean, rel=1e-5)


def test_logs_of_fit():
    """The epoch logs carry every name, and again with `val_`; a callback can watch any of them."""
    model = compiled(LOSSES, metrics={"kind": ["acc"]})
    data = [
        ({"a": a, "b": b}, {"kind": kind, "amount": amount})
        for a, b, kind, amount in zip(A, B, *BOTH, strict=True)
    ]
    stop = EarlyStopping("val_kind_acc", patience=99, strict=True)
    history = model.fit(
        DataLoader(data, batch_size=8),
        epochs=2,
        verbose=0,
        validation_data=DataLoader(data, batch_size=20),
        callbacks=[stop],
    )

    names = model.metrics_names
    assert set(history.history) == {*names, *(f"val_{name}" for name in names)}
    assert stop.best == max(history.history["val_kind_acc"])
    last = {name: history.history[f"val_{name}"][-1] for name in names}
    assert last == pytest.approx(values_of(model), rel=1e-5)


def test_running_mean_over_uneven_batches():
    """Batches of 8, 8 and 4: each value of the epoch is the mean over the samples."""
    one, other = (compiled(LOSSES, metrics={"kind": ["acc"]}) for _ in range(2))
    other.set_weights(one.get_weights())
    in_batches = other.evaluate([A, B], BOTH, batch_size=8, verbose=0)

    assert in_batches == pytest.approx(one.evaluate([A, B], BOTH, verbose=0), rel=1e-5)


def test_a_torch_module_with_several_outputs():
    """Outputs that have no names of their own get those that `loss` speaks of."""

    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(4, 3), nn.Linear(4, 1)

        def forward(self, x):
            return self.one(x), self.two(x)

    losses = [nn.CrossEntropyLoss(), nn.MSELoss()]
    model = Model(Heads())
    model.compile("sgd", losses)
    assert model.metrics_names == ["loss", "output_1_loss", "output_2_loss"]
    model.compile("sgd", {"kind": losses[0], "amount": losses[1]}, metrics={"amount": ["mae"]})
    history = model.fit(A, BOTH, verbose=0).history

    assert set(history) == {"loss", "kind_loss", "amount_loss", "amount_mae"}


# What teaches


@pytest.mark.parametrize("argument", ["loss", "metrics", "loss_weights", "weighted_metrics"])
def test_wrong_names(argument):
    """A name that no output has is answered with the nearest one."""
    settings = {"loss": "mse", argument: {"knid": 1.0 if argument == "loss_weights" else "mse"}}
    with pytest.raises(ArgumentError, match=f"{argument} .*'knid'.*kind, amount.*mean 'kind'"):
        compiled(**settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": ["mse"]}, "loss has 1 entries.*2 outputs"),
        ({"loss": "mse", "loss_weights": [1, 2, 3]}, "loss_weights has 3"),
        ({"loss": "mse", "metrics": [["acc"], [], []]}, "metrics has 3"),
        ({"loss": "mse", "loss_weights": "1"}, "loss_weights holds '1'"),
    ],
)
def test_wrong_lengths(settings, said):
    """Lists have an entry for each output."""
    with pytest.raises((ArgumentError, ArgumentTypeError), match=said):
        compiled(**settings)


@pytest.mark.parametrize(
    ("y", "weights", "said"),
    [
        (CLASSES, None, "2 outputs \\(kind, amount\\), but the data 1 labels"),
        (None, None, "2 outputs \\(kind, amount\\), but the data 0 labels"),
        ([*BOTH, NUMBERS], None, "3 labels"),
        ({"kind": CLASSES, "amuont": NUMBERS}, None, "amount are missing .*kind, amuont"),
        (BOTH, {"knid": WEIGHTS}, "given for knid.*kind, amount"),
        (BOTH, [WEIGHTS], "1 sample weights"),
    ],
)
def test_data_that_do_not_fit(y, weights, said):
    """Labels and weights that are too few, too many or misnamed: the outputs are listed."""
    with pytest.raises(DataError, match=said):
        compiled(LOSSES).fit([A, B], y, sample_weight=weights, verbose=0)


def test_no_loss_at_all():
    """Outputs without any loss cannot be trained."""
    with pytest.raises(StateError, match="compiled without a loss"):
        compiled().fit([A, B], BOTH, verbose=0)


# The parts


def test_per_output():
    """A dict, a list, or one for all; what a dict leaves out is None."""
    assert per_output("loss", {"b": 1}, ["a", "b"]) == [None, 1]
    assert per_output("loss", (1, 2), ["a", "b"]) == [1, 2]
    assert per_output("loss", "mse", ["a", "b"]) == ["mse", "mse"]


def test_lists_per_output():
    """The same for arguments that are lists themselves."""
    assert lists_per_output("metrics", None, ["a", "b"]) == [[], []]
    assert lists_per_output("metrics", ["x"], ["a", "b"]) == [["x"], ["x"]]
    assert lists_per_output("metrics", [["x"], None], ["a", "b"]) == [["x"], []]
    assert lists_per_output("metrics", {"b": "x"}, ["a", "b"]) == [[], ["x"]]
    assert lists_per_output("metrics", "x", ["a"]) == [["x"]]
    with pytest.raises(ArgumentTypeError, match="metrics is 3"):
        lists_per_output("metrics", 3, ["a"])


def test_names_told_by():
    """Outputs without names are called as `loss` does, or numbered."""
    assert names_told_by({"x": "mse", "y": "mse"}) == ("x", "y")
    assert names_told_by(["mse", "mse"]) == ("output_1", "output_2")
    assert names_told_by(torch.nn.MSELoss()) == ("output",)
    for nothing in ([], (), {}):
        with pytest.raises(ArgumentError, match="which names no loss; pass one, such as 'mse'"):
            names_told_by(nothing)
