"""What every optimizer does beside its rule: rates, groups, state, errors."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import optimizers
from backbeat.errors import ArgumentError, ArgumentTypeError, StateError

ALL = [
    optimizers.SGD(0.1), optimizers.SGD(0.1, 0.9), optimizers.SGD(0.1, 0.9, True, decay=0.01),
    optimizers.RMSprop(0.1), optimizers.Adam(0.1), optimizers.Adam(0.1, amsgrad=True),
    optimizers.Adagrad(0.1), optimizers.Adadelta(0.1, epsilon=0.1), optimizers.Adamax(0.1),
    optimizers.Nadam(0.1), optimizers.AdamW(0.1), optimizers.AdamW(0.1, amsgrad=True),
    optimizers.TorchOptimizer(torch.optim.AdamW, lr=0.1),
]  # fmt: skip


@pytest.fixture(params=ALL, ids=repr)
def optimizer(request: pytest.FixtureRequest) -> optimizers.Optimizer:
    return copy.deepcopy(request.param)


def weights(count: int = 2) -> list[nn.Parameter]:
    torch.manual_seed(1)
    return [nn.Parameter(torch.randn(3)) for _ in range(count)]


def train(optimizer: optimizers.Optimizer, bound: list[nn.Parameter], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        sum((p**2).sum() for p in bound).backward()  # type: ignore[union-attr]
        optimizer.step()


def test_rate_is_a_float_before_and_after_bind(optimizer: optimizers.Optimizer) -> None:
    """`lr` and `learning_rate` are one, readable and settable at any time."""
    assert optimizer.lr == 0.1
    optimizer.learning_rate = 0.25
    optimizer.bind(weights())

    assert type(optimizer.lr) is float
    assert optimizer.learning_rate == 0.25
    assert optimizer.torch.param_groups[0]["lr"] == 0.25
    optimizer.lr = np.float32(0.5)
    assert (optimizer.lr, optimizer.rates) == (0.5, [0.5])
    optimizer.lr = torch.tensor(2)  # type: ignore[assignment]
    assert optimizer.torch.param_groups[0]["lr"] == 2.0


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("0.1", ArgumentTypeError, "lr='0.1' is a str: give a finite number of 0 or more, such as"),
        (None, ArgumentTypeError, "lr=None is a NoneType"),
        (True, ArgumentTypeError, "lr=True is a bool"),
        ([0.1, 0.2], ArgumentTypeError, r"lr=\[0.1, 0.2\] is a list"),
        (-0.1, ArgumentError, "lr=-0.1 does not fit: give a finite number of 0 or more"),
        (float("nan"), ArgumentError, "lr=nan does not fit"),
        (float("inf"), ArgumentError, "lr=inf does not fit"),
    ],
)
def test_rates_that_are_none(
    optimizer: optimizers.Optimizer, value: Any, kind: type[Exception], message: str
) -> None:
    """The error names argument, value and what fits; the rate stays as it was."""
    with pytest.raises(kind, match=message):
        optimizer.lr = value
    optimizer.bind(weights())
    with pytest.raises(kind, match=message):
        optimizer.lr = value

    assert optimizer.lr == 0.1


def test_arguments_that_do_not_fit() -> None:
    """In the constructor the error names the argument that was used."""
    with pytest.raises(ArgumentTypeError, match="learning_rate='fast' is a str"):
        optimizers.SGD("fast")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"lr=-1 does not fit"):
        optimizers.Adam(lr=-1)
    with pytest.raises(ArgumentError, match=r"beta_2=1\.0 does not fit: it must be below 1"):
        optimizers.Adam(beta_2=1.0)
    with pytest.raises(ArgumentTypeError, match="clipnorm='1' is a str"):
        optimizers.RMSprop(clipnorm="1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clip_norm"):
        optimizers.SGD(clip_norm=1.0)  # type: ignore[call-arg]


def test_lr_wins_over_learning_rate() -> None:
    """As in Keras 2.3, where `lr` is the older name."""
    assert optimizers.SGD(lr=0.7).lr == 0.7


def groups(rate: float | None = None) -> Iterator[dict[str, Any]]:
    first, second = weights()
    yield {"params": (p for p in [first]), **({} if rate is None else {"lr": rate})}
    yield {"params": second, "lr": 0.01}


def test_groups_scale_together(optimizer: optimizers.Optimizer) -> None:
    """The scalar is group 0; setting it keeps the ratios, also through 0."""
    optimizer.bind(groups())
    assert optimizer.rates == [0.1, 0.01]

    optimizer.lr = 0.2
    assert optimizer.rates == pytest.approx([0.2, 0.02])
    assert optimizer.lr == 0.2
    optimizer.lr = 0.0
    assert optimizer.rates == [0.0, 0.0]
    optimizer.lr = 0.4
    assert optimizer.rates == pytest.approx([0.4, 0.04])


def test_ratios_of_groups_come_back_with_a_rate_of_zero():
    """A run that was killed at the first step of a warm-up goes on with its groups apart."""
    first, second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    groups = [{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.01}]
    killed, resumed = optimizers.SGD(0.1), optimizers.SGD(0.1)
    killed.bind([dict(group) for group in groups])
    killed.lr = 0.0
    resumed.bind([dict(group) for group in groups])

    resumed.load_state_dict(killed.state_dict())
    resumed.lr = 1.0

    assert resumed.rates == pytest.approx([1.0, 0.1])


def test_group_that_starts_at_zero(optimizer: optimizers.Optimizer) -> None:
    """Without a ratio to keep, every group gets the value."""
    optimizer.bind(groups(rate=0.0))
    optimizer.lr = 0.3

    assert optimizer.rates == [0.3, 0.3]


def test_decay_counts_from_the_rate_that_was_set() -> None:
    """`lr` is the rate before decay; the torch groups hold the one of the last step."""
    optimizer = optimizers.SGD(1.0, decay=1.0)
    optimizer.bind(groups())
    held = [p for group in optimizer.torch.param_groups for p in group["params"]]
    train(optimizer, held, 2)

    assert optimizer.rates == [1.0, 0.01]
    assert [g["lr"] for g in optimizer.torch.param_groups] == pytest.approx([0.5, 0.005])
    optimizer.lr = 3.0
    train(optimizer, held, 1)
    assert optimizer.rates == pytest.approx([3.0, 0.03])
    assert [g["lr"] for g in optimizer.torch.param_groups] == pytest.approx([1.0, 0.01])


def test_torch_scheduler_on_momentum_acts_as_setting_lr() -> None:
    """What a torch scheduler does to the groups is seen and follows Keras' rule too."""
    ours, theirs = weights(1), weights(1)
    scheduled, set_by_hand = optimizers.SGD(0.1, 0.9), optimizers.SGD(0.1, 0.9)
    scheduled.bind(ours)
    set_by_hand.bind(theirs)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(scheduled.torch, 0.5)
    for number in range(4):
        train(scheduled, ours, 1)
        train(set_by_hand, theirs, 1)
        scheduler.step()
        set_by_hand.lr = 0.1 * 0.5 ** (number + 1)

    assert scheduled.lr == 0.1 * 0.5**4
    torch.testing.assert_close(ours[0], theirs[0])


