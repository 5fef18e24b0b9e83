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

    @property
    def known(self) -> list[float]:
        """Those that were read so far, from the first one on."""
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
        holder = self._holder
        is_known = self._index < len(holder.known)
        return "cpu" if is_known or not holder.is_awaited(self._index) else holder.device

    def __float__(self) -> float:
        known = self._holder.known
        return known[self._index] if self._index < len(known) else self._holder.value(self._index)
