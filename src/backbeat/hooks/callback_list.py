"""CallbackList: rings each moment of a run on everybody who hears it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backbeat import forks
from backbeat.hooks.failures import with_notes
from backbeat.hooks.roster import Roster

__all__ = ["CallbackList"]

Values = dict[str, Any] | None


class CallbackList(Roster):
    """The callbacks of a run, in the order of their phases; rings each moment on all of them.

    Takes one callback, or any nesting of lists and other iterables. Usable by itself, without
    model or params.

    >>> from backbeat.hooks import Callback
    >>> said = []
    >>> class Speaker(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         said.append(epoch)
    >>> CallbackList([Speaker()]).on_epoch_end(0)
    >>> said
    [0]
    """

    # The run

    def _begin(self, moment: str, logs: Values) -> None:
        for callback in self._heard():
            forks.silence_in_children(self)
            if not any(callback is begun for begun in self._begun):
                self._begun.append(callback)
            self._checked = [each for each in self._checked if each is not callback]
            self._bells[moment].ring_for(callback, _given(logs))

    def on_train_begin(self, logs: Values = None) -> None:
        """Ring it; from now on every callback that heard it will be closed."""
        self._begin("on_train_begin", logs)
        self._listen()  # hooks may have been hung on instances meanwhile

    def on_train_end(self, logs: Values = None) -> None:
        """Ring it on everybody, then raise the first error, the others being its notes."""
        errors = self._bells["on_train_end"].ring_all(_given(logs))
        if errors:
            raise with_notes(errors)

    def on_exception(self, error: BaseException) -> None:
        """Tell everybody who was begun; what they raise themselves becomes a note of `error`."""
        bell = self._bells["on_exception"]
        for callback in self._begun:
            try:
                bell.ring_for(callback, error)
            except BaseException as another:
                with_notes([error, another])

    def close(self, error: BaseException | None = None) -> None:
        """Close everybody who was begun, the last one first.

        What they raise becomes a note of `error`; without one, the first is raised at the end.
        """
        errors: list[BaseException] = [] if error is None else [error]
        while self._checked:  # those of a run that failed before they were begun
            self._checked.pop()._forget_plan()  # pyright: ignore[reportPrivateUsage] ours to call
        while self._begun:
            try:
                self._bells["close"].ring_for(self._begun.pop())
            except BaseException as another:
                errors.append(another)
        forks.forget(self)
        if errors:
            first = with_notes(errors)
            if error is None:
                raise first

    def on_checkpoint_saved(self, path: Path | str) -> None:
        """Ring it."""
        self._bells["on_checkpoint_saved"].ring(path)

    # Epochs and batches

    def on_epoch_begin(self, epoch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_epoch_begin"].ring(epoch, _given(logs))

    def on_epoch_end(self, epoch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_epoch_end"].ring(epoch, _given(logs))
        self._pulse.warn_of_slow()

    def on_train_batch_begin(self, batch: int, logs: Values = None) -> None:
        """Ring it; 1 batch in 64 is timed."""
        self._pulse.begin(batch, {} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Values = None) -> None:
        """Ring it; 1 batch in 64 is timed."""
        self._pulse.end(batch, {} if logs is None else logs)

    on_batch_begin = on_train_batch_begin
    on_batch_end = on_train_batch_end

    def on_backward_end(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_backward_end"].ring_batch(batch, _given(logs))

    def on_step_end(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_step_end"].ring_batch(batch, _given(logs))

    # Evaluating and predicting

    def on_validation_begin(self, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_validation_begin"].ring(_given(logs))

    def on_validation_end(self, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_validation_end"].ring(_given(logs))

    def on_test_begin(self, logs: Values = None) -> None:
        """Ring it; a stand-alone evaluation begins its callbacks with this."""
        self._begin("on_test_begin", logs)

    def on_test_end(self, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_test_end"].ring(_given(logs))

    def on_test_batch_begin(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_test_batch_begin"].ring_batch(batch, _given(logs))

    def on_test_batch_end(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_test_batch_end"].ring_batch(batch, _given(logs))

    def on_predict_begin(self, logs: Values = None) -> None:
        """Ring it; a prediction begins its callbacks with this."""
        self._begin("on_predict_begin", logs)

    def on_predict_end(self, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_predict_end"].ring(_given(logs))

    def on_predict_batch_begin(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_predict_batch_begin"].ring_batch(batch, _given(logs))

    def on_predict_batch_end(self, batch: int, logs: Values = None) -> None:
        """Ring it."""
        self._bells["on_predict_batch_end"].ring_batch(batch, _given(logs))


def _given(logs: Values) -> dict[str, Any]:
    """`logs`, or a new empty dict that the callbacks of this call share."""
    return {} if logs is None else logs
