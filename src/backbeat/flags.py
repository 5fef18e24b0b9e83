"""Arguments that are True or False, checked where they are given."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from backbeat.errors import ArgumentTypeError

__all__ = ["flag"]


def flag(owner: str, name: str, value: Any) -> bool:
    """`value` as a bool if it is True or False, of whatever kind; 1 and 0 are understood.

    Python would take anything else for one of them: the text 'False' for True, and so a value that
    slipped into the place of its neighbour. `owner` is whose argument `name` is.

    Raises ArgumentTypeError.

    >>> flag("Dense", "use_bias", 1)
    True
    """
    if not issubclass(type(value), (Integral, np.bool_)) or value not in (0, 1):
        raise ArgumentTypeError(
            f"{owner}: {name} is True or False; got {value!r} ({type(value).__name__})."
        )
    return bool(value)
