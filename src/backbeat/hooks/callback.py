"""Callback: every moment of a run, all silent until a subclass answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from backbeat.hooks.host import is_host
from backbeat.hooks.plan import Plan

__all__ = ["PHASES", "Callback", "Phase", "Role", "RunsOn"]

Phase = Literal["average", "act", "decide", "record", "save"]
Role = Literal["observer", "controller", "keeper"]
RunsOn = Literal["every", "main"]

PHASES: tuple[Phase, ...] = ("average", "act", "decide", "record", "save")

_NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


class Callback:
    """The base of every callback: subclass it and override the moments you care about.

    `params` holds the run's settings (`epochs`, `steps`, `samples`, `batch_size`, `verbose`,
    `do_validation`, `metrics`), `model` what is being trained, `validation_data` the arrays that
    were passed for validation. All three are set before `on_train_begin`.

    >>> class LossHistory(Callback):
    ...     def on_train_begin(self, logs={}):
    ...         self.losses = []
    ...     def on_batch_end(self, batch, logs={}):
    ...         self.losses.append(logs.get("loss"))
    """

    phase: ClassVar[Phase] = "act"
    """When it hears an epoch end: averages, actions, decisions, records, saves, in this order."""
    role: ClassVar[Role | None] = None
    """What an exception in it means; None, the default for yours: it ends the training."""
    runs_on: ClassVar[RunsOn] = "every"
    """On which ranks of a distributed run it is called."""

    # Defaults on the class, because a subclass need not call super().__init__().
    params: Mapping[str, Any] = _NO_PARAMS
    model: Any = None
    validation_data: Any = None
    _alias_was_rung: bool = False

    @property
    def silent_moments(self) -> Collection[str]:
        """Moments that it need not hear although it has methods for them; they cost nothing then.

        It is asked when a run begins.
        """
        return ()

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called once before training begins, and again if the settings change."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called once before training, evaluating or predicting begins."""
        self.model = model

    # The run

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before the first epoch. `logs` is empty."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """After the last epoch of a run that ended normally or was asked to stop.

        `logs` holds the last epoch's values. After an error `on_exception` comes instead.
        """

    def on_exception(self, error: BaseException) -> None:
        """When the run is ended by `error` (Ctrl-C included), in place of `on_train_end`."""

    def close(self) -> None:
        """Always the last call of a run that was begun, whatever happened: let go of files."""

    # Epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before the first batch of `epoch`, counted from 0. `logs` is empty."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After the last batch of `epoch` and its validation.

        `logs` holds the epoch's means (`loss`, metrics), `val_*`, and what earlier callbacks added.
        """

    # Training batches

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before training batch `batch`, counted from 0 in each epoch; `logs`: `batch`, `size`."""
        self._alias_was_rung = True
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After training batch `batch`; `logs` adds this batch's own `loss` and metrics."""
        self._alias_was_rung = True
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_backward_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """When the gradients of `batch` are there, unclipped, before the optimizer's step."""

    def on_step_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """When the optimizer has stepped; the gradients are still there."""

    # Evaluating

    def on_validation_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before the validation inside `fit` (which also rings the test moments)."""

    def on_validation_end(self, logs: dict[str, Any] | None = None) -> None:
        """After the validation inside `fit`; `logs` holds its results, named `val_*`."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before the first batch of `evaluate`, or of the validation inside `fit`."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """After the last one; `logs` holds the results, without `val_`."""

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each batch of it; `logs`: `batch`, `size`."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After each batch of it; `logs` adds this batch's own values."""

    # Predicting

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before the first batch of `predict`. `logs` is empty."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """After the last batch of `predict`. `logs` is empty."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before each batch of `predict`; `logs`: `batch`, `size`."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After each batch of `predict`; `logs` adds `outputs`, a list of arrays."""

    # Files and state

    def on_checkpoint_saved(self, path: Path | str) -> None:
        """When a checkpoint at `path` is complete and safe; a str is the address of a store."""

    def state_dict(self) -> dict[str, Any]:
        """What the callback must remember across a resume: plain numbers, texts, lists, dicts."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned; called after `on_train_begin`."""

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the settings and the state, not the run it took part in."""
        state = dict(self.__dict__)
        for name in ("model", "validation_data", "announce"):
            state.pop(name, None)
        return state

    def _nobody_will_close(self) -> bool:
        """Whether this is the `fit` of Keras itself, which does not know `close`."""
        return self.model is not None and not is_host(self.model)

    def _troubles(self) -> list[str]:
        """What it lost, put off or could not do in this run, a short line each."""
        return []

    def _check_plan(self, plan: Plan) -> None:
        """Before `on_train_begin`: the last chance to say that this cannot work.

        A warning or an error here costs nothing yet; after an epoch it costs an epoch.
        """

    def _forget_plan(self) -> None:
        """The run that was checked ended before this callback was begun, so it is not closed."""
