"""What a logged value is: one number or something else, and how it is said in a text."""

from __future__ import annotations

import math
from numbers import Number
from typing import Any, cast

__all__ = ["non_finite_text", "number", "printable", "short"]


def number(value: Any) -> float | None:
    """`value` as a Python float, or None if it is not one real number.

    Arrays and tensors that hold one number count, on whatever device they are.
    """
    if type(value) is float:
        return value
    if isinstance(value, (bool, complex)):
        return None
    if not (_is_number(value) or _holds_one(value)):
        return None
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_number(value: object) -> bool:
    return isinstance(value, Number)


def _holds_one(value: Any) -> bool:
    shape: Any = getattr(value, "shape", None)
    return isinstance(shape, tuple) and math.prod(cast(tuple[int, ...], shape)) == 1


def non_finite_text(value: float) -> str | None:
    """`nan`, `inf` or `-inf` if `value` is one of them, else None."""
    if math.isfinite(value):
        return None
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def short(value: float) -> str:
    """`value` with four digits, as progress is shown."""
    return f"{value:.4e}" if 0 < abs(value) <= 1e-3 else f"{value:.4f}"


def printable(text: str) -> str:
    """`text` for a terminal: what would move its cursor or change its colours is escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
