"""Targets of every dtype and shape: brought into line, or refused with both shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backbeat import losses, metrics
from backbeat.errors import DataError

PLAIN = ["mse", "mae", "mape", "msle", "logcosh", "huber", "poisson", "hinge",
         "binary_crossentropy"]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_column_of_targets_may_be_flat(name: str) -> None:
    """(n,) against (n, 1) means (n, 1), as Keras 2 makes it; never an (n, n) broadcast."""
    target, output = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([[0.2], [0.7], [0.1]])
    loss = losses.get(name)

    assert torch.equal(loss(target, output), loss(target[:, None], output))
    assert torch.equal(loss.mean(target, output), loss.mean(target[:, None], output))


@pytest.mark.parametrize("name", [*PLAIN, "categorical_crossentropy", "kld", "cosine"])
@pytest.mark.parametrize(
    ("target", "output"), [((4, 1), (4, 3)), ((4, 3), (4, 2)), ((3, 2), (4, 2)), ((4, 1), (4,))]
)
def test_other_mismatches_name_both_shapes(
    name: str, target: tuple[int, ...], output: tuple[int, ...]
) -> None:
    """Everything that torch would broadcast, or fail at obscurely, is refused."""
    loss = losses.get(name)

    for call in (loss, loss.mean):
        with pytest.raises(DataError) as error:
            call(torch.zeros(target), torch.zeros(output))
        assert str(tuple(output)) in str(error.value)


def test_message_of_a_mismatch() -> None:
    """What was given, what fits."""
    with pytest.raises(DataError) as error:
        losses.get("mse")(torch.zeros(8, 1), torch.zeros(8, 3))

    assert str(error.value) == (
        "y_true has shape (8, 1) but y_pred has shape (8, 3): they must be equal. "
        "A y_true of shape (n,) also fits a y_pred of shape (n, 1)."
    )


def test_class_numbers_for_one_hot_loss_teach() -> None:
    """The most common mistake is answered with the way out."""
    with pytest.raises(DataError, match="use 'sparse_categorical_crossentropy' or utils"):
        losses.get("categorical_crossentropy")(torch.tensor([0, 1]), torch.rand(2, 3))
    with pytest.raises(DataError) as caught:
        losses.get("sparse_categorical_crossentropy")(torch.rand(2, 3), torch.rand(2, 3))
    assert str(caught.value) == (
        "y_true has shape (2, 3), but sparse labels are class numbers: of shape (2,) or (2, 1) for "
        "a y_pred of shape (2, 3). For one-hot labels use the loss or metric without 'sparse_' in "
        "its name."
    )
    with pytest.raises(DataError, match="use 'binary_crossentropy' after a sigmoid"):
        losses.get("categorical_crossentropy")(torch.rand(2, 1), torch.rand(2, 1))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float64, torch.half])
@pytest.mark.parametrize(
    "name", ["mse", "binary_crossentropy", "categorical_crossentropy", "categorical_hinge"]
)
def test_dtype_of_the_targets_does_not_matter(name: str, dtype: torch.dtype) -> None:
    """Integers, booleans and other floats give what float32 targets give."""
    target, output = torch.eye(3), torch.rand(3, 3)
    loss = losses.get(name)

    assert torch.equal(loss(target.to(dtype), output), loss(target, output))
    assert loss(target.to(dtype), output).dtype is torch.float32


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_sparse_labels_of_any_dtype_and_shape(dtype: torch.dtype, shape: Any) -> None:
    """(batch,) or (batch, 1), whole numbers in whatever dtype."""
    output = torch.rand(3, 4)
    loss = losses.get("sparse_categorical_crossentropy")
    expected = -(output / output.sum(-1, keepdim=True))[range(3), [2, 0, 3]].log()

    values = loss(torch.tensor([2, 0, 3]).to(dtype).reshape(shape), output)

    torch.testing.assert_close(values, expected)


@pytest.mark.parametrize("label", [4, -1, -100])
def test_class_that_does_not_exist(label: int) -> None:
    """No label is skipped silently, and the error names the range."""
    for loss in (losses.get("sparse_categorical_crossentropy"), on_logits_sparse()):
        with pytest.raises(DataError, match="has 4 classes: they must lie between 0 and 3"):
            loss.mean(torch.tensor([0, label]), torch.rand(2, 4))


@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "sparse_categorical_accuracy"])
def test_class_with_a_fraction(name: str) -> None:
    """Half a class is nobody's label: it would be cut off, and the model learn something else."""
    function = metrics.get(name).update if "accuracy" in name else losses.get(name).mean

    with pytest.raises(DataError) as error:
        function(torch.tensor([0.0, 1.5, 2.5]), torch.rand(3, 4))

    assert str(error.value) == (
        "the class numbers in y_true must be whole; one of them is 1.5. Number the classes from "
        "0, for instance by classes, y = np.unique(y, return_inverse=True); to predict such values "
        "as they are, use a loss such as 'mse'."
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", sorted(set(losses.functions)))
def test_bad_numbers_never_raise(name: str, bad: float) -> None:
    """NaN and infinity in labels make that sample's loss, and the mean, non-finite."""
    target, output = torch.eye(3), torch.rand(3, 3)
    if name.startswith("sparse"):
        target = torch.tensor([0.0, 1.0, 2.0])
    target[1] = bad
    loss = losses.get(name)

    values, mean = loss(target, output), loss.mean(target, output)

    assert torch.isfinite(values[[0, 2]]).all()
    assert torch.isfinite(mean) == torch.isfinite(values[1])
    # An infinity ends finite in a hinge satisfied beyond all measure, and where labels are clipped.
    assert not torch.isfinite(values[1]) or (bad == float("inf") and name in SWALLOW_INFINITY)


SWALLOW_INFINITY = {
    "hinge", "squared_hinge", "categorical_hinge",
    "kld", "KLD", "kl_divergence", "kullback_leibler_divergence",
}  # fmt: skip


def on_logits_sparse() -> losses.LossFunction:
    twin = losses.on_logits("sparse_categorical_crossentropy", "softmax")
    assert twin is not None
    return twin


@pytest.mark.parametrize("name", sorted(set(losses.functions)))
def test_half_precision_outputs(name: str) -> None:
    """bfloat16 predictions are measured in float32: finite even where they are exactly 0 or 1."""
    target = torch.tensor([1, 0]) if name.startswith("sparse") else torch.eye(2)
    output = torch.tensor([[1.0, 0.0], [0.25, 0.75]], dtype=torch.bfloat16, requires_grad=True)

    values = losses.get(name)(target, output)
    values.sum().backward()

    assert values.dtype is torch.float32
    assert torch.isfinite(values).all()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "logcosh", "msle"])
def test_flat_predictions(name: str) -> None:
    """A torch module that gives (n,) is one value per sample already."""
    target, output = torch.rand(5), torch.rand(5)

    assert losses.get(name)(target, output).shape == (5,)
