"""The keys under which metrics appear in the logs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, cast

__all__ = ["name_of", "names_of", "unique_names"]

# What every batch's logs hold besides the metrics.
_TAKEN = ("loss", "batch", "size")


def name_of(identifier: Any) -> str:
    """The name of one metric: the very string given, a function's name, or an object's `name`.

    >>> name_of("acc")
    'acc'
    """
    if isinstance(identifier, str):
        return identifier
    if isinstance(identifier, partial):
        return name_of(cast(partial[Any], identifier).func)
    given = cast(object, identifier)
    own = getattr(given, "name", None)
    if isinstance(own, str) and own:
        return own
    function_name = getattr(given, "__name__", None)
    if isinstance(function_name, str) and not inspect.isclass(given):
        return function_name
    return _snake_case(given.__name__ if inspect.isclass(given) else type(given).__name__)


def names_of(identifiers: Sequence[Any]) -> tuple[str, ...]:
    """The names of several metrics, made different from each other and from `loss`."""
    return unique_names(name_of(identifier) for identifier in identifiers)


def unique_names(names: Iterable[str], taken: Iterable[str] = _TAKEN) -> tuple[str, ...]:
    """`names` with `_1`, `_2`, … added where one is in use already, as in Keras.

    >>> unique_names(["acc", "mse", "acc", "acc"])
    ('acc', 'mse', 'acc_1', 'acc_2')
    """
    used = set(taken)
    found: list[str] = []
    for name in names:
        free, number = name, 0
        while free in used:
            number += 1
            free = f"{name}_{number}"
        used.add(free)
        found.append(free)
    return tuple(found)


def _snake_case(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return spaced.lower()
