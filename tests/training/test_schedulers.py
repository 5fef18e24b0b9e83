"""torch's schedulers as callbacks: the same rates as in a plain PyTorch loop."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from backbeat import optimizers
from backbeat.callbacks import LearningRateScheduler
from backbeat.errors import (
    ArgumentError,
    ArgumentTypeError,
    BackbeatWarning,
    MonitorError,
    StateError,
)
from backbeat.models import Model
from backbeat.training import Loop
from backbeat.training.schedulers import TorchScheduler, adopt

BATCHES = 3
EPOCHS = 6
NOISE = torch.Generator().manual_seed(5)
DATA = [
    (torch.randn(4, 2, generator=NOISE), torch.randn(4, 1, generator=NOISE)) for _ in range(BATCHES)
]

Makes = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]

BY_EPOCH: dict[str, Makes] = {
    "step": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "milestones": lambda o: lr_scheduler.MultiStepLR(o, [1, 4], 0.5),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.8),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "warm-up": lambda o: lr_scheduler.LinearLR(o, total_iters=3),
    "chained": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, total_iters=3), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "averaged": lambda o: torch.optim.swa_utils.SWALR(o, 0.05, anneal_epochs=3),
}
BY_BATCH: dict[str, Makes] = {
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.2, step_size_up=4),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.2, epochs=EPOCHS, steps_per_epoch=BATCHES),
}
OPTIMIZERS: dict[str, Callable[[list[Any]], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1),
}


def module() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(2, 1)


def groups(linear: nn.Linear) -> list[Any]:
    return [{"params": [linear.weight]}, {"params": [linear.bias], "lr": 0.02}]


def train_batch(linear: nn.Module, optimizer: Any, batch: tuple[Any, Any]) -> torch.Tensor:
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(linear(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss


def rates_of(optimizer: torch.optim.Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def by_hand(make: Makes, kind: str, by_batch: bool) -> tuple[nn.Linear, list[list[float]]]:
    """The loop as PyTorch's users write it; gives the rates of each epoch."""
    linear = module()
    optimizer = OPTIMIZERS[kind](groups(linear))
    scheduler = make(optimizer)
    rates: list[list[float]] = []
    for _ in range(EPOCHS):
        for batch in DATA:
            train_batch(linear, optimizer, batch)
            if by_batch:
                scheduler.step()
        rates.append(rates_of(optimizer))
        if not by_batch:
            scheduler.step()
    return linear, rates


def in_loop(
    linear: nn.Linear, optimizer: Any, callback: TorchScheduler, *, until: int = EPOCHS, **more: Any
) -> Loop:
    """The same by a Loop."""
    with Loop(linear, optimizer, callbacks=[callback], epochs=until, **more) as loop:
        for _ in loop.epochs():
            for batch in loop.batches(DATA):
                loop.log_batch(loss=train_batch(linear, optimizer, batch))
    return loop


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", [*BY_EPOCH, *BY_BATCH])
def test_as_in_a_plain_loop(name: str, kind: str) -> None:
    """Rates of both groups, in every epoch, and the final weights, bit for bit."""
    make = (BY_EPOCH | BY_BATCH)[name]
    expected, rates = by_hand(make, kind, name in BY_BATCH)
    linear = module()
    optimizer = OPTIMIZERS[kind](groups(linear))
    loop = in_loop(linear, optimizer, TorchScheduler(make(optimizer)))

    logged = loop.history.history
    assert list(zip(logged["lr"], logged["lr_1"], strict=True)) == list(map(tuple, rates))
    assert torch.equal(linear.weight, expected.weight)
    assert torch.equal(linear.bias, expected.bias)


@pytest.mark.parametrize("name", BY_EPOCH)
def test_every_batch(name: str) -> None:
    """`every="batch"` steps any of them after each batch."""
    expected, rates = by_hand(BY_EPOCH[name], "SGD", by_batch=True)
    linear = module()
    optimizer = OPTIMIZERS["SGD"](groups(linear))
    loop = in_loop(linear, optimizer, TorchScheduler(BY_EPOCH[name], every="batch"))

    assert loop.history.history["lr"] == [pair[0] for pair in rates]
    assert torch.equal(linear.weight, expected.weight)


