"""What the arguments of optimizers must be; a misfit is reported when the optimizer is made."""

from __future__ import annotations

import math
from typing import Any

from backbeat.errors import ArgumentError, ArgumentTypeError

__all__ = ["real_number", "share", "small_number"]


def real_number(argument: str, value: Any, example: float) -> float:
    """`value` as a finite float of 0 or more; anything else raises and names `argument`."""
    fits = f"give a finite number of 0 or more, such as {example}."
    # A number as text would be guessed at; True is an int to Python but no rate to anyone.
    if isinstance(value, (str, bytes, bool)) or value is None:
        raise ArgumentTypeError(f"{argument}={value!r} is a {type(value).__name__}: {fits}")
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentTypeError(
            f"{argument}={value!r} is a {type(value).__name__}: {fits}"
        ) from None
    if not math.isfinite(number) or number < 0:
        raise ArgumentError(f"{argument}={value!r} does not fit: {fits}")
    return number


def share(argument: str, value: Any) -> float:
    """`value` as a float from 0 to below 1: how much of a running average each step keeps."""
    number = real_number(argument, value, 0.9)
    if number >= 1:
        raise ArgumentError(f"{argument}={value!r} does not fit: it must be below 1.")
    return number


def small_number(value: Any) -> float:
    """`value` as an epsilon; None is Keras' default, 1e-7."""
    return 1e-7 if value is None else real_number("epsilon", value, 1e-7)
