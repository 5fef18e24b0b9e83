"""What `fit` promises beyond the loop: data, validation, the seed's arguments."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch

from backbeat.callbacks.history import History
from backbeat.callbacks.progbar_logger import ProgbarLogger
from backbeat.data import ArraySource, Batch, Source
from backbeat.hooks import CallbackList
from backbeat.tensors import leaves
from backbeat.training.arrivals import putting_off
from backbeat.training.loop import Loop
from backbeat.training.passes import evaluate_pass, predict_pass
from backbeat.training.plan import has_bar, run_params
from backbeat.training.signals import GRACE_SECONDS
from backbeat.training.step import Step
from backbeat.training.target import Values

__all__ = ["Settings", "evaluate", "fit", "predict"]


@dataclass(frozen=True)
class Settings:
    """The settings of one `fit`."""

    epochs: int = 1
    initial_epoch: int = 0
    verbose: int = 1
    callbacks: Any = None
    validation: Source | None = None
    validation_freq: int | Container[int] = 1
    validation_data: Any = None
    grace: float | None = GRACE_SECONDS

    def validates(self, epoch: int) -> bool:
        """Whether validation is due after `epoch`, counted from 0."""
        if self.validation is None:
            return False
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def fit(model: Any, step: Step, source: Source, settings: Settings) -> History:
    """Train `model` on `source`, epoch by epoch; returns the history of the run."""
    _try_validation(step, source, settings.validation)
    loop = _loop(model, step, source, settings)
    loop.run_state.step = step
    loop.run_state.feeds.of(source)
    with loop:
        train = putting_off(_trainer(step, loop), step.device)
        for epoch in loop.epochs(after_each=source.epoch_ended):
            model.train()
            step.begin_epoch(lasting=source.lasting)
            for batch in loop.batches(source):
                loop.log_values(train(batch))
            if step.flush():
                loop.mark_boundary()
            if loop.epoch_is_whole and settings.validates(epoch):
                loop.log_epoch(**_validate(loop, step, cast(Source, settings.validation)))
            if source.exhausted and epoch + 1 < settings.epochs:
                source.warn_ended()
                loop.host.stop("the data ran out", by="fit")
    return loop.history


def _try_validation(step: Step, source: Source, validation: Source | None) -> None:
    """Evaluate a batch of validation arrays whose rows have other shapes than those to train on.

    Not after the first epoch, which may take hours, is it found that they do not fit.
    """
    if not (isinstance(source, ArraySource) and isinstance(validation, ArraySource)):
        return
    batch = validation.peek()
    if _row_shapes(batch) == _row_shapes(source.peek()):
        return
    try:
        with step.testing() as test:
            test(batch)
    except Exception as error:
        error.add_note("while trying the validation data, whose rows have another shape")
        raise


def _row_shapes(batch: Batch) -> list[torch.Size]:
    return [each.shape[1:] for each in leaves((batch.x, batch.y))]


def _loop(model: Any, step: Step, source: Source, settings: Settings) -> Loop:
    return Loop(
        model,
        callbacks=settings.callbacks,
        epochs=settings.epochs,
        initial_epoch=settings.initial_epoch,
        verbose=settings.verbose,
        metrics=step.names,
        stateful_metrics=step.stateful_names,
        do_validation=settings.validation is not None,
        validation_data=settings.validation_data,
        steps=source.steps,
        samples=source.samples,
        batch_size=source.batch_size,
        grace=settings.grace,
    )


def _trainer(step: Step, loop: Loop) -> Callable[[Batch], Values]:
    """How to train a batch: plainly, unless somebody listens around the optimizer's step."""
    hooks = loop.hooks
    if not hooks.answers("on_backward_end") and not hooks.answers("on_step_end"):
        return step.train
    return lambda batch: step.train_heard(batch, hooks, loop.batch or 0, loop.batch_logs)


def _validate(loop: Loop, step: Step, source: Source) -> dict[str, float]:
    hooks = loop.hooks
    hooks.on_validation_begin({})
    batches = loop.heeding(source.batches())
    try:
        results = evaluate_pass(hooks, step, batches, loop.fetch, lasting=source.lasting)
    except Exception as error:
        error.add_note("while validating")
        raise
    values = {f"val_{name}": value for name, value in results.items()}
    hooks.on_validation_end(dict(values))
    return values


def evaluate(
    model: Any, step: Step, source: Source, *, verbose: int = 0, callbacks: Any = None
) -> dict[str, float]:
    """Evaluate `model` on `source`; returns the mean loss and metrics by name."""
    hooks = _hooks(source, verbose, callbacks, step.stateful_names)
    with _standing_alone(hooks, model, _params(source, verbose, step.names)):
        return evaluate_pass(hooks, step, source.batches(), lasting=source.lasting)


def predict(
    model: Any, step: Step, source: Source, *, verbose: int = 0, callbacks: Any = None
) -> Any:
    """The outputs of `model` for `source`, as arrays."""
    hooks = _hooks(source, verbose, callbacks)
    with _standing_alone(hooks, model, _params(source, verbose, [])):
        return predict_pass(hooks, step, source.batches())


def _hooks(
    source: Source, verbose: int, callbacks: Any, stateful: Iterable[str] = ()
) -> CallbackList:
    count_mode = "steps" if source.samples is None else "samples"
    hooks = CallbackList(callbacks)
    if verbose and not has_bar(hooks):
        hooks.append(ProgbarLogger(count_mode, stateful))
    return hooks


def _params(source: Source, verbose: int, metrics: Sequence[str]) -> dict[str, Any]:
    return run_params(
        batch_size=source.batch_size,
        steps=source.steps,
        samples=source.samples,
        verbose=verbose,
        metrics=metrics,
    )


@contextmanager
def _standing_alone(hooks: CallbackList, model: Any, params: dict[str, Any]) -> Generator[None]:
    """Within it the callbacks of an evaluation or prediction live; they are closed in any case."""
    hooks.set_model(model)
    hooks.set_params(params)
    try:
        yield
    except BaseException as error:
        hooks.on_exception(error)
        hooks.close(error)
        raise
    hooks.close()
