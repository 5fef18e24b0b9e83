"""Checks of constructor arguments, whose errors say what was given and what fits."""

from __future__ import annotations

import math
import os
import threading
from numbers import Integral, Real
from typing import Any

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.files.addresses import text_of
from backbeat.flags import flag

__all__ = [
    "check_choice",
    "check_flags",
    "check_name",
    "check_number",
    "check_whole",
    "names_in",
    "path_text",
    "seconds",
]


def check_number(owner: object, name: str, value: Any, *, at_least: float | None = None) -> None:
    """Raise unless `value` is a real number, not nan, and no smaller than `at_least`."""
    who = type(owner).__name__
    if not isinstance(value, Real):
        raise ArgumentTypeError(
            f"{who}: {name} is a number; got {value!r} ({type(value).__name__})."
        )
    if math.isnan(value) or (at_least is not None and value < at_least):
        least = "" if at_least is None else f" of at least {at_least}"
        raise ArgumentError(f"{who}: {name} is a number{least}; got {value}.")


def check_whole(owner: object, name: str, value: Any, *, at_least: int) -> None:
    """Raise unless `value` is a whole number of at least `at_least`."""
    check_number(owner, name, value, at_least=at_least)
    if not isinstance(value, Integral):
        raise ArgumentTypeError(
            f"{type(owner).__name__}: {name} is a whole number; got {value!r} "
            f"({type(value).__name__})."
        )


def check_flags(owner: object, **flags: Any) -> None:
    """Raise unless each value is True or False; 1 and 0 are understood."""
    for name, value in flags.items():
        flag(type(owner).__name__, name, value)


def seconds(owner: object, name: str, value: Any) -> float:
    """`value` as a time that a thread can wait; raises unless it is a number of at least 0."""
    check_number(owner, name, value, at_least=0)
    return min(float(value), threading.TIMEOUT_MAX)


def check_choice(owner: object, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        *others, last = map(repr, choices)
        raise ArgumentError(
            f"{type(owner).__name__}: {name} is {', '.join(others)} or {last}; got {value!r}."
        )


def check_name(owner: object, name: str, value: Any) -> None:
    """Raise unless `value` is a text with something in it."""
    if not isinstance(value, str) or not value:
        raise ArgumentTypeError(
            f"{type(owner).__name__}: {name} is the name of a logged value, such as 'val_loss'; "
            f"got {value!r} ({type(value).__name__})."
        )


def path_text(owner: object, name: str, value: Any) -> str:
    """The text of a path; raises unless `value` is one."""
    fspath: Any = os.fspath
    try:
        text = fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        raise ArgumentTypeError(
            f"{type(owner).__name__}: {name} is a str or a pathlib.Path, such as 'run/file.h5'; "
            f"got {value!r} ({type(value).__name__})."
        )
    return text_of(value)


def names_in(owner: object, name: str, value: Any) -> frozenset[str]:
    """The names in any iterable of them; a text is one name, not the iterable of its letters."""
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset([value])
    try:
        names: list[Any] = list(value)
    except TypeError:
        names = [value]
    for each in names:
        if not isinstance(each, str):
            raise ArgumentTypeError(
                f"{type(owner).__name__}: {name} holds names of metrics, such as ['acc']; "
                f"got {each!r} ({type(each).__name__})."
            )
    return frozenset(names)
