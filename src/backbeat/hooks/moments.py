"""Which moments there are, and which of them a callback answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from backbeat.errors import ArgumentTypeError
from backbeat.hooks.callback import Callback
from backbeat.registry import nearest
from backbeat.warning import warn

__all__ = ["MOMENTS", "answers", "check_callback", "hook_of"]

Hook = Callable[..., Any]

# Read off the base class, so that the list exists once.
MOMENTS = (*(name for name in vars(Callback) if name.startswith("on_")), "close")

_ARGUMENTS = {
    moment: tuple(inspect.signature(getattr(Callback, moment)).parameters)[1:] for moment in MOMENTS
}

_ALIASES = {
    "on_train_batch_begin": "on_batch_begin",
    "on_train_batch_end": "on_batch_end",
}


def answers(callback: object, moment: str) -> bool:
    """Whether `callback` overrides `moment`, on its class or on the instance."""
    if moment in getattr(callback, "__dict__", ()):
        return True
    if moment in getattr(callback, "silent_moments", ()):
        return False
    method = getattr(type(callback), moment, None)
    return method is not None and method is not getattr(Callback, moment)


def hook_of(callback: Any, moment: str) -> Hook | None:
    """What to call on `callback` at `moment`, or None if it stays silent then.

    A callback that answers a training batch by both names hears it once by each, the train name
    first, whether or not its method calls the base's (which passes the moment on by itself).
    """
    if moment in _ALIASES.values():
        return None
    alias = _ALIASES.get(moment)
    by_alias = alias is not None and answers(callback, alias)
    if not answers(callback, moment):
        return getattr(callback, alias) if alias is not None and by_alias else None
    return _both(callback, moment, alias) if alias and by_alias else getattr(callback, moment)


def _both(callback: Any, moment: str, alias: str) -> Hook:
    def hook(batch: int, logs: Any) -> None:
        callback._alias_was_rung = False
        getattr(callback, moment)(batch, logs)
        if not callback._alias_was_rung:
            getattr(callback, alias)(batch, logs)

    return hook


def check_callback(callback: object) -> None:
    """Raise if `callback` can be none, or has a hook that could not be called.

    Warns about methods that look like misspelt hooks.
    """
    if isinstance(callback, type):
        raise ArgumentTypeError(
            f"callbacks holds the class {callback.__name__}, not an instance of it; "
            f"write {callback.__name__}(...)."
        )
    if not any(hasattr(callback, moment) for moment in MOMENTS):
        raise ArgumentTypeError(
            f"callbacks holds {callback!r}, which answers no moment of training. Pass instances "
            "of subclasses of backbeat.callbacks.Callback; LambdaCallback wraps plain functions."
        )
    _check_hooks(callback)
    for name in _misspelt(callback):
        guess = nearest(name, MOMENTS)
        warn(
            f"{type(callback).__name__}.{name} is never called: there is no such hook. "
            f"Did you mean {guess}?"
        )


def _check_hooks(callback: object) -> None:
    """Raise for a hook that would fail only when its moment comes, perhaps hours later."""
    # Methods of ours fit; of a LambdaCallback the functions are yours.
    ours = type(callback).__module__.startswith("backbeat.")
    for moment in MOMENTS:
        if not (moment in vars(callback) if ours else answers(callback, moment)):
            continue
        hook, name = getattr(callback, moment), f"{type(callback).__name__}.{moment}"
        if inspect.iscoroutinefunction(hook):
            raise ArgumentTypeError(f"{name} is async, but nobody awaits it; write a plain def.")
        try:
            signature = inspect.signature(hook)
        except ValueError:  # as some built-in functions
            continue
        try:
            signature.bind(*_ARGUMENTS[moment])
        except TypeError:
            raise ArgumentTypeError(
                f"{name} is called with ({', '.join(_ARGUMENTS[moment])}), but takes {signature}. "
                "Arguments come by position."
            ) from None


def _misspelt(callback: object) -> list[str]:
    own = {name: None for kind in type(callback).__mro__ for name in vars(kind)}
    own.update(dict.fromkeys(getattr(callback, "__dict__", ())))
    return [
        name
        for name in own
        if name.startswith("on_")
        and name not in MOMENTS
        and callable(getattr(callback, name, None))
        and nearest(name, MOMENTS)
    ]
