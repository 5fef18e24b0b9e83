"""Logs: named values of one batch, read from the device late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from backbeat.hooks.later import Later

__all__ = ["Fetch", "Logs"]

Fetch = Callable[[list[Any]], list[float]]
"""Turns values that are still on a device into floats, all in one transfer."""


class Logs(dict[str, Any]):
    """A dict of one batch's values that waits for the device only when somebody reads it.

    Reading any late value fetches all of them at once. Asking (`in`, `len`) reads nothing.

    >>> logs = Logs({"size": 32}, fetch=lambda values: [float(v) for v in values])
    >>> logs.add_late({"loss": "0.25"})
    >>> "loss" in logs, logs.device("loss"), logs["loss"]
    (True, '0.25', 0.25)
    """

    __slots__ = ("_fetch", "_late", "_means", "weights")

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        fetch: Fetch | None = None,
        means: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(values or ())
        self._fetch = fetch
        self._late: dict[str, Any] | None = None
        self._means = means
        self.weights: Mapping[str, Any] | None = None

    def add(self, values: Mapping[str, Any], late: dict[str, Any] | None = None) -> None:
        """Add values that are there already, but for those in `late`, which are read when asked."""
        super().update(values)
        if late is not None:
            self._late = late if self._late is None else {**self._late, **late}

    def add_late(self, values: Mapping[str, Any]) -> None:
        """Add values that are read when they are asked for."""
        # The names take their place, so that `in`, `len` and the order need no reading.
        super().update(values)
        self._late = {**(self._late or {}), **values}

    @property
    def fetch(self) -> Fetch | None:
        """How values that are late become floats."""
        return self._fetch

    def is_late(self, name: str) -> bool:
        """Whether the value of `name` is still to be read."""
        return self._late is not None and name in self._late

    def device(self, name: str) -> Any:
        """The value as it was given, on its device, unread.

        Raises KeyError if there is none.
        """
        if self._late is None or name not in self._late:
            return super().__getitem__(name)
        value = self._late[name]
        is_away = type(value) is Later and value.on_device is not None
        return value.on_device if is_away else value

    def mean(self, name: str) -> Any:
        """The epoch's running mean of `name` up to and including the last ended batch.

        Raises KeyError if there is none.
        """
        if self._means is None:
            raise KeyError(name)
        return self._means[name]

    def means(self, names: Iterable[str]) -> dict[str, Any]:
        """The running means of those of `names` that have one, read in one transfer."""
        means = self._means or {}
        found = {name: means[name] for name in names if name in means}
        values = list(found.values())
        return dict(zip(found, self._fetch(values) if self._fetch else values, strict=True))

    def read(self) -> dict[str, Any]:
        """Fetch every late value; returns this dict."""
        if self._late is not None:
            late, self._late = self._late, None
            names = list(late)
            floats = self._fetch([late[name] for name in names]) if self._fetch else late.values()
            super().update(zip(names, floats, strict=True))
        return self

    def __getitem__(self, name: str) -> Any:
        if self._late is not None and name in self._late:
            self.read()
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`, read if it was late, or `default`."""
        return self[name] if name in self else default

    def __setitem__(self, name: str, value: Any) -> None:
        if self._late is not None:
            self._late.pop(name, None)
        super().__setitem__(name, value)

    # Everything below would hand out late values unread, were it inherited. Overriding
    # __iter__ also makes dict(logs) and {**logs} go through keys and __getitem__.

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def items(self) -> Any:
        """All names with their values, read."""
        self.read()
        return super().items()

    def values(self) -> Any:
        """All values, read."""
        self.read()
        return super().values()

    def copy(self) -> dict[str, Any]:
        """A plain dict of all values, read."""
        return dict(self.items())

    def pop(self, name: str, *default: Any) -> Any:
        """Take `name` out and return its value, read."""
        self.read()
        return super().pop(name, *default)

    def popitem(self) -> tuple[str, Any]:
        """Take the last name out and return it with its value, read."""
        self.read()
        return super().popitem()

    def update(self, *others: Any, **values: Any) -> None:
        """Overwrite values, as `dict.update`."""
        self.read()
        super().update(*others, **values)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of `name`, which is `default` from now on if there was none."""
        self.read()
        return super().setdefault(name, default)

    def __delitem__(self, name: str) -> None:
        self.read()
        super().__delitem__(name)

    def __eq__(self, other: object) -> bool:
        self.read()
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Any) -> dict[str, Any]:
        return {**self.copy(), **other}

    def __ior__(self, other: Any) -> Logs:
        self.update(other)
        return self

    def __repr__(self) -> str:
        self.read()
        return super().__repr__()

    def __reduce__(self) -> Any:
        return (dict, (self.copy(),))