def model(optimizer: Any = "sgd") -> Model:
    made = Model(module())
    made.compile(optimizer, "mse", device="cpu")
    return made


def fit(trained: Model, callbacks: Any, epochs: int = 4, **more: Any) -> dict[str, Any]:
    x, y = (torch.cat(parts) for parts in zip(*DATA, strict=True))
    history = trained.fit(x, y, batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks, **more)
    return history.history


@pytest.mark.parametrize("given", ["sgd", "adam", "nadam", optimizers.SGD(0.01, 0.9)])
def test_optimizers_that_compile_makes(given: Any) -> None:
    """The function gets torch's optimizer when training begins; lr is the epoch's own rate."""
    trained = model(given)
    begin = trained.learning_rate
    logged = fit(trained, TorchScheduler(lambda o: lr_scheduler.StepLR(o, 2, 0.5)))

    assert logged["lr"] == [begin, begin, begin / 2, begin / 2]
    assert trained.learning_rate == begin / 4


def test_bare_scheduler_among_the_callbacks() -> None:
    """It is wrapped, in any nesting; whatever else is there is left as it is."""
    linear = module()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.1)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    trained = Model(linear)
    trained.compile(optimizer, "mse", device="cpu")
    other = LearningRateScheduler(lambda epoch: 0.1)

    wrapped = adopt([other, [scheduler]])
    assert wrapped[0] is other
    assert isinstance(wrapped[1], TorchScheduler)
    assert fit(trained, [[scheduler]], 3)["lr"] == [0.1, 0.05, 0.025]


def test_decay_acts_on_the_rate_that_was_scheduled() -> None:
    """The scheduler sets the rate before decay; what is applied is that one, decayed."""
    trained = model(optimizers.SGD(0.4, decay=0.5))
    logged = fit(trained, TorchScheduler(lambda o: lr_scheduler.ExponentialLR(o, 0.5)), 3)

    assert logged["lr"] == [0.4, 0.2, 0.1]
    assert trained.learning_rate == 0.05
    last_step = 3 * BATCHES - 1
    fit(trained, [], 1)
    optimizer = trained.optimizer
    assert optimizer is not None
    applied = rates_of(optimizer.torch)[0]
    assert applied == pytest.approx(0.05 / (1 + 0.5 * (last_step + BATCHES)))


def test_warm_up_with_decay_begins_low() -> None:
    """What a scheduler sets when it is made is a rate before decay as well."""
    trained = model(optimizers.SGD(0.4, decay=0.5))
    make: Makes = lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=3)  # noqa: E731
    logged = fit(trained, TorchScheduler(make))

    assert logged["lr"] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_momentum_is_cycled_too() -> None:
    """OneCycleLR moves momentum against the rate, on Keras' SGD as well."""
    trained = model(optimizers.SGD(0.1, 0.9))
    fit(trained, TorchScheduler(lambda o: lr_scheduler.OneCycleLR(o, 0.2, 12)), 2)

    optimizer = trained.optimizer
    assert optimizer is not None
    assert 0.85 < optimizer.torch.param_groups[0]["momentum"] < 0.95


# ReduceLROnPlateau of torch's


def plateau(o: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.ReduceLROnPlateau(
        o, factor=0.5, patience=0, threshold=10.0, threshold_mode="abs"
    )


def test_plateau_gets_the_monitored_value() -> None:
    """With a threshold that no epoch reaches, every epoch but the first halves the rate."""
    trained = model()
    logged = fit(trained, TorchScheduler(plateau, monitor="loss"))

    assert logged["lr"] == pytest.approx([0.01, 0.01, 0.005, 0.0025])
    x, y = DATA[0]
    again = fit(model(), TorchScheduler(plateau), validation_data=(x, y))
    assert again["lr"] == pytest.approx([0.01, 0.01, 0.005, 0.0025])


def test_plateau_without_its_value() -> None:
    """One warning names what could be watched, the rate stays; strict, it raises."""
    with pytest.warns(BackbeatWarning, match=r"TorchScheduler watches 'val_loss'.*'loss'"):
        logged = fit(model(), TorchScheduler(plateau))
    assert logged["lr"] == [0.01] * 4

    with pytest.raises(MonitorError, match="TorchScheduler watches 'vall_loss'"):
        fit(model(), TorchScheduler(plateau, monitor="vall_loss", strict=True))


def test_plateau_that_looks_the_wrong_way() -> None:
    """A mode against the metric's own direction is pointed out."""
    trained = model()
    make: Makes = lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="max")  # noqa: E731

    with pytest.warns(BackbeatWarning, match="'loss' gets better the other way. Give it mode='min"):
        fit(trained, TorchScheduler(make, monitor="loss"), 1)


