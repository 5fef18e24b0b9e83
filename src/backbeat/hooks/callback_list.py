"""CallbackList: who hears what, in which order, and what each one costs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backbeat import forks
from backbeat.hooks.bell import Bell
from backbeat.hooks.callback import PHASES, Callback
from backbeat.hooks.cost import CostTable
from backbeat.hooks.failures import Failures, with_notes
from backbeat.hooks.flattening import flat
from backbeat.hooks.moments import MOMENTS, check_callback
from backbeat.hooks.plan import Plan
from backbeat.hooks.pulse import Pulse

__all__ = ["CallbackList"]

Values = dict[str, Any] | None


class CallbackList:
    """The callbacks of a run, in the order of their phases; rings each moment on all of them.

    Takes one callback, or any nesting of lists and other iterables. Usable by itself, without
    model or params.

    >>> said = []
    >>> class Speaker(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         said.append(epoch)
    >>> CallbackList([Speaker()]).on_epoch_end(0)
    >>> said
    [0]
    """

    def __init__(self, callbacks: Any = None) -> None:
        self.callbacks = list(flat(callbacks))
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
        """Find out again who answers `moment`; not to be called while it is being rung."""
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


def _writes(callback: Any) -> bool:
    """Whether `callback` leaves something outside of this process: it observes or keeps."""
    return getattr(callback, "role", None) in ("observer", "keeper")


def _given(logs: Values) -> dict[str, Any]:
    """`logs`, or a new empty dict that the callbacks of this call share."""
    return {} if logs is None else logs
