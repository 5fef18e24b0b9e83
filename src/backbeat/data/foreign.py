"""Unpacker: somebody else's batch, from a loader or a generator, → a Batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from numbers import Number
from typing import Any, cast

import numpy as np
import torch

from backbeat.data.arrays import array_tree, as_column_tensor, is_array, is_plain
from backbeat.data.batches import Batch, size_of
from backbeat.data.class_weights import ClassWeight, class_weights_of, one_weight_each
from backbeat.data.place import Mover, Place, Role
from backbeat.errors import DataError
from backbeat.tensors import is_record, map_leaves, record_fields

__all__ = ["Unpacker", "parts_of"]


class Unpacker:
    """Turns `x`, `(x,)`, `(x, y)` or `(x, y, weight)` into a Batch on the model's device.

    Lists count like tuples, because torch's loaders turn one into the other; a dict is an `x`.
    Every part may be an array, a tensor, numbers, or a tree of those. Text and objects of other
    libraries inside `x` pass through, moved if they know `.to(device)`.
    """

    def __init__(self, place: Place, class_weight: ClassWeight | None = None) -> None:
        self._class_weight = class_weight
        self._input = _Caster(place, "input")
        self._named_input = _Caster(place, "named input")
        self._label = _Caster(place, "label")
        self._weight = _Caster(place, "weight")

    def __call__(self, batch: Any) -> Batch:
        """The Batch in `batch`.

        Raises:
            DataError: it has no parts or more than three, or holds no numbers.
        """
        x, y, weight = parts_of(batch)
        has_names = isinstance(x, Mapping) or is_record(x)
        x = (self._named_input if has_names else self._input).tree(x, "x")
        y = self._label.tree(y, "y")
        if weight is not None:
            weight = map_leaves(_flat, self._weight.tree(weight, "sample_weight"))
        if self._class_weight is not None:
            by_class = self._weight(class_weights_of(y, self._class_weight))
            weight = by_class if weight is None else weight * by_class
        return Batch(x, y, weight, size_of(x))


def parts_of(batch: Any) -> tuple[Any, Any, Any]:
    """A foreign batch as (x, y, weight), with None for what it does not have.

    Raises:
        DataError: it is an empty tuple or list, or has more than three parts.
    """
    if batch is None:
        raise DataError("A batch is None. Every batch must be x, (x,), (x, y) or (x, y, weight).")
    if not isinstance(batch, (tuple, list)) or _is_values(cast(list[Any], batch)):
        return cast(Any, batch), None, None
    parts = cast(tuple[Any, ...], batch)
    if not 1 <= len(parts) <= 3:
        raise DataError(
            f"A batch has {len(parts)} parts. It must be x, (x,), (x, y) or (x, y, sample_weight); "
            f"several inputs go into one part: ((input_1, input_2), y), or a dict."
        )
    return parts[0], parts[1] if len(parts) > 1 else None, parts[2] if len(parts) > 2 else None


def _is_values(sequence: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list or tuple holds values, not parts: it begins with a plain number or text."""
    return bool(sequence) and isinstance(sequence[0], (Number, str, bytes))


class _Caster:
    """Brings leaves of one role to the place; what to do is settled once per dtype and device."""

    def __init__(self, place: Place, role: Role) -> None:
        self._place = place
        self._role: Role = role
        self._movers: dict[tuple[torch.dtype, torch.device], Mover | None] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        kind = tensor.dtype, tensor.device
        if kind not in self._movers:
            self._movers[kind] = self._place.mover(tensor, self._role)
        move = self._movers[kind]
        return tensor if move is None else move(tensor)

    def tree(self, part: Any, name: str) -> Any:
        """A part of a batch with every array in it brought to the place."""
        if isinstance(part, torch.Tensor):
            return self(part)
        if isinstance(part, Mapping):
            named = cast(Mapping[Any, Any], part)
            return {key: self.tree(value, f"{name}[{key!r}]") for key, value in named.items()}
        if isinstance(part, (list, tuple)):
            return self._sequence(cast(list[Any], part), name)
        return self._leaf(part, name)

    def _sequence(self, parts: list[Any] | tuple[Any, ...], name: str) -> Any:
        if parts and _all_text(parts):
            return parts
        if parts and is_plain(parts):
            return self(as_column_tensor(array_tree(parts, name)))
        changed = [self.tree(part, f"{name}[{position}]") for position, part in enumerate(parts)]
        if hasattr(parts, "_fields"):
            return cast(Any, type(parts))(*changed)
        return changed if isinstance(parts, list) else tuple(changed)

    def _leaf(self, leaf: Any, name: str) -> Any:
        if isinstance(leaf, (str, bytes)):
            return leaf
        if is_record(leaf):
            fields = record_fields(leaf)
            moved = {key: self.tree(part, f"{name}.{key}") for key, part in fields}
            return dataclasses.replace(leaf, **moved)
        if isinstance(leaf, Number) or (is_array(leaf) and np.ndim(leaf) == 0):
            return self(torch.as_tensor(leaf))
        if is_array(leaf):
            return self(as_column_tensor(array_tree(leaf, name)))
        return leaf.to(self._place.device) if hasattr(leaf, "to") else leaf


def _all_text(parts: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(part, (str, bytes)) for part in parts)


def _flat(weight: Any) -> Any:
    return weight if weight is None else one_weight_each(weight, "sample_weight")