def test_plateau_cannot_count_batches() -> None:
    """Said where it is known: at once for an object, else when training begins."""
    optimizer = torch.optim.SGD(module().parameters(), lr=0.1)
    message = "ReduceLROnPlateau looks at a value of the epoch"

    with pytest.raises(ArgumentError, match=message):
        TorchScheduler(plateau(optimizer), every="batch")
    with pytest.raises(ArgumentError, match=message):
        fit(model(), TorchScheduler(plateau, every="batch"))


# Several fits


def test_second_fit() -> None:
    """A function's scheduler begins anew at the present rate, or goes on with the epochs."""
    trained = model(optimizers.SGD(0.8))
    callback = TorchScheduler(lambda o: lr_scheduler.StepLR(o, 2, 0.5))

    assert fit(trained, callback, 3)["lr"] == [0.8, 0.8, 0.4]
    assert fit(trained, callback, 5, initial_epoch=3)["lr"] == [0.4, 0.2]
    trained.learning_rate = 0.6
    assert fit(trained, callback, 3)["lr"] == [0.6, 0.6, 0.3]


def test_an_object_goes_on() -> None:
    """A scheduler's own count is its own; it is not set back."""
    linear = module()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.8)
    callback = TorchScheduler(lr_scheduler.StepLR(optimizer, 3, 0.5))
    in_loop(linear, optimizer, callback, until=2)
    loop = in_loop(linear, optimizer, callback, until=2)

    assert loop.history.history["lr"] == [0.8, 0.4]


def test_nothing_is_left_on_the_optimizer() -> None:
    """After training, failed or not, the optimizer is not listened to any more."""
    linear = module()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.8)
    callback = TorchScheduler(BY_EPOCH["step"])
    in_loop(linear, optimizer, callback, until=1)
    assert not optimizer._optimizer_step_post_hooks

    with (
        pytest.raises(ZeroDivisionError),
        Loop(linear, optimizer, callbacks=callback, epochs=1) as loop,
    ):
        for _ in loop.epochs():
            _ = 1 / 0
    assert not optimizer._optimizer_step_post_hooks


@pytest.mark.parametrize("every", ["epoch", "batch"])
def test_only_steps_of_the_optimizer_count(every: Any) -> None:
    """Accumulation: the optimizer steps every second batch, and not at all in epoch 1."""
    linear = module()
    optimizer = torch.optim.SGD(linear.parameters(), lr=1.0)
    callback = TorchScheduler(lambda o: lr_scheduler.ExponentialLR(o, 0.5), every)
    with Loop(linear, optimizer, callbacks=callback, epochs=3) as loop:
        for epoch in loop.epochs():
            for number, batch in enumerate(loop.batches(DATA + DATA[:1])):
                nn.functional.mse_loss(linear(batch[0]), batch[1]).backward()
                if epoch != 1 and number % 2:
                    optimizer.step()
                loop.log_batch(loss=1.0)

    expected = {"epoch": [1.0, 0.5, 0.5], "batch": [0.25, 0.25, 0.0625]}
    assert loop.history.history["lr"] == expected[every]