def test_resume_is_bit_identical(optimizer: optimizers.Optimizer) -> None:
    """State through JSON and back, midway, with a rate changed before: no bit differs."""
    straight, resumed = weights(), weights()
    other = copy.deepcopy(optimizer)
    optimizer.bind(straight)
    train(optimizer, straight, 3)
    optimizer.lr = 0.05
    train(optimizer, straight, 3)

    state = through_json(optimizer.state_dict())
    with torch.no_grad():
        for to, source in zip(resumed, straight, strict=True):
            to.copy_(source)
    other.bind(resumed)
    other.load_state_dict(state)
    train(optimizer, straight, 3)
    train(other, resumed, 3)

    assert other.iterations == optimizer.iterations == 9
    assert other.rates == optimizer.rates
    assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))


def through_json(state: Any) -> Any:
    """`state` as it comes back when tensors and everything else are stored apart."""
    tensors: list[torch.Tensor] = []

    def put(value: Any) -> Any:
        tensors.append(value.clone())
        return {"tensor": len(tensors) - 1}

    text = json.dumps(state, default=put)
    return json.loads(
        text, object_hook=lambda d: tensors[d["tensor"]] if d.keys() == {"tensor"} else d
    )


def test_kernels_of_this_machine_stay() -> None:
    """A state saved from another kernel form does not bring its form along."""
    single, fused = optimizers.SGD(0.1), optimizers.SGD(0.1)
    single.bind(weights(2))
    fused.bind(weights(9))
    few, many = single.torch.param_groups[0], fused.torch.param_groups[0]
    state = single.state_dict()
    state["torch"]["param_groups"][0]["fused"] = True
    single.load_state_dict(state)

    assert (few["foreach"], many["fused"]) == (False, True)
    assert not single.torch.param_groups[0]["fused"]


