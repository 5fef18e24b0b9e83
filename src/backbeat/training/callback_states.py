"""The states of all callbacks of a run, each under its class and its place among its kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backbeat.training.module_host import WeightsSnapshot

__all__ = ["load_states", "states_of"]


def states_of(callbacks: Iterable[Any]) -> dict[str, Any]:
    """What every callback wants to remember, and the snapshots of weights that it holds."""
    states: dict[str, Any] = {}
    for name, callback in _named(callbacks):
        attributes: dict[str, Any] = getattr(callback, "__dict__", {})
        held = {
            attribute: snapshot.state
            for attribute, snapshot in attributes.items()
            if isinstance(snapshot, WeightsSnapshot)
        }
        states[name] = {"state": _state_of(callback), "snapshots": held}
    return states


def _state_of(callback: Any) -> dict[str, Any]:
    return callback.state_dict() if hasattr(callback, "state_dict") else {}


def load_states(callbacks: Iterable[Any], states: Mapping[str, Any]) -> list[str]:
    """Give every callback its state back; returns what could not be given, each as a few words."""
    named = dict(_named(callbacks))
    for name, callback in named.items():
        saved = states.get(name)
        if saved is None:
            continue
        for attribute, tensors in saved["snapshots"].items():
            setattr(callback, attribute, WeightsSnapshot.of(tensors))
        if saved["state"]:
            callback.load_state_dict(saved["state"])
    gone = [
        f"{name} is no longer there"
        for name, saved in states.items()
        if name not in named and (saved["state"] or saved["snapshots"])
    ]
    new = [
        f"{name} is new and begins afresh"
        for name, callback in named.items()
        if name not in states and _state_of(callback)
    ]
    return gone + new


def _named(callbacks: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Each callback with its name: `CSVLogger`, the second one `CSVLogger 2`."""
    seen: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] += 1
        yield kind if seen[kind] == 1 else f"{kind} {seen[kind]}", callback
