"""Loop: the one place where the moments of a training run are rung.

`fit` is its first customer; your own loop is its second:

    with Loop(module, optimizer, callbacks=[EarlyStopping("loss", patience=3)], epochs=50) as loop:
        for epoch in loop.epochs():
            for x, y in loop.batches(train_loader):
                loss = train_step(x, y)
                loop.log_batch(loss=loss, size=len(x))
            loop.log_epoch(val_loss=validate())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from backbeat.callbacks.base_logger import BaseLogger
from backbeat.callbacks.history import History
from backbeat.callbacks.progbar_logger import ProgbarLogger
from backbeat.callbacks.terminate_on_nan import TerminateOnNaN
from backbeat.data import Batch, size_of
from backbeat.errors import StateError
from backbeat.hooks import CallbackList, Fetch, Logs
from backbeat.training.arguments import verbosity, whole_number
from backbeat.training.module_host import ModuleHost
from backbeat.training.plan import has_bar, plan_of, run_params
from backbeat.training.run_logs import RunLogs
from backbeat.training.schedulers import adopt
from backbeat.training.signals import GRACE_SECONDS
from backbeat.training.values import counted

__all__ = ["Loop"]

Data = TypeVar("Data")


class Loop(RunLogs):
    """Rings train, epoch and batch moments around the body of a training loop.

    `module` is the `nn.Module` being trained (or a `Model`), `optimizer` its torch optimizer; the
    callbacks reach them as `callback.model`. `epochs` is the final epoch index, as in `fit`.
    `metrics` names the values that every batch logs, where that is known before training: then a
    callback that watches something else says so before the first batch.

    Ctrl-C and SIGTERM end the run after a whole batch, at the latest `grace` seconds later: as
    KeyboardInterrupt and as SystemExit(143). `grace=None` leaves signals alone.

    Leaving the `with` rings train end, or `on_exception` if the body raised, and closes every
    callback in any case.
    """

    def __init__(
        self,
        module: Any,
        optimizer: Any = None,
        *,
        callbacks: Any = None,
        epochs: int = 1,
        initial_epoch: int = 0,
        verbose: int | str = 0,
        metrics: Sequence[str] | None = None,
        stateful_metrics: Iterable[str] = (),
        do_validation: bool = False,
        steps: int | None = None,
        samples: int | None = None,
        batch_size: int | None = None,
        validation_data: Any = None,
        grace: float | None = GRACE_SECONDS,
    ) -> None:
        epochs = whole_number("epochs", epochs, 0)
        initial_epoch = whole_number("initial_epoch", initial_epoch, 0)
        verbose = verbosity(verbose)
        host = ModuleHost.of(module, optimizer)
        history = History()
        self._stateful = stateful = tuple(stateful_metrics)
        self._averages = BaseLogger(stateful_metrics=stateful)
        hooks = CallbackList([self._averages, adopt(callbacks), history])
        if verbose and not has_bar(hooks):
            hooks.append(ProgbarLogger("steps" if samples is None else "samples", stateful))
        params = run_params(
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=initial_epoch,
            steps=steps,
            samples=samples,
            verbose=verbose,
            do_validation=do_validation,
            metrics=metrics,
        )
        super().__init__(
            host,
            hooks,
            params,
            history=history,
            plan=plan_of(hooks, params, metrics_are_known=metrics is not None),
            validation_data=validation_data,
            grace=grace,
        )
        self.fetch: Fetch = counted(self._waits)
        self._averages.fetch = self.fetch
        self._owns_rate = any(getattr(each, "owns_rate", False) for each in hooks)
        self._warns_of_nan = not any(isinstance(each, TerminateOnNaN) for each in hooks)

    # Epochs

    def epochs(self, *, after_each: Callable[[], None] | None = None) -> Iterator[int]:
        """Yield the index of each epoch until all are done or somebody asks to stop.

        `after_each` is called when the callbacks have heard the end of an epoch.
        """
        if not self._begun:
            raise StateError(
                "A Loop rings its hooks inside its with block: with Loop(...) as loop:"
            )
        for epoch in range(self._next_epoch, self.params["epochs"]):
            # An epoch that a killed run had begun is ended in any case.
            if self.stopping and self._ahead is None:
                self._signals.check()
                return
            self.epoch, self._epoch_logs, self._parts, self._is_left = epoch, {}, 0, False
            self.run_state.feeds.begin_epoch()
            self.hooks.on_epoch_begin(epoch, {})
            yield epoch
            self._end_left_batch()
            self._end_epoch()
            if after_each is not None:
                after_each()

    @property
    def stop_training(self) -> bool:
        """Whether somebody asked to stop; set it to True and the run ends after this batch."""
        return self._latch.requested

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self._latch.set(value)

    @property
    def epoch_is_whole(self) -> bool:
        """Whether the epoch saw all its batches, and was not left early by a request to stop."""
        steps = self.params["steps"]
        return not self._latch.requested or (steps is not None and self._batches_done >= steps)

    def _finish(self) -> None:
        self._end_left_batch()
        self._end_epoch()

    def _end_epoch(self) -> None:
        if self.epoch is None:
            return
        if self._ahead is not None:  # all its batches were done before
            self._arrive()
        if self._owns_rate:
            self._epoch_logs.update(self.host.rate_logs())
        epoch = self.epoch
        self._next_epoch, self._is_in_batches = epoch + 1, False
        self.hooks.on_epoch_end(epoch, self._epoch_logs)
        self._look_at_mean(self._epoch_logs.get("loss"))
        self._boundary = None
        _ = self.stopping  # where it was asked is known only now
        self.epoch = None

    # Batches

    def batches(self, loader: Iterable[Data]) -> Iterator[Data]:
        """Yield what `loader` yields, ringing the batch moments around each."""
        if self.epoch is None:
            raise StateError("batches was called outside of an epoch of loop.epochs().")
        self._end_left_batch()
        self._parts, self._is_left = self._parts + 1, False
        data_left = self.run_state.follow(loader, done=self._batches_done)
        self._boundary = None
        if self._ahead is not None and self._parts <= self._ahead["part"]:
            return
        first = self._arrive()
        self._batches_done, self._is_in_batches = first, True
        if not self._is_to_stop():
            yield from self._ringing(data_left, first)
        self.mark_boundary()

    def _ringing(self, data_left: Iterable[Data], first: int) -> Iterator[Data]:
        """Yield the batches that are left of an epoch, of which `first` are done."""
        hooks, means, fetch = self.hooks, self._averages.averages, self.fetch
        signals, batch = self._signals, first - 1
        signals.fetching = True
        try:
            for batch, data in enumerate(data_left, first):
                signals.fetching = False
                if batch == first:  # the workers of a loader are there now
                    signals.hear_workers()
                if self._latch.requested and self._is_to_stop():
                    return
                size = data.size if isinstance(data, Batch) else size_of(data)
                logs = Logs({"batch": batch, "size": size}, fetch=fetch, means=means)
                self.batch, self.batch_logs = batch, logs
                hooks.on_train_batch_begin(batch, logs)
                yield data
                self._end_batch()
                if self._latch.requested:
                    signals.check()
                    return
                signals.fetching = True
        except Exception as error:
            if signals.fetching:
                # A worker of the loader that the same Ctrl-C has ended is no error.
                signals.check()
                self._fetch_error = error
                error.add_note(f"while fetching batch {batch + 1} of epoch {self.epoch}")
            raise
        finally:
            signals.fetching = False

    def _arrive(self) -> int:
        """Be where a run that is resumed stood; how many of these batches were done there."""
        ahead, self._ahead = self._ahead, None
        self.run_state.take_up()
        if ahead is None:
            return 0
        self._epoch_logs.update(ahead["epoch_logs"])
        return ahead["batches"]

    def _is_to_stop(self) -> bool:
        """Whether to stop before a batch; for a signal the batch is still done, then it ends."""
        return self.stopping and self._signals.pending is None

    def heeding(self, batches: Iterable[Data]) -> Iterator[Data]:
        """Yield `batches` of a validation, between which a signal ends the run too."""
        for batch in batches:
            if self._latch.requested:
                self._signals.check()
            yield batch

    def _end_left_batch(self) -> None:
        """End the batch at which the body left its loop over batches by a break."""
        if self.batch_logs is not None:
            self._is_left = True
            self._end_batch()

    def _end_batch(self) -> None:
        logs = self.batch_logs
        if logs is not None:
            assert self.batch is not None
            self.batch_logs = None
            self.hooks.on_train_batch_end(self.batch, logs)
            self._batches_done = self.batch + 1
            if self._latch.requested:
                _ = self.stopping  # where it was asked is known only now
            self.batch = None
