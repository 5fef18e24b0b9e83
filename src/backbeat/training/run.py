"""Run: how a training run begins, ends, fails, and goes on after a kill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from backbeat import errands, outlets
from backbeat.callbacks.history import History
from backbeat.errors import CheckpointError
from backbeat.hooks import CallbackList, Logs, Plan, Stop, Waits
from backbeat.training.boundary import Boundary
from backbeat.training.module_host import TrainingHost
from backbeat.training.notices import say_troubles
from backbeat.training.plan import check_rate, check_rate_owners
from backbeat.training.run_state import RunState
from backbeat.training.signals import SIGNAL_NAMES, Signals
from backbeat.training.under_way import begin, end

__all__ = ["Run"]


class Run:
    """What surrounds the epochs of a run: a `with` that its callbacks hear of, whatever happens.

    Entering it rings train begin. Leaving it rings train end, or `on_exception` if the body
    raised, and closes every callback in any case. Where the run stands in between is written by
    the `Loop`, which rings the epochs and batches; here it is kept and given back.
    """

    def __init__(
        self,
        host: TrainingHost,
        hooks: CallbackList,
        params: dict[str, Any],
        *,
        history: History,
        plan: Plan,
        validation_data: Any,
        grace: float | None,
    ) -> None:
        self.host = host
        self.hooks = hooks
        self.params = params
        self.history = history
        self._plan = plan
        self._validation_data = validation_data
        self._waits = Waits()
        self._latch = host.latch
        self._grace = grace
        self._signals = Signals(self._latch, grace)
        self._begun = False
        # The run in whose midst a callback began this one, and whether that was asked to stop.
        self._outer: Any = None
        self._asked_outside: tuple[str, str] | None = None
        self.run_state = RunState(host, hooks)
        self._forget()

    def _forget(self) -> None:
        """Nothing of this run has happened yet."""
        self._next_epoch: int = self.params["initial_epoch"]
        self._batches_done = 0
        # How many loops over batches the epoch has begun, and whether the last one was left.
        self._parts, self._is_left = 0, False
        # Where in its first epoch a resumed run goes on, until it is there.
        self._ahead: Mapping[str, Any] | None = None
        self._is_in_batches = False
        # Where all batches of the epoch were done, until another one or another epoch begins.
        self._boundary: Boundary | None = None
        self.epoch: int | None = None
        self._epoch_logs: dict[str, Any] = {}
        self.batch: int | None = None
        self.batch_logs: Logs | None = None
        self._stop: Stop | None = None
        # What the run failed with, and what the data failed with, which may be the same.
        self._error: BaseException | None = None
        self._fetch_error: Exception | None = None

    def __enter__(self) -> Self:
        begin(self, self.host, tuple(self.hooks))
        self._asked_outside = self._latch.put_aside()
        # What an earlier run of this object left behind.
        self._forget()
        self.run_state.forget()
        self._waits.clear()
        # A callback may train the same model in the midst of a run.
        self._outer = self.host.run_in_progress
        self.host.history = self.history
        self.host.run_in_progress = self
        self._signals = Signals(self._latch, self._grace)
        outlets.begin()
        errands.begin()
        try:
            self.hooks.set_model(self.host)
            self.hooks.set_params(self.params)
            self.hooks.set_validation_data(self._validation_data)
            self._signals.listen()
            check_rate_owners(self.hooks)
            self.hooks.check_plan(self._plan)
            self._begun = True
            self._announce(self.hooks.on_checkpoint_saved)
            self.hooks.on_train_begin({})
            check_rate(self.hooks, self.host)
        except BaseException as error:
            self._fail(error)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._fail(error)
            return
        try:
            self._finish()
            self._signals.check()
            self._record()
            self.hooks.on_train_end(dict(self._epoch_logs))
        except BaseException as late:
            self._fail(late)
            raise
        self._record()
        self._close()

    def _finish(self) -> None:
        """End what is still open when the body is over."""

    def _fail(self, error: BaseException) -> None:
        if self.epoch is not None:
            where = f"in epoch {self.epoch}"
            error.add_note(where if self.batch is None else f"{where}, batch {self.batch}")
        self._error = error
        self._record()
        try:
            self.hooks.on_exception(error)
        finally:
            self._close(error)

    def _close(self, error: BaseException | None = None) -> None:
        self._signals.leave()
        try:
            self._announce(None)
            self.host.run_in_progress, self.host.history = self._outer, self.history
            self.hooks.close(error)
        finally:
            end(self)
            self._hand_back()
            self.history.troubles = self.hooks.troubles() + _unread(outlets.end())
            errands.end()
            say_troubles(self.history.troubles)
            self._signals.end(error)

    def _hand_back(self) -> None:
        """A request to stop this run is none to stop the one around it; that of a signal is."""
        if self._outer is None or self._latch.by in SIGNAL_NAMES:
            return
        self._latch.clear()
        if self._asked_outside is not None:
            reason, by = self._asked_outside
            self._latch.request(reason, by=by)

    def _announce(self, ring: Any) -> None:
        """Let the callbacks that write checkpoints say so to all the others."""
        for callback in self.hooks:
            if hasattr(callback, "announce"):
                callback.announce = ring
            if hasattr(callback, "listen_anew"):
                callback.listen_anew = None if ring is None else self.hooks.listen_anew

    def _record(self) -> None:
        self.history.stopped = self._stop
        self.history.cost = self.hooks.cost()
        self.history.waits = dict(self._waits)

    @property
    def stopping(self) -> bool:
        """Whether somebody asked the run to stop; notes where it stood when first seen."""
        if not self._latch.requested:
            return False
        if self._stop is None:
            self._stop = Stop(self._latch.by, self._latch.reason, self.epoch, self.batch)
        return True

    # Going on where an earlier process was killed

    def capture_run(self, memory: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The whole run as plain data; None where it does not stand between two batches.

        After a failure it is the run as it stood before the data, the validation or the callbacks
        at the end of the epoch failed; None if that is not known.
        """
        if self.batch_logs is not None or self._ahead is not None:
            return None
        error = self._error
        if error is not None and not self._was_trained:
            return None  # a restart begins anew, perhaps with another model
        if error is not None and self._boundary is not None:
            return self.run_state.capture_at(self._boundary, memory)
        # What a signal ended stands between two batches; nobody knows where another error left it.
        if error not in (None, self._signals.raised, self._fetch_error):
            return None
        return self.run_state.capture(
            self._position(),
            done=self._done,
            over=not self._is_in_batches or self._is_left,
            memory=memory,
            fetching=error is not None and error is self._fetch_error,
        )

    @property
    def _was_trained(self) -> bool:
        is_begun = self._done or self._parts > 1
        return bool(is_begun) or self._next_epoch > self.params["initial_epoch"]

    @property
    def _done(self) -> int:
        return self._batches_done if self.batch is None else self.batch + 1

    def _position(self) -> dict[str, Any]:
        over = not self._is_in_batches
        is_asked = self.stopping and self._latch.by not in SIGNAL_NAMES
        return {
            "epoch": self._next_epoch if over or self.epoch is None else self.epoch,
            "begun": not over,
            "batches": 0 if over or self._is_left else self._done,
            "part": 0 if over else self._parts - (not self._is_left),
            "epoch_logs": dict(self._epoch_logs),
            "stop": asdict(self._stop) if is_asked and self._stop is not None else None,
        }

    def mark_boundary(self) -> None:
        """Remember that all batches of the epoch are done, as what follows may fail."""
        if self.run_state.is_kept:
            self._boundary = self.run_state.mark(self._position(), self._done)

    def _check_reach(self, epochs: int, position: Mapping[str, Any]) -> None:
        """A run that ends earlier would undo nothing, and take its end for that of the backup."""
        if epochs > self.params["epochs"]:
            raise CheckpointError(
                f"The backup stands after {position['epoch']} epochs and {position['batches']} "
                f"batches, but this run ends with epochs={self.params['epochs']}. Pass a larger "
                "epochs=, or give this run another backup_dir."
            )

    def restore_run(self, state: Mapping[str, Any]) -> None:
        """Go on from what `capture_run` gave: the epochs and batches done are not done again."""
        position = state["position"]
        is_midway = bool(position["begun"])
        self._check_reach(position["epoch"] + is_midway, position)
        self.run_state.restore(state)
        self._next_epoch = position["epoch"]
        self._ahead = position if is_midway else None
        self._epoch_logs = dict(position["epoch_logs"])
        if position["stop"] is not None:
            self._stop = stop = Stop(**position["stop"])
            self._latch.request(stop.reason, by=stop.by)


def _unread(lost: int) -> list[str]:
    return [f"{lost} lines or drawings were not shown, for nobody read them"] if lost else []