def test_parameters_without_gradients_are_left_alone(optimizer: optimizers.Optimizer) -> None:
    """Also when a first gradient comes later than those of the others."""
    first, late = weights()
    before = late.detach().clone()
    optimizer.bind([first, late])
    train(optimizer, [first], 3)
    untouched = late.detach().clone()
    train(optimizer, [first, late], 2)

    assert torch.equal(untouched, before)
    assert not torch.equal(late, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(optimizer: optimizers.Optimizer, dtype: torch.dtype) -> None:
    """Double and bfloat16 parameters are trained in their own dtype."""
    parameter = nn.Parameter(torch.ones(4, dtype=dtype))
    optimizer.bind([parameter])
    train(optimizer, [parameter], 3)

    assert parameter.dtype is dtype
    assert torch.isfinite(parameter).all()
    assert (parameter < 1).all()


def test_zero_grad_forgets(optimizer: optimizers.Optimizer) -> None:
    """Gradients become None, not zeros."""
    bound = weights()
    optimizer.bind(bound)
    train(optimizer, bound, 1)
    optimizer.zero_grad()

    assert all(parameter.grad is None for parameter in bound)


def test_binding_again_starts_afresh(optimizer: optimizers.Optimizer) -> None:
    """New parameters, no old accumulators, the rate as it is now."""
    bound = weights()
    optimizer.bind(bound)
    train(optimizer, bound, 2)
    optimizer.lr = 0.03
    optimizer.bind(weights())

    assert optimizer.iterations == 0
    assert optimizer.lr == 0.03
    assert optimizer.bound


def test_needs_bind(optimizer: optimizers.Optimizer) -> None:
    """A step before `bind`, and nothing to bind, are answered with what to do."""
    assert not optimizer.bound
    with pytest.raises(StateError, match=r"\.step needs parameters: call bind\("):
        optimizer.step()
    with pytest.raises(ArgumentError, match="was given no parameters to train"):
        optimizer.bind(iter([]))


def test_copies_are_independent(optimizer: optimizers.Optimizer) -> None:
    """A deep copy with its model goes its own way."""
    bound = weights()
    optimizer.bind(bound)
    train(optimizer, bound, 1)
    other, own = copy.deepcopy((optimizer, bound))
    train(other, own, 1)

    assert (optimizer.iterations, other.iterations) == (1, 2)
    assert not torch.equal(bound[0], own[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_as_on_the_cpu(optimizer: optimizers.Optimizer) -> None:
    """The kernels chosen for CUDA follow the same rule."""
    here = weights()
    there = [nn.Parameter(p.detach().cuda()) for p in here]
    other = copy.deepcopy(optimizer)
    optimizer.bind(here)
    other.bind(there)
    for rate in (0.1, 0.02, 0.0, 0.1):
        optimizer.lr = other.lr = rate
        train(optimizer, here, 2)
        train(other, there, 2)

    for cpu, gpu in zip(here, there, strict=True):
        torch.testing.assert_close(cpu.detach(), gpu.detach().cpu(), atol=1e-5, rtol=1e-5)
