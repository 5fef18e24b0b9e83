"""A module infers for a while, and is then as it was."""

import pytest
import torch
from torch import nn

from backbeat.layers.inference import inferring


def test_modes_differ_before_and_after():
    """Each module within gets its own mode back, frozen ones too, even after an error."""
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    module[0].eval()
    with pytest.raises(ValueError, match="no more"), inferring(module):
        modes = [each.training for each in module.modules()]
        raise ValueError("no more")

    assert modes == [False, False, False]
    assert [each.training for each in module.modules()] == [True, False, True]


def test_no_gradients_are_kept():
    """What is computed within leads nowhere back."""
    module = nn.Linear(2, 1)
    with inferring(module):
        within = module(torch.ones(1, 2))

    assert not within.requires_grad
    assert module(torch.ones(1, 2)).requires_grad


def test_what_a_module_keeps_from_within_can_be_learnt_through():
    """As where forward makes a table of positions once, and validation came first."""

    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.table = nn.Parameter(torch.ones(3)), None

        def forward(self, x):
            if self.table is None:
                self.table = torch.arange(x.shape[-1]).float().exp()
            return x * self.table * self.weight

    module = Positions()
    with inferring(module):
        module(torch.ones(2, 3))
    module(torch.ones(2, 3)).sum().backward()

    assert torch.equal(module.weight.grad, 2 * module.table)
