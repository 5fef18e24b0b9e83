"""`losses.get`: names, our objects, torch's modules and functions, and yours."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from backbeat import losses, metrics
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mse", "mean_squared_error"), ("MSE", "mean_squared_error"),
        ("mae", "mean_absolute_error"), ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"), ("kld", "kullback_leibler_divergence"),
        ("cosine", "cosine_proximity"), ("bce", "binary_crossentropy"),
        ("MeanSquaredError", "mean_squared_error"), ("huber", "huber_loss"),
    ],
)  # fmt: skip
def test_names(alias: str, name: str) -> None:
    """Aliases and class names mean the same function."""
    assert losses.get(alias).name == name


def test_misses_teach() -> None:
    """A wrong name offers the nearest, a wrong kind says what fits."""
    with pytest.raises(UnknownNameError, match="did you mean 'binary_crossentropy'"):
        losses.get("binary_crosentropy")
    with pytest.raises(ArgumentTypeError, match="loss=3 is a int: give a name such as 'mse'"):
        losses.get(3)
    with pytest.raises(ArgumentTypeError, match="loss=None is a NoneType"):
        losses.get(None)
    with pytest.raises(ArgumentError, match="reduction='sum' does not fit"):
        losses.MeanSquaredError(reduction="sum")
    with pytest.raises(ArgumentError, match=r"label_smoothing=1\.5 does not fit"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)
    with pytest.raises(ArgumentError, match="label_smoothing=None does not fit: give a number"):
        losses.BinaryCrossentropy(label_smoothing=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "y_true", "y_pred"),
    [
        (nn.MSELoss(), torch.tensor([1, 0, 1]), torch.rand(3, 1)),
        (nn.L1Loss(), torch.rand(3, 2).double(), torch.rand(3, 2)),
        (nn.CrossEntropyLoss(), torch.tensor([[1.0], [0.0], [2.0]]), torch.randn(3, 4)),
        (nn.CrossEntropyLoss(), torch.eye(4)[:3].double(), torch.randn(3, 4)),
        (nn.CrossEntropyLoss(), torch.tensor([[0, 1], [2, 3]]), torch.randn(2, 4, 2)),
        (nn.NLLLoss(), torch.tensor([1, 0, 2], dtype=torch.int32), torch.randn(3, 4)),
        (nn.BCEWithLogitsLoss(), torch.tensor([True, False, True]), torch.randn(3, 1)),
        (nn.KLDivLoss(reduction="batchmean"), torch.rand(3, 4), torch.rand(3, 4)),
    ],
)
def test_torch_modules(module: nn.Module, y_true: Any, y_pred: torch.Tensor) -> None:
    """Called in torch's order, with targets in the dtype and shape that torch wants."""
    loss = losses.get(module)

    values, mean = loss(y_true, y_pred), loss.mean(y_true, y_pred)

    assert values.shape == (len(y_pred),)
    torch.testing.assert_close(values.mean(), mean)
    assert module.reduction in ("mean", "batchmean")


def test_torch_order_is_input_target() -> None:
    """An asymmetric loss tells the difference."""
    target, output = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.3, 0.9]])

    assert losses.get(nn.BCELoss()).mean(target, output) == nn.BCELoss()(output, target)
    assert losses.get(F.binary_cross_entropy).mean(target, output) == nn.BCELoss()(output, target)


def test_class_weights_and_sum_are_kept() -> None:
    """The batch mean is what the module itself gives: weights, reduction and all."""
    target, output = torch.tensor([0, 1, 1]), torch.randn(3, 2)
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
    summed = nn.CrossEntropyLoss(reduction="sum")

    assert losses.get(weighted).mean(target, output) == weighted(output, target)
    assert losses.get(summed).mean(target, output) == summed(output, target)
    torch.testing.assert_close(losses.get(summed)(target, output).sum(), summed(output, target))


