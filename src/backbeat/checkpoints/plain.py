"""Plain: values of a run as what strict JSON can hold, with tensors beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from backbeat.checkpoints.checkpoint import Array, RawTensor
from backbeat.errors import ArgumentTypeError

__all__ = ["pack", "unpack"]

Tensors = dict[str, RawTensor]

# A JSON object whose only name begins so stands for what JSON has not.
_SIGN = "$"
_KINDS = "biufc"


def pack(value: Any, where: str, tensors: Tensors) -> Any:
    """`value` as what strict JSON can hold; arrays and tensors go to `tensors`, by where they are.

    Dicts (with any plain keys), lists, tuples, texts, numbers, None, arrays and RawTensors are
    plain. `where` is what an error calls the value.

    Raises ArgumentTypeError, naming the key, for anything else.

    >>> pack({"best": math.inf, "steps": (1, 2)}, "state", {})
    {'best': {'$float': 'inf'}, 'steps': {'$tuple': [1, 2]}}
    """
    if isinstance(value, np.generic):
        value = cast(Any, value).item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": str(float(value))}
    if isinstance(value, (list, tuple)):
        parts = cast(list[Any], value)
        packed = [pack(part, f"{where}[{index}]", tensors) for index, part in enumerate(parts)]
        return packed if isinstance(value, list) else {"$tuple": packed}
    if isinstance(value, Mapping):
        return _pack_mapping(cast(Mapping[Any, Any], value), where, tensors)
    return _pack_tensor(value, where, tensors)


def _pack_mapping(mapping: Mapping[Any, Any], where: str, tensors: Tensors) -> dict[str, Any]:
    packed = {key: pack(part, f"{where}[{key!r}]", tensors) for key, part in mapping.items()}
    if all(isinstance(key, str) and not key.startswith(_SIGN) for key in packed):
        return packed
    pairs = [[pack(key, f"{where}: the key {key!r}", {}), part] for key, part in packed.items()]
    return {"$pairs": pairs}


def _pack_tensor(value: Any, where: str, tensors: Tensors) -> dict[str, Any]:
    raw = _raw(value)
    if raw is None:
        raise ArgumentTypeError(
            f"{where} is {str(value)[:80]!r} ({type(value).__name__}), which no backup can hold. "
            "Plain are numbers, texts, None, arrays, tensors, and lists, tuples and dicts of them."
        )
    name = where
    while name in tensors:
        name += "'"
    tensors[name] = raw
    return {"$tensor" if raw is value else "$array": name}


def _raw(value: Any) -> RawTensor | None:
    """The bytes of a tensor or of an array of numbers; None for anything else."""
    if isinstance(value, np.ndarray):
        array = cast(Array, value)
        return RawTensor.of(array) if array.dtype.kind in _KINDS else None
    return value if isinstance(value, RawTensor) else None


def unpack(packed: Any, tensors: Mapping[str, RawTensor]) -> Any:
    """What `pack` was given; arrays are copies that may be written to.

    Raises ValueError, KeyError or TypeError for what `pack` never gave.
    """
    if isinstance(packed, list):
        return [unpack(part, tensors) for part in cast(list[Any], packed)]
    if not isinstance(packed, dict):
        return packed
    entries = cast(dict[str, Any], packed)
    sign = next(iter(entries), "")
    if len(entries) != 1 or not sign.startswith(_SIGN):
        return {key: unpack(part, tensors) for key, part in entries.items()}
    return _special(sign, entries[sign], tensors)


def _special(sign: str, held: Any, tensors: Mapping[str, RawTensor]) -> Any:
    match sign:
        case "$float":
            return float(held)
        case "$tuple":
            return tuple(unpack(held, tensors))
        case "$pairs":
            return {unpack(key, tensors): unpack(part, tensors) for key, part in held}
        case "$tensor":
            return tensors[held]
        case "$array":
            return tensors[held].array().copy()
        case _:
            raise ValueError(f"{sign!r} stands for nothing that is known")
