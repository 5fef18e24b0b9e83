"""Averages: the means of an epoch so far, without reading a device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Number
from typing import Any, cast

from backbeat.hooks.later import Later
from backbeat.hooks.logs import Fetch, Logs

__all__ = ["Averages", "read_floats"]

# The dict's own way: nothing late is read, and no method of `Logs` is called for each value.
_unread = cast(Callable[[dict[str, Any], str, Any], Any], dict[str, Any].get)
_NOTHING: Any = object()
_MOST_WAITING = 1024


def read_floats(values: list[Any]) -> list[float]:
    """The plainest `Fetch`: one float after another."""
    return [float(value) for value in values]


class Averages(Mapping[str, Any]):
    """Running means of batch values, weighted by batch size; stateful values keep their last.

    Values may be floats, device tensors, whose sum stays where they are until `read` fetches all
    means at once, or `Later` ones, which are taken in when a mean is wanted.

    >>> means = Averages()
    >>> means.add({"loss": 1.0, "size": 3}), means.add({"loss": 2.0, "size": 1})
    (None, None)
    >>> means["loss"]
    1.25
    """

    def __init__(
        self,
        stateful: Iterable[str] = (),
        names: Iterable[str] | None = None,
        fetch: Fetch = read_floats,
    ) -> None:
        self.stateful = frozenset(stateful)
        self.names = None if names is None else tuple(names)
        self.fetch = fetch
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new epoch begins."""
        self._totals: dict[str, Any] = {}
        self._weights: dict[str, Any] = {}
        self._later: dict[str, list[tuple[Later, Any]]] = {}

    def add(self, logs: Mapping[str, Any]) -> None:
        """Take in the values of one batch, which weigh as much as its `size` (1 if it has none)."""
        held = logs if isinstance(logs, dict) else dict(logs)
        weights = logs.weights if isinstance(logs, Logs) else None
        size = _unread(held, "size", 1)
        for name in self.names or _measured(held):
            value = _unread(held, name, _NOTHING)
            if value is _NOTHING:
                continue
            weight = size if weights is None else weights.get(name, size)
            if type(value) is Later:
                self._add_later(name, value, weight)
            else:
                self._add(name, value, weight)

    def _add_later(self, name: str, value: Later, weight: Any) -> None:
        waiting = self._later.setdefault(name, [])
        waiting.append((value, weight))
        if len(waiting) >= _MOST_WAITING:
            self._settle()

    def _settle(self) -> None:
        """Take in what was put off, in its order."""
        later, self._later = self._later, {}
        if not later:
            return
        named = [(name, *each) for name, waiting in later.items() for each in waiting]
        floats = self.fetch([value for _, value, _ in named])
        for value, (name, _, weight) in zip(floats, named, strict=True):
            self._add(name, value, weight)

    def _add(self, name: str, value: Any, weight: Any) -> None:
        totals = self._totals
        if name in self._later:
            self._settle()
        if name in self.stateful:
            totals[name] = value
        elif isinstance(weight, (int, float)) and weight == 0:
            # The mean of no weight at all is nan, which would spoil the mean of the others.
            totals.setdefault(name, 0.0)
            self._weights.setdefault(name, 0)
        elif name in totals:
            total = totals[name]
            is_plain = type(value) is float
            totals[name] = total + value * weight if is_plain else _plus(total, value, weight)
            self._weights[name] = self._weights[name] + weight
        else:
            totals[name] = value * weight
            self._weights[name] = weight

    def state_dict(self) -> dict[str, Any]:
        """The sums so far, as floats where they are not floats already."""
        self._settle()
        totals = {name: _as_float(total) for name, total in self._totals.items()}
        return {
            "totals": totals,
            "weights": {n: _as_float(weight) for n, weight in self._weights.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on adding to what `state_dict` gave."""
        self.reset()
        self._totals, self._weights = dict(state["totals"]), dict(state["weights"])

    def __getitem__(self, name: str) -> Any:
        self._settle()
        total = self._totals[name]
        if name in self.stateful:
            return total
        weight = self._weights[name]
        # An epoch without any weight has no mean; a tensor gives nan here by itself.
        return float("nan") if isinstance(weight, (int, float)) and weight == 0 else total / weight

    def __iter__(self) -> Iterator[str]:
        self._settle()
        return iter(self._totals)

    def __len__(self) -> int:
        self._settle()
        return len(self._totals)

    def read(self) -> dict[str, float]:
        """All means as floats, in one transfer."""
        self._settle()
        return dict(zip(self._totals, self.fetch([self[name] for name in self]), strict=True))


def _plus(total: Any, value: Any, weight: Any) -> Any:
    """`total + value * weight`; for device tensors in one kernel instead of two."""
    if type(weight) is int and hasattr(value, "add_") and value.is_floating_point():
        if isinstance(total, float):  # restored; to be rounded as if it had never been away
            total = value.new_full((), total)
        if total.dtype is value.dtype:
            return total.add_(value, alpha=weight)
    return total + value * weight


def _measured(logs: dict[str, Any]) -> list[str]:
    """The names in `logs` that are measurements, where nobody said which ones are."""
    return [
        name
        for name in logs
        if name not in ("batch", "size") and _is_number(_unread(logs, name, None))
    ]


def _as_float(value: Any) -> Any:
    return value if isinstance(value, int) else float(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    # Arrays and tensors that hold one number; a text, a list or a picture has no mean.
    return isinstance(value, Number) or getattr(value, "ndim", None) == 0