def test_twin_follows_the_module() -> None:
    """Moving or converting the user's module moves what is used for single samples."""
    module = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))
    loss = losses.get(module)
    module.double()

    assert loss(torch.tensor([0, 1]), torch.randn(2, 2).double()).dtype is torch.float64


def test_own_module_in_either_order() -> None:
    """A module of the user's is called in torch's order, unless its first argument is a target."""

    class TorchLike(nn.Module):
        def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return (2 * output - target).mean()

    class KerasLike(nn.Module):
        def forward(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
            return 2 * y_pred - y_true

    target, output = torch.tensor([1.0, 3.0]), torch.tensor([[5.0], [6.0]])

    assert losses.get(TorchLike())(target, output).tolist() == [9.0, 9.0]
    assert losses.get(KerasLike)(target, output).tolist() == [9.0, 9.0]


def test_functions_of_the_user() -> None:
    """Values per sample, per element, or a single one; (n,) never broadcasts against (n, 1)."""
    target, output = torch.tensor([0.0, 1.0]).double(), torch.tensor([[1.0], [3.0]])

    def squared(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred) ** 2

    assert losses.get(squared).name == "squared"
    assert losses.get(squared)(target, output).tolist() == [1.0, 4.0]
    assert losses.get(squared)(target, output).dtype is torch.float32
    assert losses.get(lambda t, p: squared(t, p).mean())(target, output).tolist() == [2.5, 2.5]
    with pytest.raises(DataError, match=r"gave shape \(3,\) for a batch of 2"):
        losses.get(lambda t, p: torch.zeros(3))(target, output)


def test_class_numbers_stay_integers_for_functions_of_the_user() -> None:
    """F.cross_entropy inside a function of the user's works."""
    loss = losses.get(lambda y_true, y_pred: F.cross_entropy(y_pred, y_true, reduction="none"))

    assert loss(torch.tensor([0, 1]), torch.randn(2, 3)).shape == (2,)


def test_subclass_with_call() -> None:
    """The base for losses of one's own, as an object and in `get`."""

    class Cubed(losses.Loss):
        def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
            return ((y_true - y_pred).abs() ** 3).mean(-1)

    target, output = torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [2.0]])

    assert Cubed()(target, output).item() == 4.5
    assert losses.get(Cubed)(target, output).tolist() == [1.0, 8.0]
    assert losses.get(Cubed()).name == "Cubed"


@pytest.mark.parametrize(
    "given",
    ["mse", losses.Huber(delta=2.0), losses.CategoricalCrossentropy(True, 0.1, name="mine")],
)
def test_serialize_and_get_are_inverse(given: Any) -> None:
    """A name stays that name; an object becomes its class and arguments."""
    described = losses.serialize(given)
    again = losses.get(described)

    assert losses.serialize(again) == described
    target, output = torch.eye(3), torch.randn(3, 3)
    assert torch.equal(again(target, output), losses.get(given)(target, output))


def test_serialize_of_functions_and_torch() -> None:
    """Functions become their name; so do modules of torch."""
    assert losses.serialize(losses.mean_squared_error) == "mean_squared_error"
    assert losses.serialize(nn.MSELoss()) == "MSELoss"


def test_weights_of_the_wrong_shape() -> None:
    """One number or one per sample."""
    with pytest.raises(ArgumentError, match=r"sample_weight has shape \(3,\)"):
        losses.MeanSquaredError()([[0.0], [1.0]], [[0.0], [1.0]], sample_weight=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("get", [losses.get, metrics.get])
def test_a_function_of_other_arguments(get: Any) -> None:
    """One that cannot be called as a loss or a metric is told when it is given."""

    def weighed(y_true: Any, y_pred: Any, weight: Any) -> Any: ...

    with pytest.raises(ArgumentTypeError) as caught:
        get(weighed)

    assert str(caught.value) == (
        "weighed is called with (y_true, y_pred), but takes (y_true: 'Any', y_pred: 'Any', "
        "weight: 'Any') -> 'Any'. Arguments come by position."
    )
