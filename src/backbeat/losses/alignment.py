"""Bringing targets into the shape and dtype of the predictions, or saying why they do not fit."""

from __future__ import annotations

import torch
from torch import Tensor

from backbeat.errors import DataError

__all__ = ["as_column", "class_indices", "match", "over_samples", "precise", "shapes_differ"]


def match(y_true: Tensor, y_pred: Tensor, advice: str = "") -> tuple[Tensor, Tensor]:
    """Both in one floating dtype and one shape; `y_true` (n,) becomes (n, 1) for `y_pred` (n, 1).

    Raises `DataError` for any other difference, which would broadcast silently.
    """
    y_pred = precise(y_pred)
    if y_true.shape != y_pred.shape:
        y_true = as_column(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise shapes_differ(y_true, y_pred, advice)
    if y_true.dtype is not y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    return y_true, y_pred


def precise(y_pred: Tensor) -> Tensor:
    """`y_pred` in float32 at least: a clip at 1e-7 means nothing in half precision."""
    return y_pred if y_pred.dtype in (torch.float32, torch.float64) else y_pred.float()


def as_column(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`y_true` (n,) as (n, 1) where `y_pred` is (n, 1); anything else as it is."""
    if y_true.ndim == 1 and y_pred.ndim == 2 and y_pred.shape[1] == 1:
        return y_true.unsqueeze(1)
    return y_true


def class_indices(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor | None]:
    """Labels of shape `y_pred.shape[:-1]` as int64, and what makes a non-finite label's loss NaN.

    `y_true` may have a last axis of length 1 more. The second value is None for integer labels,
    else 0 where the label is finite and NaN where it is not: to be added to the loss.

    Raises `DataError` for other shapes, and on a CPU for numbers with a fraction.
    """
    wanted = y_pred.shape[:-1]
    if y_true.shape != wanted:
        if y_true.shape != (*wanted, 1):
            raise DataError(
                f"y_true has shape {tuple(y_true.shape)}, but sparse labels are class numbers: of "
                f"shape {tuple(wanted)} or {(*wanted, 1)} for a y_pred of shape "
                f"{tuple(y_pred.shape)}. For one-hot labels use the loss or metric without "
                "'sparse_' in its name."
            )
        y_true = y_true.squeeze(-1)
    if y_true.dtype is torch.int64:
        return y_true, None
    if y_true.is_floating_point():
        finite = torch.nan_to_num(y_true, 0.0, 0.0, 0.0)
        labels = finite.long()
        _check_whole(finite, labels)
        return labels, (y_true - y_true).float()
    return y_true.long(), None


def _check_whole(values: Tensor, labels: Tensor) -> None:
    """Raise if `labels` were cut off; not where looking means to wait, or breaks what is traced."""
    if values.device.type != "cpu" or torch.compiler.is_compiling():
        return
    whole = labels.to(values.dtype)
    if not torch.equal(values, whole):
        raise DataError(
            f"the class numbers in y_true must be whole; one of them is "
            f"{values[values != whole][0].item():g}. Number the classes from 0, for instance by "
            "classes, y = np.unique(y, return_inverse=True); to predict such values as they are, "
            "use a loss such as 'mse'."
        )


def over_samples(values: Tensor) -> Tensor:
    """The mean over every axis but the first: shape (batch,)."""
    if values.ndim == 1:
        return values
    return values.mean(-1) if values.ndim == 2 else values.reshape(values.shape[0], -1).mean(1)


def shapes_differ(y_true: Tensor, y_pred: Tensor, advice: str = "") -> DataError:
    """The error for targets and predictions of different shapes."""
    fits = "A y_true of shape (n,) also fits a y_pred of shape (n, 1)."
    return DataError(
        f"y_true has shape {tuple(y_true.shape)} but y_pred has shape {tuple(y_pred.shape)}: "
        f"they must be equal. {advice or fits}"
    )
