"""Host: the little that a callback may ask of the thing being trained."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, Literal, Protocol, cast, runtime_checkable

from backbeat.checkpoints.checkpoint import Draft
from backbeat.errors import ArgumentError
from backbeat.hooks.inspection import Inspection

__all__ = [
    "Capturable",
    "Direction",
    "Host",
    "Inspectable",
    "Resumable",
    "Snapshot",
    "as_host",
    "is_host",
    "is_overridden",
]

Direction = Literal["min", "max"]


class Snapshot(Protocol):
    """Weights as they were at one moment; never aliases the live ones."""

    def arrays(self) -> Mapping[str, Any]:
        """The weights by name, as arrays on the host."""
        ...


class Host(Protocol):
    """What a callback may ask of the thing being trained."""

    @property
    def stop_training(self) -> bool:
        """Whether somebody asked the run to stop. Setting it to True asks."""
        ...

    @stop_training.setter
    def stop_training(self, value: bool) -> None: ...

    @property
    def learning_rate(self) -> float:
        """The rate of the first parameter group. Setting it scales all groups alike."""
        ...

    @learning_rate.setter
    def learning_rate(self, value: float) -> None: ...

    def stop(self, reason: str, *, by: object) -> None:
        """Ask the run to stop at the next batch or epoch boundary."""
        ...

    def direction(self, name: str) -> Direction | None:
        """Whether smaller or larger is better for the logged value `name`, if it is known."""
        ...

    def save(self, path: str | PathLike[str]) -> None:
        """Write the whole model to `path`."""
        ...

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write the weights to `path`."""
        ...

    def snapshot(self) -> Snapshot:
        """A copy of the weights as they are now."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Put the weights back to what they were when `snapshot` was taken."""
        ...


@runtime_checkable
class Inspectable(Protocol):
    """A host that also shows what it is made of."""

    def inspect(self) -> Inspection:
        """A look at the model as it is now."""
        ...


@runtime_checkable
class Capturable(Protocol):
    """A host whose state can be copied now and written later, while training goes on."""

    def capture(
        self, path: str | PathLike[str], *, weights_only: bool, reuse: Draft | None = None
    ) -> Draft | None:
        """A copy of what `save`, or `save_weights`, would write to `path` at this moment.

        It never aliases the live tensors. `reuse` is a draft that nobody needs any more, whose
        memory may be overwritten. None if saving is done in a way of the host's own, so that
        `save` must be called.
        """
        ...


def is_overridden(host: object, method: str, base: type) -> bool:
    """Whether calling `method` of `host` runs anything else than what `base` defines."""
    return getattr(getattr(host, method), "__func__", None) is not getattr(base, method)


class Resumable(Protocol):
    """What a host offers beyond that if a run of it can be saved whole and gone on with."""

    def capture_run(self, memory: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The whole run as plain data (`finite`: whether all weights are), all of it copied.

        None where the run does not stand between two batches. In `memory`, a dict of the caller's,
        the host keeps what it copies to: the next call with it overwrites what this one gave.
        """
        ...

    def restore_run(self, state: Mapping[str, Any]) -> None:
        """Let the run go on from what `capture_run` gave; to be called in `on_train_begin`."""
        ...


def as_host(model: Any) -> Host:
    """`model` itself if it is a host, else a thin one around whatever it offers.

    A bare object with only `stop_training`, `get_weights` and `set_weights`, or only
    `optimizer.lr`, is understood, and so is a model of Keras; what it lacks is missed when it is
    asked for.
    """
    return cast(Host, model) if is_host(model) else _BareHost(model)


def is_host(model: Any) -> bool:
    """Whether `model` is a host by itself; one that is none trains in somebody else's loop."""
    kind = type(cast(object, model))
    return hasattr(kind, "restore") and hasattr(kind, "snapshot")


class _BareSnapshot:
    def __init__(self, weights: Any) -> None:
        self.weights = weights

    def arrays(self) -> Mapping[str, Any]:
        return {str(index): weight for index, weight in enumerate(self.weights)}


class _BareHost:
    """A host around an object that knows nothing of hosts."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @property
    def stop_training(self) -> bool:
        return bool(getattr(self._model, "stop_training", False))

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._model.stop_training = value

    @property
    def learning_rate(self) -> float:
        optimizer, name = self._rated()
        return float(getattr(optimizer, name))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        setattr(*self._rated(), value)

    def _rated(self) -> tuple[Any, str]:
        """The optimizer, and what it calls its rate."""
        optimizer = getattr(self._model, "optimizer", None)
        for name in ("lr", "learning_rate"):
            if hasattr(optimizer, name):
                return optimizer, name
        raise ArgumentError(
            f"{type(optimizer).__name__} has no attribute 'lr' or 'learning_rate', so its "
            "learning rate can neither be read nor set. Give the model an optimizer that has one."
        )

    def stop(self, reason: str, *, by: object) -> None:
        del reason, by
        self._model.stop_training = True

    def direction(self, name: str) -> Direction | None:
        del name
        return None

    def save(self, path: str | PathLike[str]) -> None:
        self._model.save(path)

    def save_weights(self, path: str | PathLike[str]) -> None:
        self._model.save_weights(path)

    def snapshot(self) -> Snapshot:
        return _BareSnapshot(self._model.get_weights())

    def restore(self, snapshot: Snapshot) -> None:
        self._model.set_weights(cast(_BareSnapshot, snapshot).weights)
