"""Roster: who takes part in a run, and who of them hears which moment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backbeat.hooks.bell import Bell
from backbeat.hooks.callback import PHASES, Callback
from backbeat.hooks.cost import CostTable
from backbeat.hooks.failures import Failures
from backbeat.hooks.flattening import flat
from backbeat.hooks.moments import MOMENTS, check_callback
from backbeat.hooks.plan import Plan
from backbeat.hooks.pulse import Pulse
from backbeat.warning import warn

__all__ = ["Roster"]


class Roster:
    """The callbacks of a run, in the order of their phases, before any moment is rung."""

    def __init__(self, callbacks: Any = None) -> None:
        self.callbacks = list(_once(flat(callbacks)))
        for callback in self.callbacks:
            check_callback(callback)
        self.failures = Failures()
        self.params: Mapping[str, Any] = {}
        self.model: Any = None
        self._begun: list[Any] = []
        self._checked: list[Callback] = []
        self._is_inert = False
        self._is_main = os.environ.get("RANK", "0") == "0"
        self._bells = {moment: Bell(moment, self.failures.handle) for moment in MOMENTS}
        self._pulse = Pulse(self._bells["on_train_batch_begin"], self._bells["on_train_batch_end"])
        self._listen()

    def append(self, callback: Any) -> None:
        """Add a callback; it takes its place by its phase."""
        check_callback(callback)
        self.callbacks.append(callback)
        self._listen()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def __len__(self) -> int:
        return len(self.callbacks)

    def _listen(self) -> None:
        """Find out who answers what, once, so that nobody is asked in vain while training."""
        self.callbacks.sort(key=lambda each: PHASES.index(getattr(each, "phase", "act")))
        heard = self._heard()
        for bell in self._bells.values():
            bell.listen(heard)

    def listen_anew(self, moment: str) -> None:
        """Find out again who answers `moment`; a ring under way still reaches those of before."""
        self._bells[moment].listen(self._heard())

    def _heard(self) -> list[Any]:
        return [
            callback
            for callback in self.callbacks
            if (self._is_main or getattr(callback, "runs_on", "every") == "every")
            and not (self._is_inert and _writes(callback))
        ]

    def become_inert(self) -> None:
        """Let nobody who watches or saves hear anything any more: this is a forked child."""
        self._is_inert = True
        for bell in self._bells.values():
            bell.silence(_writes)

    def answers(self, moment: str) -> bool:
        """Whether any callback hears `moment`."""
        return len(self._bells[moment]) > 0

    def cost(self) -> CostTable:
        """What each callback spent in each of its hooks so far."""
        return CostTable(cost for bell in self._bells.values() for cost in bell.costs())

    def troubles(self) -> list[str]:
        """What the callbacks lost, put off or could not do so far, a line each."""
        told = self.failures.told()
        for callback in self._heard():
            if isinstance(callback, Callback):
                troubles = callback._troubles()  # pyright: ignore[reportPrivateUsage] ours
                told += [f"{type(callback).__name__}: {trouble}" for trouble in troubles]
        return told

    # Before a run

    def set_model(self, model: Any) -> None:
        """Give every callback the model."""
        self.model = model
        for callback in self.callbacks:
            if hasattr(callback, "set_model"):
                callback.set_model(model)

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Give every callback the settings of the run."""
        self.params = params
        for callback in self.callbacks:
            if hasattr(callback, "set_params"):
                callback.set_params(params)

    def set_validation_data(self, data: Any) -> None:
        """Give every callback the very arrays that were passed for validation."""
        for callback in self.callbacks:
            callback.validation_data = data

    def check_plan(self, plan: Plan) -> None:
        """Let every callback say, before training, that something cannot work."""
        for callback in self._heard():
            if isinstance(callback, Callback):
                self._checked.append(callback)
                callback._check_plan(plan)  # pyright: ignore[reportPrivateUsage] ours to call


def _once(callbacks: Iterable[Any]) -> Iterator[Any]:
    """Each of `callbacks` once, with a warning for those that are there again."""
    seen: set[int] = set()
    for callback in callbacks:
        if id(callback) in seen:
            name = type(callback).__name__
            warn(f"callbacks holds the same {name} object twice; it is called once each time.")
            continue
        seen.add(id(callback))
        yield callback


def _writes(callback: Any) -> bool:
    """Whether `callback` leaves something outside of this process: it observes or keeps."""
    return getattr(callback, "role", None) in ("observer", "keeper")
