"""An optimizer's own weights as Keras 2 stores them."""

from __future__ import annotations

import re

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from backbeat import optimizers
from backbeat.errors import DataError
from tests.optimizers.stored import DATA, Stored

ALL = [
    optimizers.SGD(0.1), optimizers.SGD(0.1, 0.9), optimizers.SGD(0.1, 0.9, decay=0.5),
    optimizers.RMSprop(0.1), optimizers.Adam(0.1), optimizers.Adam(0.1, amsgrad=True),
    optimizers.Adagrad(0.1), optimizers.Adadelta(), optimizers.Adamax(0.1, decay=0.5),
    optimizers.Nadam(0.1), optimizers.AdamW(0.1), optimizers.AdamW(0.1, amsgrad=True),
    optimizers.TorchOptimizer(torch.optim.AdamW, lr=0.1),
    optimizers.TorchOptimizer(torch.optim.SGD, lr=0.1, momentum=0.5),
    optimizers.TorchOptimizer(torch.optim.Adagrad, lr=0.1),
]  # fmt: skip


def model() -> list[nn.Parameter]:
    torch.manual_seed(5)
    return [nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(3))]


def train(optimizer: optimizers.Optimizer, bound: list[nn.Parameter], steps: int) -> None:
    for _ in range(steps):
        for number, parameter in enumerate(bound):
            parameter.grad = parameter.detach() * (number + 1)
        optimizer.step()


def stored(bound: list[nn.Parameter]) -> list[Stored]:
    return [*map(Stored, bound), Stored(torch.zeros(7), trainable=False)]


@pytest.mark.parametrize("made", ALL, ids=repr)
def test_state_goes_on_where_it_was(made: optimizers.Optimizer) -> None:
    """Saved and loaded midway, the run continues as if nothing had happened."""
    straight, again = model(), model()
    optimizer = optimizers.get(optimizers.serialize(made))
    other = optimizers.get(optimizers.serialize(made))
    optimizer.bind(straight)
    train(optimizer, straight, 3)
    with torch.no_grad():
        for to, source in zip(again, straight, strict=True):
            to.copy_(source)

    other.bind(again)
    other.load_state_arrays(stored(again), optimizer.state_arrays(stored(straight)))
    train(optimizer, straight, 3)
    train(other, again, 3)

    assert other.iterations == 6
    for a, b in zip(straight, again, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-6)


def test_names_order_and_orientation() -> None:
    """All m, then all v, then the vhat that Keras keeps a single 0 for."""
    optimizer = optimizers.Adam()
    bound = model()
    optimizer.bind(bound)
    train(optimizer, bound, 2)
    arrays = optimizer.state_arrays(stored(bound))

    assert [(name, array.shape) for name, array in arrays.items()] == [
        ("Adam/iterations:0", ()),
        ("training/Adam/m_0_1:0", (3, 2)),
        ("training/Adam/m_1_1:0", (3,)),
        ("training/Adam/v_0_1:0", (3, 2)),
        ("training/Adam/v_1_1:0", (3,)),
        ("training/Adam/vhat_0_1:0", (1,)),
        ("training/Adam/vhat_1_1:0", (1,)),
    ]
    assert arrays["Adam/iterations:0"].dtype == np.int64
    assert int(arrays["Adam/iterations:0"]) == 2


def test_velocity_is_that_of_keras() -> None:
    """The stored moment is -lr times torch's buffer, and survives a rate of 0."""
    optimizer = optimizers.SGD(0.5, 0.9)
    weight = nn.Parameter(torch.zeros(2))
    optimizer.bind([weight])
    weight.grad = torch.tensor([1.0, -2.0])
    optimizer.step()
    assert optimizer.state_arrays([Stored(weight)])["training/SGD/moment_0_1:0"].tolist() == [
        -0.5, 1.0
    ]  # fmt: skip

    optimizer.lr = 0.0
    optimizer.step()
    held = optimizer.state_arrays([Stored(weight)])["training/SGD/moment_0_1:0"]
    np.testing.assert_allclose(held, [-0.45, 0.9], rtol=1e-6)


RECORDED = ["sequential_mlp", *sorted(path.stem for path in DATA.glob("optimizer_*.h5"))]


@pytest.mark.parametrize("file", RECORDED)
def test_state_that_keras_wrote(file: str) -> None:
    """Names and shapes of Keras 2.3.1's own file are ours, and its arrays come back unchanged."""
    with h5py.File(DATA / f"{file}.h5") as held:
        group = held["optimizer_weights"]
        recorded = {n.decode(): group[n][()] for n in group.attrs["weight_names"]}
    class_name = next(iter(recorded)).split("/")[0]
    first = [
        array for name, array in recorded.items() if re.search(r"/(m|accumulator)_\d", name)
    ]  # fmt: skip
    bound = [nn.Parameter(torch.zeros(array.T.shape)) for array in first]
    optimizer = optimizers.get(class_name)
    optimizer.bind(bound)
    weights = list(map(Stored, bound))

    optimizer.load_state_arrays(weights, list(recorded.values()))
    arrays = optimizer.state_arrays(weights)

    assert list(arrays) == list(recorded)
    assert optimizer.iterations == int(next(iter(recorded.values())))
    for name, array in recorded.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_state_that_does_not_fit_changes_nothing() -> None:
    """Counts and shapes are checked before anything is written."""
    optimizer = optimizers.RMSprop()
    bound = model()
    optimizer.bind(bound)
    train(optimizer, bound, 2)
    before = optimizer.state_arrays(stored(bound))
    arrays = list(before.values())

    with pytest.raises(DataError, match="holds 2 arrays, but this model needs 3"):
        optimizer.load_state_arrays(stored(bound), arrays[:2])
    with pytest.raises(DataError, match=r"accumulator_1_1:0 was saved with shape \(4,\)"):
        optimizer.load_state_arrays(stored(bound), [arrays[0] + 1, arrays[1] * 0, np.zeros(4)])

    after = optimizer.state_arrays(stored(bound))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_state_of_torch_needs_names() -> None:
    """Positions alone do not say what an accumulator of torch's is."""
    optimizer = optimizers.get(torch.optim.Adagrad)
    optimizer.bind(model())

    with pytest.raises(DataError, match="loaded by name: give a dict"):
        optimizer.load_state_arrays([], [np.asarray(1)])


@pytest.mark.parametrize(("made", "slots"), [(optimizers.Adam(), 2), (optimizers.SGD(), 0)])
def test_slots_that_nothing_reads_may_be_missing(made: optimizers.Optimizer, slots: int) -> None:
    """Keras 3 keeps no vhat without amsgrad, and no velocity without momentum."""
    optimizer = optimizers.get(optimizers.serialize(made))
    bound = model()
    optimizer.bind(bound)
    train(optimizer, bound, 2)
    arrays = list(optimizer.state_arrays(stored(bound)).values())[: 1 + slots * len(bound)]
    other = optimizers.get(optimizers.serialize(made))
    other.bind(bound)

    other.load_state_arrays(stored(bound), arrays)

    after = list(other.state_arrays(stored(bound)).values())
    assert all(np.array_equal(a, b) for a, b in zip(arrays, after, strict=False))
    assert other.iterations == 2
