"""The state of a torch scheduler as plain values, which any file can hold, and back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

__all__ = ["pack", "pack_groups", "unpack", "unpack_groups"]

Group: TypeAlias = dict[str, Any]

# What torch's schedulers write into the parameter groups beside the rate.
_WRITTEN = (
    "momentum", "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"
)  # fmt: skip


def pack(value: Any) -> Any:
    """`value` as numbers, texts, lists and dicts with texts for keys, none of them inf or nan.

    What cannot be told so, such as a function, is left out of the dict it is in.

    >>> pack({"best": math.inf, "milestones": {3: 1}, "anneal": len})
    {'best': {'float': 'inf'}, 'milestones': {'pairs': [[3, 1]]}}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, (list, tuple)):
        return [pack(part) for part in cast(list[Any], value)]
    if isinstance(value, Mapping):
        return _pack_mapping(cast(Mapping[Any, Any], value))
    if hasattr(value, "item"):  # a rate may be held in a tensor of one number
        return pack(value.item())
    raise TypeError(f"{value!r} is not plain")


def unpack(packed: Any, like: Any) -> Any:
    """What `pack` was given; `like`, what it is going to replace, tells dicts of special kinds."""
    if isinstance(packed, list):
        parts = cast(list[Any], packed)
        held = list(cast(list[Any], like)) if isinstance(like, (list, tuple)) else []
        held += [None] * len(parts)
        whole = [unpack(part, old) for part, old in zip(parts, held, strict=False)]
        return tuple(whole) if isinstance(like, tuple) else whole
    if not isinstance(packed, dict):
        return packed
    entries = cast(dict[str, Any], packed)
    if entries.keys() == {"float"}:
        return float(entries["float"])
    pairs = entries["pairs"] if entries.keys() == {"pairs"} else list(entries.items())
    old = cast(Mapping[Any, Any], like if isinstance(like, Mapping) else {})
    whole = {key: unpack(value, old.get(key)) for key, value in pairs}
    # MultiStepLR asks its milestones for what a plain dict has not.
    return Counter(whole) if isinstance(like, Counter) else whole


def pack_groups(groups: Sequence[Group]) -> list[Any]:
    """What schedulers wrote into `groups` beside the rates."""
    return [pack({name: group[name] for name in _WRITTEN if name in group}) for group in groups]


def unpack_groups(packed: Sequence[Any], groups: Sequence[Group]) -> None:
    """Write into `groups` what `pack_groups` gave."""
    for saved, group in zip(packed, groups, strict=True):
        group.update(unpack(saved, {name: group.get(name) for name in saved}))


def _pack_mapping(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    packed: dict[Any, Any] = {}
    for key, value in mapping.items():
        try:
            packed[key] = pack(value)
        except (TypeError, ValueError, RuntimeError):
            continue
    if all(isinstance(key, str) for key in packed):
        return packed
    return {"pairs": [[key, value] for key, value in packed.items()]}
