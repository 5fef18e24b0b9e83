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


class _Ear:
    """One callback that answers: whom to call, and what that costs."""

    __slots__ = ("cost", "hook", "owner")

    def __init__(self, owner: Any, hook: Callable[..., Any], cost: Cost) -> None:
        self.owner = owner
        self.hook = hook
        self.cost = cost


class Bell:
    """Rings one moment on every callback that answers it; the others are not visited at all."""

    __slots__ = ("_counted", "_ears", "_failed", "_former", "_hooks", "moment", "rings")

    def __init__(self, moment: str, failed: Failed) -> None:
        self.moment = moment
        self.rings = 0
        self._failed = failed
        self._ears: tuple[_Ear, ...] = ()
        self._former: dict[int, Cost] = {}
        """The costs of those who do not answer any more, by the owner's id."""
        self._counted = 0
        # Those of the ears, once more, for the moments that are rung most.
        self._hooks: list[Callable[..., Any]] = []

    def listen(self, callbacks: Sequence[Any]) -> None:
        """Find out which of `callbacks` answer; what the earlier ones cost is kept.

        Whoever is being rung for at this moment is still reached.
        """
        self._count()
        known = self._former | {id(ear.owner): ear.cost for ear in self._ears}
        heard = [(hook_of(callback, self.moment), callback) for callback in callbacks]
        self._ears = tuple(
            _Ear(owner, hook, known.pop(id(owner), None) or self._new_cost(owner))
            for hook, owner in heard
            if hook is not None
        )
        self._former = known
        self._hooks = [ear.hook for ear in self._ears]

    def _count(self) -> None:
        """Count the rings since the last time for those who answer."""
        for ear in self._ears:
            ear.cost.calls = max(ear.cost.calls + self.rings - self._counted, ear.cost.timed_calls)
        self._counted = self.rings

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
            self._fail(self._ears[self._hooks.index(hook)], error)
            return False
        return True

    def ring(self, *args: Any) -> None:
        """Ring the moment and time every hook."""
        self.rings += 1
        for ear in self._ears:
            self._call(ear, args)

    def ring_for(self, callback: Any, *args: Any) -> None:
        """Ring the moment on `callback` alone."""
        for ear in self._ears:
            if ear.owner is callback:  # not by ==, which dataclasses define
                self._call(ear, args)
                return

    def ring_all(self, *args: Any) -> list[BaseException]:
        """Ring the moment on everybody, whatever some of them raise; returns what they raised."""
        errors: list[BaseException] = []
        for ear in self._ears:
            try:
                self._call(ear, args)
            except BaseException as error:
                errors.append(error)
        return errors

    def _call(self, ear: _Ear, args: tuple[Any, ...]) -> None:
        began = perf_counter()
        try:
            ear.hook(*args)
        except BaseException as error:
            self._fail(ear, error)
        finally:
            ear.cost.time(perf_counter() - began)

    def called(self, variables: Mapping[str, Any]) -> str | None:
        """Whose hook is being called, told from the local variables of one of these methods."""
        ear, hook = variables.get("ear"), variables.get("hook")
        if hook is not None:
            ear = self._ears[self._hooks.index(hook)]
        return None if ear is None else f"{type(ear.owner).__name__}.{self.moment}"

    def _fail(self, ear: _Ear, error: BaseException) -> None:
        if self._failed(ear.owner, self.moment, error, self.rings):
            self._silence(ear)

    def silence(self, is_silent: Callable[[Any], bool]) -> None:
        """From now on these callbacks hear nothing any more, not even of a ring under way."""
        for ear in self._ears:
            if is_silent(ear.owner):
                self._silence(ear)

    def _silence(self, ear: _Ear) -> None:
        ear.hook = _say_nothing
        self._hooks[:] = [each.hook for each in self._ears]

    def costs(self) -> list[Cost]:
        """The costs so far; calls that were not timed are counted too."""
        self._count()
        return [*(ear.cost for ear in self._ears), *self._former.values()]


def _say_nothing(*args: Any) -> None:
    pass
