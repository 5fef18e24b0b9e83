"""What a metric object has counted so far, so that a resumed run can count on."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any, cast

import numpy as np
from torch import Tensor

__all__ = ["load_counts", "read_counts"]


def read_counts(source: Any) -> dict[str, Any] | None:
    """The state of a metric of torchmetrics' or Keras' kind; None if it cannot be seen."""
    defaults: Any = getattr(source, "_defaults", None)  # torchmetrics names its states there
    if isinstance(defaults, Mapping):
        names = [*cast(Mapping[str, Any], defaults), "_update_count"]
        return {"attributes": {name: getattr(source, name) for name in names}}
    variables: Any = getattr(source, "variables", None)
    if isinstance(variables, (list, tuple)):
        return {"variables": [np.asarray(each.numpy()) for each in cast(list[Any], variables)]}
    own = cast(dict[str, Any], vars(source))
    plain = {name: value for name, value in own.items() if _is_plain(value)}
    return {"attributes": plain} if plain else None


def load_counts(source: Any, counts: Mapping[str, Any]) -> None:
    """Let the metric count on from what `read_counts` gave."""
    attributes: Mapping[str, Any] = counts.get("attributes") or {}
    for name, value in attributes.items():
        held = getattr(source, name, None)
        setattr(source, name, value.to(held.device) if isinstance(held, Tensor) else value)
    if "variables" in counts:
        for variable, value in zip(source.variables, counts["variables"], strict=True):
            variable.assign(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, cast(list[Any], value)))
    if isinstance(value, Mapping):
        return all(map(_is_plain, cast(Mapping[Any, Any], value).values()))
    return value is None or isinstance(value, (Number, str, Tensor, np.ndarray))
