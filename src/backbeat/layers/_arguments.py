"""What the arguments of layers must be; a misfit is reported when the layer is made."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any, TypedDict, cast

import torch

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.layers.naming import snake_case, unique_name
from backbeat.registry import nearest

__all__ = [
    "LayerArguments",
    "Shape",
    "check_none",
    "choice",
    "dtype_name",
    "first_shape",
    "fraction",
    "layer_name",
    "number",
    "positive",
    "shape_of",
    "to_dtype",
    "whole_number",
]

Shape = tuple[int | None, ...]


class LayerArguments(TypedDict, total=False):
    """The keywords that every layer takes; `Layer` says what they mean."""

    name: str | None
    trainable: bool
    dtype: str | torch.dtype | None
    input_shape: Sequence[int | None] | None
    input_dim: int | None
    batch_input_shape: Sequence[int | None] | None
    weights: Sequence[Any] | None


def whole_number(owner: str, name: str, value: Any, *, minimum: int = 1) -> int:
    """`value` as an int of at least `minimum`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ArgumentTypeError(
            f"{owner}: {name} is a whole number; got {value!r} ({type(value).__name__}). "
            f"Write, for example, {name}=32."
        )
    if number < minimum:
        raise ArgumentError(f"{owner}: {name} must be at least {minimum}; got {number}.")
    return number


def fraction(owner: str, name: str, value: Any) -> float:
    """`value` as a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(
            f"{owner}: {name} is a number from 0 to 1; got {value!r} ({type(value).__name__}). "
            f"Write, for example, {name}=0.5."
        )
    if not 0.0 <= float(value) <= 1.0:
        raise ArgumentError(f"{owner}: {name} must be from 0 to 1; got {value!r}.")
    return float(value)


def number(owner: str, name: str, value: Any) -> float:
    """`value` as a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ArgumentTypeError(
            f"{owner}: {name} is a finite number; got {value!r} ({type(value).__name__})."
        )
    return float(value)


def positive(owner: str, name: str, value: Any) -> float:
    """`value` as a number above 0."""
    if number(owner, name, value) <= 0.0:
        raise ArgumentError(f"{owner}: {name} must be above 0; got {value!r}.")
    return float(value)


def choice(owner: str, name: str, value: Any, known: Sequence[str]) -> str:
    """`value` as one of `known`, whose letters are small."""
    chosen = value.lower() if isinstance(value, str) else None
    if chosen is None or chosen not in known:
        *others, last = map(repr, known)
        names = f"{', '.join(others)} or {last}"
        raise ArgumentError(f"{owner}: {name} is {names}; got {value!r}.")
    return chosen


def shape_of(owner: str, name: str, value: Any) -> Shape:
    """`value` as a shape, whose open sizes are None."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentTypeError(
            f"{owner}: {name} is a tuple of sizes; got {value!r} ({type(value).__name__}). "
            f"Write, for example, {name}=(8,)."
        )
    sizes = list(cast(Iterable[Any], value))
    return tuple(
        None if size is None else whole_number(owner, f"each size in {name}", size)
        for size in sizes
    )


def check_none(owner: str, **arguments: Any) -> None:
    """Refuse constraints, which do not exist yet."""
    for name, value in arguments.items():
        if value is not None:
            raise ArgumentError(
                f"{owner}: {name}={value!r} is not available yet: backbeat has no constraints so "
                "far. Leave it out, and clip the weights in a callback's on_train_batch_end."
            )


def to_dtype(owner: str, value: Any) -> torch.dtype | None:
    """A torch dtype from itself, from a name such as 'float32', or None."""
    if value is None or isinstance(value, torch.dtype):
        return value
    found = getattr(torch, str(value), None)
    if isinstance(found, torch.dtype):
        return found
    names = [name for name in dir(torch) if isinstance(getattr(torch, name), torch.dtype)]
    close = nearest(str(value), names)
    hint = f" Did you mean {close!r}?" if close else ""
    raise ArgumentError(f"{owner}: dtype is a name such as 'float32'; got {value!r}.{hint}")


def dtype_name(dtype: torch.dtype) -> str:
    """The name of a dtype as configurations hold it: 'float32'."""
    return str(dtype).removeprefix("torch.")


def layer_name(owner: str, name: Any) -> str:
    """The given name, or the next free one."""
    if name is not None and not isinstance(name, str):
        raise ArgumentTypeError(f"{owner}: name is a text; got {name!r} ({type(name).__name__}).")
    return name or unique_name(snake_case(owner))


def first_shape(owner: str, input_shape: Any, input_dim: Any, with_batch: Any) -> Shape | None:
    """The input's shape with the batch axis, from whichever argument gave it."""
    given = [argument for argument in (input_shape, input_dim, with_batch) if argument is not None]
    if len(given) > 1:
        raise ArgumentError(
            f"{owner}: give one of input_shape, input_dim and batch_input_shape, not several."
        )
    if input_dim is not None:
        return (None, whole_number(owner, "input_dim", input_dim))
    if input_shape is not None:
        return (None, *shape_of(owner, "input_shape", input_shape))
    if with_batch is not None:
        return shape_of(owner, "batch_input_shape", with_batch)
    return None
