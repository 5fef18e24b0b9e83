"""Averages: the means of an epoch so far, without reading a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Number
from typing import Any

from backbeat.hooks.logs import Fetch, Logs

__all__ = ["Averages", "read_floats"]


def read_floats(values: list[Any]) -> list[float]:
    """The plainest `Fetch`: one float after another."""
    return [float(value) for value in values]


class Averages(Mapping[str, Any]):
    """Running means of batch values, weighted by batch size; stateful values keep their last.

    Values may be floats or device tensors: only `+`, `*` and `/` are asked of them, so a sum
    stays where its parts are until `read` fetches all means at once.

    >>> means = Averages()
    >>> means.add({"loss": 1.0, "size": 3}), means.add({"loss": 2.0, "size": 1})
    (None, None)
    >>> means["loss"]
    1.25
    """

    def __init__(self, stateful: Iterable[str] = (), names: Iterable[str] | None = None) -> None:
        self.stateful = frozenset(stateful)
        self.names = None if names is None else tuple(names)
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new epoch begins."""
        self._totals: dict[str, Any] = {}
        self._weights: dict[str, Any] = {}

    def add(self, logs: Mapping[str, Any]) -> None:
        """Take in the values of one batch, which weigh as much as its `size` (1 if it has none)."""
        size = logs.get("size", 1)
        unread = logs if isinstance(logs, Logs) else None
        weights = None if unread is None else unread.weights
        for name in self.names or _measured(logs):
            if name in logs:
                value = logs[name] if unread is None else unread.device(name)
                weight = size if weights is None else weights.get(name, size)
                self._add(name, value, weight)

    def _add(self, name: str, value: Any, weight: Any) -> None:
        totals = self._totals
        if name in self.stateful:
            totals[name] = value
        elif isinstance(weight, (int, float)) and weight == 0:
            # The mean of no weight at all is nan, which would spoil the mean of the others.
            totals.setdefault(name, 0.0)
            self._weights.setdefault(name, 0)
        elif name in totals:
            totals[name] = _plus(totals[name], value, weight)
            self._weights[name] = self._weights[name] + weight
        else:
            totals[name] = value * weight
            self._weights[name] = weight

    def state_dict(self) -> dict[str, Any]:
        """The sums so far, as floats where they are not floats already."""
        totals = {name: _as_float(total) for name, total in self._totals.items()}
        return {
            "totals": totals,
            "weights": {n: _as_float(weight) for n, weight in self._weights.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on adding to what `state_dict` gave."""
        self._totals, self._weights = dict(state["totals"]), dict(state["weights"])

    def __getitem__(self, name: str) -> Any:
        total = self._totals[name]
        if name in self.stateful:
            return total
        weight = self._weights[name]
        # An epoch without any weight has no mean; a tensor gives nan here by itself.
        return float("nan") if isinstance(weight, (int, float)) and weight == 0 else total / weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._totals)

    def __len__(self) -> int:
        return len(self._totals)

    def read(self, fetch: Fetch = read_floats) -> dict[str, float]:
        """All means as floats, in one transfer."""
        return dict(zip(self._totals, fetch([self[name] for name in self]), strict=True))


def _plus(total: Any, value: Any, weight: Any) -> Any:
    """`total + value * weight`; for device tensors in one kernel instead of two."""
    if type(weight) is int and hasattr(value, "add_") and value.is_floating_point():
        if isinstance(total, float):  # restored; to be rounded as if it had never been away
            total = value.new_full((), total)
        if total.dtype is value.dtype:
            return total.add_(value, alpha=weight)
    return total + value * weight


def _measured(logs: Mapping[str, Any]) -> list[str]:
    """The names in `logs` that are measurements, where nobody said which ones are."""
    late = logs if isinstance(logs, Logs) else None
    return [
        name
        for name in logs
        if name not in ("batch", "size")
        and _is_number(logs[name] if late is None else late.device(name))
    ]


def _as_float(value: Any) -> Any:
    return value if isinstance(value, int) else float(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    # Arrays and tensors that hold one number; a text, a list or a picture has no mean.
    return isinstance(value, Number) or getattr(value, "ndim", None) == 0
