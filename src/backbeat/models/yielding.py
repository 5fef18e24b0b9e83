"""Yielding: an attribute of a model that gives way to the user's own of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["Yielding"]

Value = TypeVar("Value")


class Yielding(Generic[Value]):
    """A read-only attribute that gives way to a submodule, parameter or buffer of its name.

    PyTorch users write `self.layers = nn.ModuleList(...)`; their name wins.
    """

    def __init__(self, read: Callable[[Any], Value]) -> None:
        self._read = read
        self._name = read.__name__
        self.__doc__ = read.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> Yielding[Value]: ...
    @overload
    def __get__(self, owner: Any, kind: type[Any]) -> Value: ...
    def __get__(self, owner: Any, kind: type[Any]) -> Any:
        if owner is None:
            return self
        for theirs in (owner._modules, owner._parameters, owner._buffers):
            if self._name in theirs:
                return theirs[self._name]
        return self._read(owner)
