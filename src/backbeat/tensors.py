"""The one door between NumPy and torch, and between single arrays and trees of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch

__all__ = [
    "first_leaf",
    "is_record",
    "leaves",
    "map_leaves",
    "record_fields",
    "same_trees",
    "to_numpy",
    "to_tensor",
]


_SIGNED = {"u2": np.int32, "u4": np.int64, "u8": np.int64}


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """`tensor` as an array on the host; shares memory where it can. bfloat16 becomes float32."""
    host = tensor.detach().cpu()
    if host.dtype is torch.bfloat16:
        host = host.float()
    return host.numpy()


def to_tensor(array: Any) -> torch.Tensor:
    """`array` as a tensor; shares memory with a writable NumPy array, copies anything else."""
    if isinstance(array, torch.Tensor):
        return array
    values = np.asarray(array)
    # torch can neither hold a read-only array, nor one read backwards, nor foreign byte order.
    plain = values.flags.writeable and all(stride >= 0 for stride in values.strides)
    if not plain or not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="), order="C", copy=True)
    return torch.from_numpy(_supported(values))  # pyright: ignore[reportUnknownMemberType]


def _supported(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """`values` in a dtype that torch has."""
    if values.dtype == np.longdouble and values.dtype.itemsize > 8:
        return values.astype(np.float64)
    # torch has unsigned types of more than 8 bits, but can hardly compute with them.
    wider = _SIGNED.get(values.dtype.str[1:])
    return values if wider is None else values.astype(wider)


def map_leaves(change: Callable[[Any], Any], tree: Any) -> Any:
    """The same lists, tuples, dicts and dataclasses, with `change` applied to all else."""
    if isinstance(tree, Mapping):
        pairs = cast(Mapping[Any, Any], tree)
        return {name: map_leaves(change, part) for name, part in pairs.items()}
    if isinstance(tree, (list, tuple)):
        sequence = cast(Any, tree)
        parts = [map_leaves(change, part) for part in sequence]
        if hasattr(sequence, "_fields"):
            return type(sequence)(*parts)
        return tuple(parts) if isinstance(sequence, tuple) else parts
    if is_record(tree):
        fields = {name: map_leaves(change, part) for name, part in record_fields(tree)}
        return dataclasses.replace(tree, **fields)
    return change(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Everything in `tree` that holds nothing else, in order; None is left out."""
    if isinstance(tree, Mapping):
        for part in cast(Mapping[Any, Any], tree).values():
            yield from leaves(part)
    elif isinstance(tree, (list, tuple)):
        for part in cast(list[Any], tree):
            yield from leaves(part)
    elif is_record(tree):
        for _, part in record_fields(tree):
            yield from leaves(part)
    elif tree is not None:
        yield tree


def is_record(thing: Any) -> bool:
    """Whether `thing` is an instance of a dataclass."""
    return dataclasses.is_dataclass(thing) and not isinstance(thing, type)


def record_fields(record: Any) -> list[tuple[str, Any]]:
    """The names and values of the fields of a dataclass instance."""
    return [(field.name, getattr(record, field.name)) for field in dataclasses.fields(record)]


def first_leaf(tree: Any) -> Any:
    """The first leaf of `tree`, or None if it has none."""
    return next(leaves(tree), None)


def same_trees(one: Any, other: Any) -> bool:
    """Whether two trees hold the same values in the same places, bit for bit; nan equals itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        theirs = cast(Mapping[Any, Any], other)
        pairs = cast(Mapping[Any, Any], one).items()
        return one.keys() == theirs.keys() and all(same_trees(v, theirs[k]) for k, v in pairs)
    if isinstance(one, (list, tuple)):
        pairs = zip(cast(Any, one), other, strict=False)
        return len(cast(Any, one)) == len(other) and all(same_trees(a, b) for a, b in pairs)
    if isinstance(one, torch.Tensor):
        one, other = to_numpy(one), to_numpy(other)
    if isinstance(one, np.ndarray):
        array, like = cast(Any, one), other
        return (array.dtype, array.shape) == (like.dtype, like.shape) and (
            array.tobytes() == like.tobytes()
        )
    return bool(one == other) or (one != one and other != other)
