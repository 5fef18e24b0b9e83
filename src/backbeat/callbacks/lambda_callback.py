"""LambdaCallback: a callback out of plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backbeat.errors import ArgumentTypeError
from backbeat.hooks.callback import Callback

__all__ = ["LambdaCallback"]

Hook = Callable[..., Any]


class LambdaCallback(Callback):
    """Calls your functions at the moments you name; nothing happens at the others.

    Every hook of `Callback` is a keyword. The arguments are passed by position: `(epoch, logs)`,
    `(batch, logs)`, `(logs)`; `on_exception(error)`, `on_checkpoint_saved(path)` and `close()`.

    Raises ArgumentTypeError for something that cannot be called.

    >>> printer = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> printer.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_batch_begin: Hook | None = None,
        on_batch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
        *,
        on_train_batch_begin: Hook | None = None,
        on_train_batch_end: Hook | None = None,
        on_backward_end: Hook | None = None,
        on_step_end: Hook | None = None,
        on_validation_begin: Hook | None = None,
        on_validation_end: Hook | None = None,
        on_test_begin: Hook | None = None,
        on_test_end: Hook | None = None,
        on_test_batch_begin: Hook | None = None,
        on_test_batch_end: Hook | None = None,
        on_predict_begin: Hook | None = None,
        on_predict_end: Hook | None = None,
        on_predict_batch_begin: Hook | None = None,
        on_predict_batch_end: Hook | None = None,
        on_checkpoint_saved: Hook | None = None,
        on_exception: Hook | None = None,
        close: Hook | None = None,
    ) -> None:
        hooks = {name: hook for name, hook in locals().items() if name not in ("self", "__class__")}
        for name, hook in hooks.items():
            if hook is None:
                continue
            if not callable(hook):
                raise ArgumentTypeError(
                    f"LambdaCallback: {name} is a function; got {hook!r} ({type(hook).__name__})."
                )
            # Only what was given counts as answered: an attribute is how an instance answers.
            setattr(self, name, hook)
