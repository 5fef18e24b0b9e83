"""Class weights → one weight per sample."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, cast

import torch

from backbeat.data.arrays import as_column_tensor
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.tensors import leaves

__all__ = ["ClassWeight", "check_class_weight", "class_weights_of", "one_weight_each", "weighted"]

ClassWeight = Mapping[Any, float]


def check_class_weight(class_weight: object) -> ClassWeight | None:
    """`class_weight` itself, if it is a mapping of numbers to numbers, or None.

    Raises:
        ArgumentTypeError: it is something else, such as the word "balanced".
    """
    if class_weight is None:
        return None
    pairs = cast(Any, class_weight) if isinstance(class_weight, Mapping) else {None: None}
    for key, weight in cast(Mapping[Any, Any], pairs).items():
        if not isinstance(key, Real) or not isinstance(weight, Real):
            raise ArgumentTypeError(
                f"class_weight={class_weight!r} does not fit. Give a dict from the class's number "
                f"to its weight, such as {{0: 1.0, 1: 5.0}}."
            )
    return cast(ClassWeight, class_weight)


def class_weights_of(y: Any, class_weight: ClassWeight) -> torch.Tensor:
    """The weight of each sample's class, shape (samples,), float32, on the device of `y`.

    `y` is a tensor or an array tree with one leaf: class numbers, shape (n,) or (n, 1), or one-hot
    rows (n, classes), of which the largest entry counts.

    Raises:
        ArgumentError: there is no `y`, or more than one output.
        DataError: a class in `y` has no weight, or `y` does not hold classes.
    """
    found, member = _unique(_labels(_only_output(y)))
    values = cast(list[Any], cast(Any, found).tolist())
    missing = [str(value) for value in values if value not in class_weight]
    if missing:
        shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        raise DataError(
            f"class_weight has no weight for the class{'es' if len(missing) > 1 else ''} {shown} "
            f"in y; it knows {', '.join(str(key) for key in class_weight) or 'none'}. Every class "
            f"needs one: {missing[0]}: 1.0 leaves a class as it is."
        )
    table = torch.tensor([float(class_weight[value]) for value in values], device=member.device)
    return table[member]


def weighted(
    weight: Any, y: Any, class_weight: ClassWeight | None, rows: torch.Tensor | None = None
) -> Any:
    """`weight`, times the class weights if there are any; only `rows` of `y` count, if given."""
    if class_weight is None:
        return weight
    if rows is None:
        by_class = class_weights_of(y, class_weight)
    else:
        labels = as_column_tensor(_only_output(y))
        by_class = torch.ones(len(labels))
        by_class[rows] = class_weights_of(labels[rows], class_weight)
    if weight is None:
        return by_class
    own = as_column_tensor(next(leaves(weight)))
    return own.to(by_class.device) * by_class


def one_weight_each(array: Any, name: str) -> Any:
    """A weight array of shape (n,) or (n, 1) as (n,).

    Raises:
        DataError: it has another shape.
    """
    if array.ndim == 1:
        return array
    if array.ndim == 2 and array.shape[1] == 1:
        return array.reshape(-1)
    raise DataError(
        f"{name} has the shape {tuple(array.shape)}. One weight per sample is needed: "
        f"the shape (samples,)."
    )


def _unique(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The different labels, and for each sample which of them it has."""
    return cast(Any, torch).unique(labels, return_inverse=True)


def _only_output(y: Any) -> Any:
    outputs = list(leaves(y))
    if not outputs:
        raise ArgumentError(
            "class_weight needs y, and there is none. Give y, or weigh the samples in your "
            "own loss."
        )
    if len(outputs) > 1:
        raise ArgumentError(
            f"class_weight works for one output, and y has {len(outputs)}. Give sample_weight "
            f"instead: one array of weights per output."
        )
    return outputs[0]


def _labels(y: Any) -> torch.Tensor:
    """The class number of each sample."""
    labels = as_column_tensor(y)
    if labels.ndim == 1:
        return labels
    if labels.ndim == 2:
        return labels[:, 0] if labels.shape[1] == 1 else labels.argmax(1)
    raise DataError(
        f"class_weight needs one class per sample: y of shape (n,), (n, 1) or one-hot "
        f"(n, classes). This y has the shape {tuple(labels.shape)}; give sample_weight instead."
    )
