"""Losses in torch's manner, `loss(input, target)`, seen as `loss(y_true, y_pred)`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from backbeat.losses.alignment import as_column
from backbeat.losses.loss_function import LabelKind, LossFunction, per_sample

__all__ = ["from_module", "from_torch_function", "is_torch_function", "suit"]

_INDEXED = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.MultiLabelMarginLoss)
_LOGITS = (nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)
_BINARY = (nn.BCELoss, nn.BCEWithLogitsLoss)
_REDUCTIONS = ("mean", "sum", "none", "batchmean")
_TARGET_NAMES = frozenset({"y_true", "true", "y", "target", "targets", "label", "labels"})
_INDEXED_FUNCTIONS = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})


def from_module(module: nn.Module) -> LossFunction:
    """A loss module, `torch.nn`'s or yours: called as `module(input, target)`.

    A module of yours whose first argument is named like a target (`y_true`, `target`, …) is
    called the other way round. The mean is what the module itself gives, class weights and
    `reduction` included; single samples come from a twin with `reduction='none'`.
    """
    name = type(module).__name__
    order = _order(module.forward)
    whole = _arranged(module, order, isinstance(module, _INDEXED))
    single, mean = whole, whole
    reduction = getattr(module, "reduction", None)
    if reduction in _REDUCTIONS:
        single = _arranged(_without_reduction(module), order, isinstance(module, _INDEXED))
    if reduction == "none":
        mean = None
    if reduction == "batchmean":
        single = _summed(single)
    labels: LabelKind | None = "binary" if isinstance(module, _BINARY) else None
    return LossFunction(
        name=name,
        sample_values=lambda y_true, y_pred: per_sample(single(y_true, y_pred), y_pred, name),
        batch_mean=None if mean is None else _scalar(mean),
        source=module,
        labels=labels,
        from_logits=isinstance(module, _LOGITS),
        module=module,
    )


def from_torch_function(function: Callable[..., Tensor]) -> LossFunction:
    """A function of `torch.nn.functional`, such as `cross_entropy`."""
    name = function.__name__
    indexed = name in _INDEXED_FUNCTIONS
    single = _arranged(partial(function, reduction="none"), "torch", indexed)
    return LossFunction(
        name=name,
        sample_values=lambda y_true, y_pred: per_sample(single(y_true, y_pred), y_pred, name),
        batch_mean=_arranged(function, "torch", indexed),
        source=function,
        labels="binary" if name.startswith("binary_cross_entropy") else None,
        from_logits=name in ("cross_entropy", "binary_cross_entropy_with_logits"),
    )


def is_torch_function(thing: Any) -> bool:
    """Whether `thing` is a loss of `torch.nn.functional`."""
    if getattr(thing, "__module__", None) != "torch.nn.functional":
        return False
    return "reduction" in inspect.signature(thing).parameters


def suit(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """`y_true` as a foreign loss can use it: (n,) as (n, 1) for such predictions, no stray float64.

    Integers and booleans of the predictions' own shape become floats; class numbers stay integers.
    """
    y_true = as_column(y_true, y_pred)
    is_number = y_true.is_floating_point() or y_true.shape == y_pred.shape
    if is_number and y_pred.is_floating_point() and y_true.dtype is not y_pred.dtype:
        return y_true.to(y_pred.dtype)
    return y_true


def _arranged(
    function: Callable[..., Tensor], order: str, indexed: bool
) -> Callable[[Tensor, Tensor], Tensor]:
    prepare = _suit_indexed if indexed else suit
    if order == "keras":
        return lambda y_true, y_pred: function(prepare(y_true, y_pred), y_pred)
    return lambda y_true, y_pred: function(y_pred, prepare(y_true, y_pred))


def _suit_indexed(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Class numbers as int64 without a last axis of length 1; class probabilities as floats."""
    if y_true.shape == y_pred.shape:
        return suit(y_true, y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    return y_true.long()


def _order(forward: Callable[..., Any]) -> str:
    first = next(iter(inspect.signature(forward).parameters), "")
    return "keras" if first.lower() in _TARGET_NAMES else "torch"


def _without_reduction(module: nn.Module) -> nn.Module:
    # A shallow copy shares buffers and parameters, so moving the user's module moves both.
    twin: Any = copy.copy(module)
    twin.reduction = "none"
    return twin


def _summed(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def sums(y_true: Tensor, y_pred: Tensor) -> Tensor:
        values = function(y_true, y_pred)
        return values.reshape(values.shape[0], -1).sum(1)

    return sums


def _scalar(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def mean(y_true: Tensor, y_pred: Tensor) -> Tensor:
        value = function(y_true, y_pred)
        return value.mean() if value.ndim else value

    return mean
