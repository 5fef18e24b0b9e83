"""What may be handed to `bind`: tensors, or torch's parameter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from torch import Tensor

__all__ = ["as_list", "tensors_of"]


def as_list(parameters: Iterable[Any]) -> list[Any]:
    """`parameters` as a list that can be read twice; groups keep their settings."""
    return [_settled(entry) for entry in parameters]


def tensors_of(parameters: list[Any]) -> list[Tensor]:
    """All tensors in a list from `as_list`."""
    found: list[Tensor] = []
    for entry in parameters:
        if isinstance(entry, Mapping):
            found += tensors_of(cast(Mapping[str, Any], entry)["params"])
        else:
            # torch takes (name, parameter) pairs as well.
            found.append(cast(Any, entry)[1] if isinstance(entry, tuple) else entry)
    return found


def _settled(entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    group = dict(cast(Mapping[str, Any], entry))
    inside = group["params"]
    return {**group, "params": [inside] if isinstance(inside, Tensor) else list(inside)}
