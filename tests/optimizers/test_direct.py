"""The shorter way to a step: the same bits as torch's own, and nobody who listens is left out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.profiler import ProfilerActivity, profile

from backbeat import optimizers
from backbeat.optimizers import direct_rules
from backbeat.optimizers.direct import Direct

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"foreach": False}),
    "sgd fused": ("SGD", {"fused": True}),
    "sgd momentum": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {"foreach": False, "eps": 1e-7}),
    "rmsprop lists": ("RMSprop", {"foreach": True}),
    "rmsprop decay": ("RMSprop", {"foreach": False, "weight_decay": 0.1}),
    "rmsprop centered": ("RMSprop", {"foreach": False, "centered": True, "momentum": 0.9}),
    "rmsprop tensor rate": ("RMSprop", {"foreach": False, "lr": torch.tensor(0.01)}),
    "adam": ("Adam", {"fused": True}),
    "adam decay": ("Adam", {"fused": True, "weight_decay": 0.1}),
    "adam one by one": ("Adam", {"foreach": False}),
    "amsgrad": ("Adam", {"fused": True, "amsgrad": True}),
    "adamw": ("AdamW", {"fused": True}),
    "adagrad": ("Adagrad", {}),
    "adadelta": ("Adadelta", {}),
    "nadam": ("NAdam", {}),
}


def weights() -> list[nn.Parameter]:
    torch.manual_seed(1)
    kinds = (torch.float32, torch.float32, torch.float64, torch.float32)
    return [nn.Parameter(torch.randn(5, 3, dtype=kind)) for kind in kinds]


def gradients_into(parameters: list[nn.Parameter], step: int) -> None:
    """Other values at every step; the last parameter gets its first one late."""
    torch.manual_seed(step)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    if step < 3:
        parameters[-1].grad = None


def grouped(parameters: list[nn.Parameter]) -> list[dict[str, Any]]:
    return [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.003}]


def moved(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> list[torch.Tensor]:
    for step in range(6):
        gradients_into(parameters, step)
        if isinstance(optimizer, Direct):
            optimizer.advance()
        else:
            optimizer.step()
    return [parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("arrange", [list, grouped], ids=["one group", "two groups"])
@pytest.mark.parametrize("case", CASES)
def test_changes_the_same_bits_as_torch(case: str, arrange: Callable[[Any], Any]) -> None:
    """Parameters and everything that is kept for them, whatever the settings."""
    name, settings = CASES[case]
    mine, theirs = weights(), weights()
    direct = getattr(direct_rules, name)(arrange(mine), **settings)
    plain = getattr(torch.optim, name)(arrange(theirs), **settings)
    moved(direct, mine)
    moved(plain, theirs)

    torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    torch.testing.assert_close(direct.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_large_weights_are_stepped_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same bits, without intermediate results of all of them at once."""
    monkeypatch.setattr(direct_rules, "_MOST_AT_ONCE", 50)

    test_changes_the_same_bits_as_torch("rmsprop", list)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_the_common_optimizers_have_a_way_of_their_own(name: str) -> None:
    """From the second step on torch's code around the kernels is not run."""
    settings = {"foreach": False} if name in ("SGD", "RMSprop") else {"fused": True}
    parameters = weights()
    optimizer = getattr(direct_rules, name)(parameters, lr=0.1, **settings)
    gradients_into(parameters, 9)
    optimizer.advance()

    assert optimizer._moves() is not None


def test_hooks_of_steps_are_heard() -> None:
    """Those of the optimizer and those of every optimizer, until they are taken away."""
    heard: list[str] = []
    parameters = weights()
    optimizer = direct_rules.RMSprop(parameters)
    handles = [
        optimizer.register_step_pre_hook(lambda *_: heard.append("before")),
        optimizer.register_step_post_hook(lambda *_: heard.append("after")),
        register_optimizer_step_post_hook(lambda *_: heard.append("every")),
    ]
    gradients_into(parameters, 0)
    optimizer.advance()
    for handle in handles:
        handle.remove()
    optimizer.advance()

    assert heard == ["before", "after", "every"]


def test_a_step_put_in_its_place_is_taken() -> None:
    """As torch's schedulers put theirs there, to count."""
    optimizer = direct_rules.SGD(weights(), lr=0.1)
    called: list[bool] = []
    optimizer.step = lambda *_: called.append(True)  # type: ignore[method-assign]
    optimizer.advance()

    assert called == [True]


def test_a_profiler_sees_the_step() -> None:
    """By the name that torch gives it."""
    parameters = weights()
    optimizer = direct_rules.RMSprop(parameters)
    gradients_into(parameters, 0)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        optimizer.advance()

    assert "Optimizer.step#RMSprop.step" in {event.key for event in seen.key_averages()}


def test_sparse_gradients_are_refused_by_torch() -> None:
    """In torch's words, at whichever step they come."""
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = optimizers.RMSprop()
    optimizer.bind(table.parameters())
    table(torch.tensor([1])).sum().backward()

    with pytest.raises(RuntimeError, match="RMSprop does not support sparse gradients"):
        optimizer.step()


@pytest.mark.slow
def test_training_does_not_load_the_compiler() -> None:
    """torch.compile takes most of a second to load, and nobody asked for it."""
    program = """
import sys
import torch
from backbeat.layers import Dense
from backbeat.models import Sequential

for name in ("sgd", "rmsprop", "adam", "adamw", "adagrad", "adadelta", "adamax", "nadam"):
    model = Sequential([Dense(2, input_dim=3)])
    model.compile(name, "mse")
    model.fit(torch.rand(8, 3), torch.rand(8, 2), batch_size=4, epochs=2, verbose=0)
    model.optimizer.load_state_dict(model.optimizer.state_dict())
print(sorted(name for name in sys.modules if name.startswith("torch._dynamo")))
"""
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert run.stdout.strip() == b"[]"
