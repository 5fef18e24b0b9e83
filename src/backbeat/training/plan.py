"""What is known about a run before its first batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbeat.callbacks.lambda_callback import LambdaCallback
from backbeat.callbacks.progbar_logger import ProgbarLogger
from backbeat.errors import ArgumentError
from backbeat.hooks import CallbackList, Plan
from backbeat.hooks.moments import answers
from backbeat.training.module_host import TrainingHost

__all__ = ["check_rate", "check_rate_owners", "has_bar", "plan_of", "run_params"]


def plan_of(hooks: CallbackList, params: Mapping[str, Any], *, metrics_are_known: bool) -> Plan:
    """The plan of a run with these callbacks and settings."""
    names = set(params["metrics"])
    if any(map(_owns_rate, hooks)):
        names.add("lr")
    return Plan(
        epoch_names=frozenset(names),
        complete=metrics_are_known and not any(map(_may_add_names, hooks)),
        epochs=params["epochs"],
    )


def run_params(
    *,
    batch_size: int | None,
    steps: int | None,
    samples: int | None,
    verbose: int,
    metrics: Sequence[str] | None,
    epochs: int = 1,
    initial_epoch: int = 0,
    do_validation: bool = False,
) -> dict[str, Any]:
    """The `params` of every callback: the same names for any kind of data and run."""
    names = list(metrics or ())
    return {
        "batch_size": batch_size,
        "epochs": epochs,
        "initial_epoch": initial_epoch,
        "steps": steps,
        "samples": samples,
        "verbose": verbose,
        "do_validation": do_validation,
        "metrics": names + [f"val_{name}" for name in names] if do_validation else names,
    }


def has_bar(hooks: CallbackList) -> bool:
    """Whether the user brought a progress bar of their own."""
    return any(isinstance(callback, ProgbarLogger) for callback in hooks)


def _may_add_names(callback: Any) -> bool:
    """Whether `callback` may put values of its own into the logs of an epoch."""
    ours = type(callback).__module__.startswith("backbeat.")
    if ours and not isinstance(callback, LambdaCallback):
        return False
    return answers(callback, "on_epoch_end")


def check_rate_owners(hooks: CallbackList) -> None:
    """Raise if two callbacks would overwrite each other's learning rate."""
    owners = [type(callback).__name__ for callback in hooks if _owns_rate(callback)]
    if len(owners) > 1:
        raise ArgumentError(
            f"{' and '.join(owners)} would each set the learning rate and undo the other's. "
            "Keep one of them, or train in two fits, the second with initial_epoch=."
        )


def check_rate(hooks: CallbackList, host: TrainingHost) -> None:
    """Raise if a callback is to set a learning rate that `host` does not have."""
    if any(map(_owns_rate, hooks)):
        host.rate_logs()


def _owns_rate(callback: Any) -> bool:
    return getattr(callback, "owns_rate", False)
