"""Jitted: a function compiled by torch.compile; as it is, after a warning, where that fails."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, cast

import torch

from backbeat.warning import warn

__all__ = ["Jitted", "warn_uncompiled"]


class Jitted:
    """Called as `plain` is. A mistake of the caller's is raised as `plain` itself raises it."""

    def __init__(self, plain: Callable[..., Any]) -> None:
        self._plain = plain
        self._compiled: Callable[..., Any] | None = cast(Any, torch).compile(_apart(plain))

    def __call__(self, *given: Any) -> Any:
        """What `plain` gives."""
        if self._compiled is None:
            return self._plain(*given)
        try:
            return self._compiled(*given)
        except Exception as error:
            result = self._plain(*given)
            self._compiled = None
            warn_uncompiled(error)
            return result


def warn_uncompiled(error: Exception) -> None:
    """Say that `error` of the compiler is the reason for doing without it."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    warn(
        "jit_compile=True: torch.compile cannot compile this model here, so it is computed as "
        f"usual. torch says: {said[0]}"
    )


def _apart(plain: Callable[..., Any]) -> Callable[..., Any]:
    """A method with code of its own: torch compiles one code only so many times, for all models."""
    if not isinstance(plain, MethodType):
        return plain
    method = cast(FunctionType, plain.__func__)
    code = method.__code__.replace()
    copy = FunctionType(code, method.__globals__, method.__name__, method.__defaults__)
    return MethodType(copy, plain.__self__)
