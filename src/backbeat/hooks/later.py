"""Later: a value that nobody has computed or fetched yet."""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Later"]


class _Holder(Protocol):
    """Who computes values together."""

    @property
    def device(self) -> Any:
        """Where they are computed."""
        ...

    def value(self, index: int) -> float:
        """One of them."""
        ...

    def is_awaited(self, index: int) -> bool:
        """Whether reading that one now makes a device finish first."""
        ...


class Later:
    """One of many values that are computed together, as soon as somebody wants one of them.

    `Logs` read it as they read what is on a device.
    """

    __slots__ = ("_holder", "_index", "on_device")

    ndim = 0
    """A single number, for those who ask."""

    def __init__(self, holder: _Holder, index: int, on_device: Any = None) -> None:
        self._holder = holder
        self._index = index
        self.on_device = on_device
        """The value itself, where it lies, if that is not the host."""

    @property
    def device(self) -> Any:
        """Where it has to be waited for; "cpu" if it is there, or on its way."""
        return self._holder.device if self._holder.is_awaited(self._index) else "cpu"

    def __float__(self) -> float:
        return self._holder.value(self._index)
