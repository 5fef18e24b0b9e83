"""Test your own callback without training: a host that pretends, a recorder, a run that is played.

host = play(MyCallback(), [{"loss": 1.0}, {"loss": 0.5}])
assert host.stop_reason == ""
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np

from backbeat import files
from backbeat.checkpoints import Draft
from backbeat.errors import ArgumentError
from backbeat.hooks.callback import Callback
from backbeat.hooks.callback_list import CallbackList
from backbeat.hooks.host import Direction, is_overridden
from backbeat.hooks.moments import MOMENTS
from backbeat.hooks.plan import Plan
from backbeat.hooks.stop import StopLatch

__all__ = ["FakeHost", "FakeSnapshot", "HookRecorder", "play"]


class FakeSnapshot:
    """The weights of a FakeHost as they were."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._weights = {name: np.array(weight) for name, weight in weights.items()}

    def arrays(self) -> Mapping[str, Any]:
        """The weights by name."""
        return {name: weight.copy() for name, weight in self._weights.items()}


class FakeHost:
    """Something to be trained that only remembers what was asked of it.

    `weights` maps names to arrays; change them as you like between epochs. `directions` says which
    way is better for which logged value. Saving writes the weights as text, so the files are real;
    `saved` lists their paths, `rates` every learning rate, the first included, `restored` what each
    restore put back.

    >>> host = FakeHost({"w": [1.0]})
    >>> before = host.snapshot()
    >>> host.weights["w"] = np.array([2.0])
    >>> host.restore(before)
    >>> host.weights["w"].tolist()
    [1.0]
    """

    def __init__(
        self,
        weights: Mapping[str, Any] | None = None,
        *,
        learning_rate: float = 0.1,
        directions: Mapping[str, Direction] | None = None,
    ) -> None:
        self.weights = {name: np.array(weight) for name, weight in (weights or {"w": 0.0}).items()}
        self.directions: dict[str, Direction] = dict(directions or {})
        self.rates = [float(learning_rate)]
        self.saved: list[Path] = []
        self.restored: list[Mapping[str, Any]] = []
        self.latch = StopLatch()

    @property
    def stop_training(self) -> bool:
        """Whether somebody asked to stop; `stop_reason` and `stopped_by` say why and who."""
        return self.latch.requested

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.latch.set(value)

    def stop(self, reason: str, *, by: object) -> None:
        """Ask to stop."""
        self.latch.request(reason, by=by)

    @property
    def stop_reason(self) -> str:
        """Why it was asked to stop; empty if it was not."""
        return self.latch.reason

    @property
    def stopped_by(self) -> str:
        """The name of the class that asked."""
        return self.latch.by

    @property
    def learning_rate(self) -> float:
        """The last rate that was set."""
        return self.rates[-1]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.rates.append(value)

    def direction(self, name: str) -> Direction | None:
        """What `directions` says."""
        return self.directions.get(name)

    def snapshot(self) -> FakeSnapshot:
        """A copy of the weights."""
        return FakeSnapshot(self.weights)

    def restore(self, snapshot: FakeSnapshot) -> None:
        """Put the weights back."""
        self.weights = dict(snapshot.arrays())
        self.restored.append(snapshot.arrays())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the weights to `path` as text."""
        self.save_weights(path)

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write the weights to `path` as text."""
        self._draft().write(path)

    def capture(
        self, path: str | PathLike[str], *, weights_only: bool, reuse: Draft | None = None
    ) -> Draft | None:
        """The weights as they are now, to be written later; None if a subclass saves otherwise."""
        del path, weights_only, reuse
        own = any(is_overridden(self, name, FakeHost) for name in ("save", "save_weights"))
        return None if own else self._draft()

    def _draft(self) -> Draft:
        text = "".join(f"{name} {weight.tolist()}\n" for name, weight in self.weights.items())

        def write(path: str | PathLike[str]) -> None:
            with files.whole(path, "w") as file:
                file.write(text)
            self.saved.append(Path(path))

        return Draft(len(text), write)


class HookRecorder(Callback):
    """Remembers each call of its hooks, or of those you name, in `calls`: (hook, *arguments).

    Logs are copied when the hook is called, late values read.

    >>> recorder = HookRecorder("on_epoch_end")
    >>> recorder.on_epoch_end(0, {"loss": 0.5})
    >>> recorder.calls
    [('on_epoch_end', 0, {'loss': 0.5})]
    """

    def __init__(self, *hooks: str) -> None:
        self.calls: list[tuple[Any, ...]] = []
        for hook in hooks or MOMENTS:
            if hook not in MOMENTS:
                raise ArgumentError(f"There is no hook {hook!r}; there are: {', '.join(MOMENTS)}.")
            setattr(self, hook, partial(self._record, hook))

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks, in the order in which they were called."""
        return [call[0] for call in self.calls]

    def _record(self, hook: str, *arguments: Any) -> None:
        copies = [dict(cast(Any, each)) if isinstance(each, dict) else each for each in arguments]
        self.calls.append((hook, *copies))


def play(
    callbacks: Any,
    epochs: Sequence[Mapping[str, Any]],
    *,
    batches: Sequence[Mapping[str, Any]] = (),
    host: FakeHost | None = None,
    params: Mapping[str, Any] | None = None,
    plan: Plan | None = None,
    initial_epoch: int = 0,
    error: BaseException | None = None,
) -> FakeHost:
    """Ring the moments of a run on `callbacks`, as a Loop does, and return the host.

    `epochs` holds the logs of each epoch, `batches` the logs of the batches that every epoch has.
    A request to stop is honoured. With `error` the run ends by it after the last epoch:
    `on_exception` takes the place of `on_train_end`, and the error is not raised.

    >>> class Impatient(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop("enough", by=self)
    >>> play(Impatient(), [{"loss": 1.0}, {"loss": 0.5}]).stop_reason
    'enough'
    """
    host = FakeHost() if host is None else host
    host.latch.clear()
    hooks = CallbackList(callbacks)
    hooks.set_model(host)
    hooks.set_params({"epochs": initial_epoch + len(epochs), **(params or {})})
    saved = len(host.saved)
    try:
        hooks.check_plan(plan or Plan(epochs=initial_epoch + len(epochs)))
        del host.saved[saved:]  # what was only rehearsed
        hooks.on_train_begin({})
        _play_epochs(hooks, host, epochs, batches, initial_epoch)
        if error is None:
            hooks.on_train_end({})
    except BaseException as raised:
        hooks.on_exception(raised)
        hooks.close(raised)
        raise
    if error is not None:
        hooks.on_exception(error)
    hooks.close(error)
    return host


def _play_epochs(
    hooks: CallbackList,
    host: FakeHost,
    epochs: Sequence[Mapping[str, Any]],
    batches: Sequence[Mapping[str, Any]],
    first: int,
) -> None:
    for epoch, values in enumerate(epochs, first):
        if host.stop_training:
            return
        hooks.on_epoch_begin(epoch, {})
        for batch, batch_values in enumerate(batches):
            logs: dict[str, Any] = {"batch": batch, "size": 1}
            hooks.on_train_batch_begin(batch, logs)
            logs.update(batch_values)
            hooks.on_train_batch_end(batch, logs)
            if host.stop_training:
                break
        hooks.on_epoch_end(epoch, dict(values))
