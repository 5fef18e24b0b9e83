"""Flattening: one callback, or any nesting of several, as a single row of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from backbeat.errors import ArgumentTypeError
from backbeat.hooks.callback import Callback

__all__ = ["flat"]


def flat(callbacks: Any) -> Iterator[Any]:
    """The callbacks in `callbacks`, in order; None is nobody.

    Raises ArgumentTypeError for text and dicts.

    >>> one, another = Callback(), Callback()
    >>> list(flat([one, (None, iter([another]))])) == [one, another]
    True
    """
    if callbacks is None:
        return
    if isinstance(callbacks, (str, bytes, dict)):
        raise ArgumentTypeError(
            f"callbacks is {callbacks!r}; pass a callback or a list of callbacks."
        )
    if isinstance(callbacks, Iterable) and not isinstance(callbacks, Callback):
        for each in cast(Iterable[Any], callbacks):
            yield from flat(each)
    else:
        yield callbacks
