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

Weighed = tuple[Any, Any]
"""A value and its weight."""


def read_floats(values: list[Any]) -> list[float]:
    """The plainest `Fetch`: one float after another."""
    return [float(value) for value in values]


class Averages(Mapping[str, Any]):
    """Running means of batch values, weighted by batch size; stateful values keep their last.

    Values may be device tensors, whose sum stays where they are until `read` fetches all means at
    once. Floats and `Later` ones are only put down, and taken in when a mean is wanted: many in a
    row take a fraction of what each takes between the kernels of its batch.

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
        self._waiting: dict[str, list[Weighed]] = {}

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
            if type(value) is not float and type(value) is not Later:
                if name in self._waiting:
                    self._settle()
                self._take_in(name, [(value, weight)])
            elif (waiting := self._waiting.get(name)) is None:
                self._waiting[name] = [(value, weight)]
                self._totals.setdefault(name, _NOTHING)  # its place in the order
            else:
                waiting.append((value, weight))
                if len(waiting) >= _MOST_WAITING:
                    self._settle()

    def _settle(self) -> None:
        """Take in what was put down, in its order."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        late = [value for pairs in waiting.values() for value, _ in pairs if type(value) is Later]
        read = iter(self.fetch(late) if late else ())
        for name, pairs in waiting.items():
            self._take_in(name, [(next(read) if type(v) is Later else v, w) for v, w in pairs])

    def _take_in(self, name: str, pairs: list[Weighed]) -> None:
        totals, weights = self._totals, self._weights
        if name in self.stateful:
            totals[name] = pairs[-1][0]
            return
        total, weight = totals.get(name, _NOTHING), weights.get(name, 0)
        for value, more in pairs:
            is_number = isinstance(more, (int, float))
            if is_number and more == 0:
                # The mean of no weight at all is nan, which would spoil the mean of the others.
                total = 0.0 if total is _NOTHING else total
                continue
            if total is _NOTHING:
                total = _product(value, more)
            elif is_number and type(value) is float:
                total = total + value * more
            else:
                total = _plus(total, value, more)
            weight = weight + more
        totals[name], weights[name] = total, weight

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
    return total + _product(value, weight)


def _product(value: Any, weight: Any) -> Any:
    """`value * weight`; 0 where a weight that is on a device is 0, be the value nan."""
    product = value * weight
    return product.where(weight != 0, 0.0) if hasattr(weight, "where") else product


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
