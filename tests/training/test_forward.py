"""How a module is called is found out once, and again when it may have changed."""

import torch
from torch import nn

from backbeat.layers import Dense
from backbeat.models import Sequential
from backbeat.training.forward import Forward
from backbeat.training.step_settings import StepSettings

X = torch.ones(2, 3)


class Sum(nn.Module):
    """Takes two inputs."""

    def forward(self, one, other):
        return one + other


def test_inputs_of_another_kind_are_called_another_way():
    """A list is spread, a dict goes by name, one tensor alone is passed as it is."""
    forward = Forward(Sum(), StepSettings())

    assert torch.equal(forward([X, X]), 2 * X)
    assert torch.equal(forward({"one": X, "other": 2 * X}), 3 * X)
    assert torch.equal(Forward(nn.Identity(), StepSettings())(X), X)


def test_what_changed_is_seen_when_it_is_found_out_anew():
    """A forward that was exchanged is used from the next pass on."""
    model = Sequential([Dense(3, input_dim=3)])
    forward = Forward(model, StepSettings())
    before = forward(X)
    model.layers[0].forward = lambda x: x + 41

    assert torch.equal(forward(X), before)
    forward.unsettle()
    assert torch.equal(forward(X), X + 41)


def test_the_plain_way_is_not_compiled(monkeypatch):
    """What compiles forward and loss together must not find compiled code in it."""
    monkeypatch.setattr(torch, "compile", lambda call: lambda x: call(x) + 1)
    module = nn.Identity()
    forward = Forward(module, StepSettings(jit_compile=True))

    assert torch.equal(forward(X), X + 1)
    assert torch.equal(forward.plain(X)(X), X)


def test_bfloat16_is_widened_again():
    """Products are rounded to bfloat16, what comes out is float32."""
    module = nn.Linear(3, 2)
    outputs = Forward(module, StepSettings(precision="bf16"))(X)

    assert outputs.dtype is torch.float32
    assert torch.equal(outputs, outputs.bfloat16().float())
