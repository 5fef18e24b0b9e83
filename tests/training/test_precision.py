"""Matrix products in bfloat16; weights and losses stay float32."""

import torch
from torch import nn

from backbeat.training.precision import in_bfloat16


def test_products_are_taken_in_bfloat16_and_widened():
    """The outputs are float32, with no more digits than bfloat16 has."""
    torch.manual_seed(0)
    module = nn.Linear(8, 4)
    x = torch.rand(3, 8)

    outputs = in_bfloat16(module, module)(x)

    assert outputs.dtype == torch.float32
    assert torch.equal(outputs, outputs.bfloat16().float())
    assert not torch.equal(outputs, module(x))
    assert module.weight.dtype == torch.float32


def test_every_output_is_widened_and_nothing_else_is_touched():
    """A model may have several outputs, and some that are no tensors of bfloat16."""

    def call(x):
        return [x.bfloat16(), {"doubled": x.double()}, None]

    narrow, others, nothing = in_bfloat16(call, nn.ReLU())(torch.ones(2))

    assert (narrow.dtype, others["doubled"].dtype) == (torch.float32, torch.float64)
    assert nothing is None


def test_outside_of_the_call_nothing_is_narrowed():
    """Neither the loss nor the step of the optimizer."""
    module = nn.Linear(2, 2)
    in_bfloat16(module, module)(torch.ones(1, 2))

    assert module(torch.ones(1, 2)).dtype == torch.float32
