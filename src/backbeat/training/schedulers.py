"""TorchScheduler: a scheduler of torch's as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias, cast

import torch
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from backbeat import optimizers
from backbeat.callbacks._monitor import Monitor
from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.hooks import Callback, Plan
from backbeat.hooks.callback import Role
from backbeat.hooks.flattening import flat
from backbeat.hooks.host import as_host
from backbeat.training.scheduler_state import pack, pack_groups, unpack, unpack_groups
from backbeat.warning import warn

__all__ = ["MakesScheduler", "TorchScheduler", "adopt"]

MakesScheduler: TypeAlias = Callable[[torch.optim.Optimizer], LRScheduler]
"""A function of the torch optimizer that gives its scheduler."""


class TorchScheduler(Callback):
    """Steps a `torch.optim.lr_scheduler`, after every epoch or after every batch.

    `scheduler` is the scheduler of the optimizer that trains, or a function of the torch optimizer
    that makes it: for an optimizer given to `compile` by name torch's is made only when training
    begins. A scheduler object goes on in a second `fit`. What a function makes begins anew, at the
    rates of then, unless the fit goes on with `initial_epoch` above 0.

    `every` is "epoch" or "batch"; by default batches for CyclicLR and OneCycleLR, which count them,
    and epochs for all others. torch's ReduceLROnPlateau is stepped with the epoch's `monitor`.
    Epochs and batches in which the optimizer took no step do not count.

    The epoch's logs hold `lr`, and `lr_1`, … for further parameter groups. With `decay` in the
    optimizer, the scheduler sets the rates before decay.

    Raises ArgumentError before training if the scheduler belongs to another optimizer; a monitor
    that never comes is a warning, with `strict=True` a MonitorError.

    >>> from torch.optim.lr_scheduler import StepLR
    >>> scheduler = TorchScheduler(lambda optimizer: StepLR(optimizer, step_size=10))
    """

    role: ClassVar[Role | None] = "controller"
    owns_rate: ClassVar[bool] = True

    # The run it takes part in; on the class, for a copy has none.
    _running: LRScheduler | None = None
    _optimizer: optimizers.Optimizer | None = None
    _hook: Any = None
    _plan: Plan | None = None
    _has_stepped: bool = False

    def __init__(
        self,
        scheduler: LRScheduler | MakesScheduler,
        every: Literal["epoch", "batch"] | None = None,
        monitor: str = "val_loss",
        *,
        strict: bool = False,
    ) -> None:
        if not (isinstance(scheduler, LRScheduler) or callable(scheduler)):
            raise ArgumentTypeError(
                f"TorchScheduler was given {scheduler!r}, a {type(scheduler).__name__}: give a "
                "scheduler of torch.optim.lr_scheduler, or a function of the optimizer that makes "
                "one, such as lambda optimizer: StepLR(optimizer, step_size=10)."
            )
        if every not in (None, "epoch", "batch"):
            raise ArgumentError(f"TorchScheduler: every is 'epoch' or 'batch'; got {every!r}.")
        self.scheduler = scheduler
        self.every = every
        self.monitor = monitor
        self.strict = strict
        self._watch = Monitor(
            self, monitor, strict=strict, consequence="The learning rate stays as it is."
        )
        if isinstance(scheduler, LRScheduler):
            self._check_every(scheduler)

    # The run

    def _check_plan(self, plan: Plan) -> None:
        self._plan = plan

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Make the scheduler, or see that it belongs to the optimizer that trains."""
        self._let_go()
        self._optimizer = optimizer = self._find_optimizer()
        self._running = scheduler = self._settled(optimizer)
        self._check_every(scheduler)
        if isinstance(scheduler, ReduceLROnPlateau):
            self._begin_watching(scheduler)
        self._hook = optimizer.torch.register_step_post_hook(self._note_step)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Step, if every batch counts and the optimizer has stepped."""
        if self._has_stepped and self._counts_batches:
            self._advance()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Step, if every epoch counts and the optimizer has stepped."""
        # The Loop has put it there already; a callback that is used by itself does it here.
        if logs is not None and "lr" not in logs and self._optimizer is not None:
            logs["lr"] = self._optimizer.lr
        if not self._has_stepped or self._counts_batches:
            return
        if not isinstance(self._running, ReduceLROnPlateau):
            self._advance()
            return
        value = self._watch.find(logs)
        if value is not None:
            self._advance(value)

    def close(self) -> None:
        """Let go of the optimizer."""
        self._let_go()

    @property
    def _counts_batches(self) -> bool:
        if self.every is None:
            return isinstance(self._running, (CyclicLR, OneCycleLR))
        return self.every == "batch"

    def _note_step(self, *_: Any) -> None:
        self._has_stepped = True

    def _advance(self, *value: float) -> None:
        # Stepping only after the optimizer did is what torch asks for; it warns otherwise.
        self._has_stepped = False
        scheduler, optimizer = self._in_run()
        with optimizer.undecayed():
            cast(Any, scheduler).step(*value)

    def _let_go(self) -> None:
        if self._hook is not None:
            self._hook.remove()
        self._hook = None
        self._has_stepped = False

    # Getting ready

    def _find_optimizer(self) -> optimizers.Optimizer:
        found = getattr(self.model, "optimizer", None)
        if found is None:
            raise StateError(
                "TorchScheduler found no optimizer whose rate it could set: compile the model, or "
                "in your own loop write Loop(module, optimizer, ...)."
            )
        return optimizers.get(found)

    def _settled(self, optimizer: optimizers.Optimizer) -> LRScheduler:
        """The scheduler of this run."""
        if isinstance(self.scheduler, LRScheduler):
            return _checked(self.scheduler, optimizer)
        before = self._running
        goes_on = before is not None and before.optimizer is optimizer.torch
        if before is not None and goes_on and self.params.get("initial_epoch"):
            return before
        for group in optimizer.torch.param_groups:
            # Left there by an earlier scheduler; the new one would begin at it.
            group.pop("initial_lr", None)
        with optimizer.undecayed():
            made = self.scheduler(optimizer.torch)
        return _checked(made, optimizer)

    def _check_every(self, scheduler: LRScheduler) -> None:
        if isinstance(scheduler, ReduceLROnPlateau) and self.every == "batch":
            raise ArgumentError(
                "TorchScheduler: ReduceLROnPlateau looks at a value of the epoch, so it cannot be "
                "stepped every='batch'; leave every out."
            )

    def _begin_watching(self, scheduler: ReduceLROnPlateau) -> None:
        if self._plan is not None:
            self._watch.check(self._plan)
            self._plan = None
        self._watch.begin()
        known = as_host(self.model).direction(self.monitor)
        mode = cast(Any, scheduler).mode
        if known is not None and known != mode:
            warn(
                f"TorchScheduler: ReduceLROnPlateau has mode={mode!r}, but "
                f"{self.monitor!r} gets better the other way. Give it mode={known!r}."
            )

    def _in_run(self) -> tuple[LRScheduler, optimizers.Optimizer]:
        if self._running is None or self._optimizer is None:
            raise StateError("TorchScheduler has no scheduler before training begins.")
        return self._running, self._optimizer

    # State

    def state_dict(self) -> dict[str, Any]:
        """Where the scheduler is, and what it has set: plain values only."""
        scheduler, optimizer = self._in_run()
        return {
            "scheduler": pack(scheduler.state_dict()),
            "rates": optimizer.rates,
            "groups": pack_groups(optimizer.torch.param_groups),
            "has_stepped": self._has_stepped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; the rates are set again, for making a scheduler changes them."""
        scheduler, optimizer = self._in_run()
        scheduler.load_state_dict(unpack(state["scheduler"], scheduler.state_dict()))
        unpack_groups(state["groups"], optimizer.torch.param_groups)
        optimizer.rates = state["rates"]
        self._has_stepped = state["has_stepped"]

    def __getstate__(self) -> dict[str, Any]:
        """Without the run that it took part in."""
        state = super().__getstate__()
        for name in ("_running", "_optimizer", "_hook", "_plan", "_has_stepped"):
            state.pop(name, None)
        return state


def adopt(callbacks: Any) -> list[Any]:
    """`callbacks`, nested as they may be, with every bare scheduler of torch's in a TorchScheduler.

    >>> adopt([None])
    []
    """
    return [
        TorchScheduler(each) if isinstance(each, LRScheduler) else each for each in flat(callbacks)
    ]


def _checked(scheduler: Any, optimizer: optimizers.Optimizer) -> LRScheduler:
    """`scheduler` if it is one, and the one of `optimizer`."""
    if not isinstance(scheduler, LRScheduler):
        raise ArgumentTypeError(
            f"the function given to TorchScheduler returned {scheduler!r}, a "
            f"{type(cast(object, scheduler)).__name__}: let it return a scheduler of "
            "torch.optim.lr_scheduler."
        )
    if scheduler.optimizer is not optimizer.torch:
        name = type(scheduler).__name__
        raise ArgumentError(
            f"the {name} given to TorchScheduler sets the rates of another optimizer than the one "
            "that trains. Make it from the very optimizer given to compile or to the Loop; or give "
            f"a function, TorchScheduler(lambda optimizer: {name}(optimizer, ...)), which is "
            "called when training begins."
        )
    return scheduler