# State


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", [*BY_EPOCH, *BY_BATCH, "plateau", "sequence"])
def test_resumed_is_bit_identical(name: str, kind: str) -> None:
    """State through strict JSON into a fresh scheduler, loaded after the optimizer's."""
    make = (BY_EPOCH | BY_BATCH | {"plateau": plateau, "sequence": sequence})[name]
    straight = module()
    optimizer = OPTIMIZERS[kind](groups(straight))
    callback = TorchScheduler(make, monitor="loss")
    in_loop(straight, optimizer, callback, until=3)
    state = json.loads(json.dumps(callback.state_dict(), allow_nan=False))
    weights, moments = copy.deepcopy((straight.state_dict(), optimizer.state_dict()))
    rest = in_loop(straight, optimizer, callback, initial_epoch=3)

    resumed = module()
    other = OPTIMIZERS[kind](groups(resumed))
    resumed.load_state_dict(weights)
    other.load_state_dict(moments)
    again = Resuming(make, state)
    loop = in_loop(resumed, other, again, initial_epoch=3)

    assert loop.history.history == rest.history.history
    assert torch.equal(resumed.weight, straight.weight)
    assert again.state_dict() == callback.state_dict()


def sequence(o: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    parts = [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)]
    return lr_scheduler.SequentialLR(o, parts, [4])


class Resuming(TorchScheduler):
    """Loads a state where a resumed run does it: after `on_train_begin`."""

    def __init__(self, make: Makes, state: dict[str, Any]) -> None:
        super().__init__(make, monitor="loss")
        self.state = state

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_train_begin(logs)
        self.load_state_dict(self.state)


def test_state_needs_a_run() -> None:
    """Before training there is nothing to tell."""
    with pytest.raises(StateError, match="no scheduler before training begins"):
        TorchScheduler(plateau).state_dict()


def test_copies_hold_the_settings_only() -> None:
    """A copy of a used callback has no run, and can begin one of its own."""
    trained = model()
    callback = TorchScheduler(BY_EPOCH["step"], monitor="loss")
    fit(trained, callback, 2)
    other = copy.deepcopy(callback)

    assert other._running is None
    assert fit(model(), other)["lr"] == [0.01, 0.01, 0.005, 0.005]


# Mistakes


def test_two_owners_of_the_rate_are_refused() -> None:
    """Also when one of them is a bare scheduler of torch's."""
    with pytest.raises(ArgumentError, match="LearningRateScheduler and TorchScheduler would each"):
        fit(model(), [LearningRateScheduler(lambda e: 0.1), TorchScheduler(BY_EPOCH["step"])])


def test_scheduler_of_another_optimizer() -> None:
    """Its rates would be followed by nobody; the error says what to give instead."""
    stranger = torch.optim.SGD(module().parameters(), lr=0.1)
    scheduler = lr_scheduler.StepLR(stranger, 2)
    message = r"the StepLR given to TorchScheduler sets the rates of another optimizer.*lambda opt"

    with pytest.raises(ArgumentError, match=message):
        fit(model(), scheduler)
    with pytest.raises(ArgumentError, match=message):
        fit(model(), TorchScheduler(lambda o: scheduler))


def test_arguments_that_do_not_fit() -> None:
    """The error says what was given and what fits."""
    with pytest.raises(ArgumentTypeError, match=r"was given 0\.1, a float: give a scheduler of"):
        TorchScheduler(0.1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="every is 'epoch' or 'batch'; got 'step'"):
        TorchScheduler(plateau, every="step")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="returned None, a NoneType: let it return"):
        fit(model(), TorchScheduler(lambda o: None))  # type: ignore[arg-type,return-value]


def test_loop_without_an_optimizer() -> None:
    """There is no rate to set."""
    with (
        pytest.raises(StateError, match=r"found no optimizer.*Loop\(module, optimizer"),
        Loop(module(), callbacks=TorchScheduler(plateau)),
    ):
        pass


def test_used_by_itself_it_logs_the_rate() -> None:
    """Without a Loop, `lr` is put into the logs by the callback."""
    trained = model()
    fit(trained, [], 1)
    callback = TorchScheduler(BY_EPOCH["step"])
    callback.set_model(trained)
    callback.on_train_begin()
    logs: dict[str, Any] = {}
    callback.on_epoch_end(0, logs)
    callback.close()

    assert logs == {"lr": 0.01}
