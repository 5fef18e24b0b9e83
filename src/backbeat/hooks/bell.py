"""Bell: one moment and the callbacks that hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from backbeat.hooks.cost import Cost
from backbeat.hooks.moments import hook_of

__all__ = ["Bell", "Failed"]

Failed = Callable[[Any, str, BaseException, int], bool]
"""Told of an error: the callback, the hook's name, the error, how often the moment was rung.

Raises it, or lets the rest go on; True: this hook is not to be called again.
"""


class Bell:
    """Rings one moment on every callback that answers it; the others are not visited at all."""

    __slots__ = ("_costs", "_failed", "_hooks", "_owners", "moment", "rings")

    def __init__(self, moment: str, failed: Failed) -> None:
        self.moment = moment
        self.rings = 0
        self._failed = failed
        self._hooks: list[Callable[..., Any]] = []
        self._owners: tuple[Any, ...] = ()
        self._costs: list[Cost] = []

    def listen(self, callbacks: Sequence[Any]) -> None:
        """Find out which of `callbacks` answer; what the earlier ones cost is kept."""
        known = {id(owner): cost for owner, cost in zip(self._owners, self._costs, strict=True)}
        heard = [(hook_of(callback, self.moment), callback) for callback in callbacks]
        self._hooks = [hook for hook, _ in heard if hook is not None]
        self._owners = tuple(callback for hook, callback in heard if hook is not None)
        self._costs = [known.get(id(owner)) or self._new_cost(owner) for owner in self._owners]

    def _new_cost(self, owner: Any) -> Cost:
        is_expected = getattr(owner, "role", None) == "keeper"
        return Cost(type(owner).__name__, self.moment, is_expected=is_expected)

    def __len__(self) -> int:
        return len(self._hooks)

    def ring_batch(self, batch: int, logs: Any) -> None:
        """Ring a batch's moment, untimed: the hot path."""
        self.rings += 1
        if self._hooks:
            remaining = iter(self._hooks)
            while not self._reach_end(remaining, batch, logs):
                pass

    def _reach_end(self, remaining: Iterator[Callable[..., Any]], batch: int, logs: Any) -> bool:
        """Call the hooks that remain; False if one failed and the others are still to be called."""
        hook = None
        try:
            for hook in remaining:
                hook(batch, logs)
        except BaseException as error:
            if hook is None or hook not in self._hooks:  # silenced while it ran
                raise
            self._fail(self._hooks.index(hook), error)
            return False
        return True

    def ring(self, *args: Any) -> None:
        """Ring the moment and time every hook."""
        self.rings += 1
        for position in range(len(self._hooks)):
            self._call(position, args)

    def ring_for(self, callback: Any, *args: Any) -> None:
        """Ring the moment on `callback` alone."""
        for position, owner in enumerate(self._owners):
            if owner is callback:  # not by ==, which dataclasses define
                self._call(position, args)
                return

    def ring_all(self, *args: Any) -> list[BaseException]:
        """Ring the moment on everybody, whatever some of them raise; returns what they raised."""
        errors: list[BaseException] = []
        for position in range(len(self._hooks)):
            try:
                self._call(position, args)
            except BaseException as error:
                errors.append(error)
        return errors

    def _call(self, position: int, args: tuple[Any, ...]) -> None:
        began = perf_counter()
        try:
            self._hooks[position](*args)
        except BaseException as error:
            self._fail(position, error)
        finally:
            self._costs[position].time(perf_counter() - began)

    def called(self, variables: Mapping[str, Any]) -> str | None:
        """Whose hook is being called, told from the local variables of one of these methods."""
        position, hook = variables.get("position"), variables.get("hook")
        if hook is not None:
            position = self._hooks.index(hook)
        if position is None:
            return None
        return f"{type(self._owners[position]).__name__}.{self.moment}"

    def _fail(self, position: int, error: BaseException) -> None:
        if self._failed(self._owners[position], self.moment, error, self.rings):
            self._hooks[position] = _say_nothing

    def silence(self, is_silent: Callable[[Any], bool]) -> None:
        """From now on these callbacks hear nothing any more, not even of a ring under way."""
        for position, owner in enumerate(self._owners):
            if is_silent(owner):
                self._hooks[position] = _say_nothing

    def costs(self) -> list[Cost]:
        """The costs so far; calls that were not timed are counted too."""
        for cost in self._costs:
            cost.calls = max(self.rings, cost.timed_calls)
        return self._costs


def _say_nothing(*args: Any) -> None:
    pass
