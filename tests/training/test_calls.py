"""How a module is called with the inputs that it wants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import Sequential
from backbeat.layers import Dense
from backbeat.training.calls import Labelled, caller

ONE, TWO = torch.ones(2, 3), 2 * torch.ones(2, 3)


class Sums(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return 10 * left + right


class Whole(nn.Module):
    def forward(self, inputs: object) -> object:
        return inputs


@pytest.mark.parametrize("inputs", [[ONE, TWO], (ONE, TWO), {"right": TWO, "left": ONE}])
def test_several_inputs_are_spread(inputs: object) -> None:
    """A list goes to the arguments in order, a dict to those of its names."""
    call = caller(Sums(), inputs)

    assert call(inputs).unique().tolist() == [12.0]


@pytest.mark.parametrize("inputs", [ONE, [ONE, TWO], {"a": ONE}])
def test_a_module_that_takes_all_gets_all(inputs: object) -> None:
    """What does not fit its arguments one by one is passed as it is."""
    assert caller(Whole(), inputs)(inputs) is inputs


def test_a_list_of_one_is_that_one() -> None:
    """A single input may come in a list."""
    assert caller(Whole(), [ONE])([ONE]) is ONE


def test_labels_go_along_where_they_are_wanted() -> None:
    """A module that computes its loss gets inputs and labels, any other the inputs alone."""
    pair = Labelled(ONE, TWO)

    assert caller(Sums(), pair)(pair).unique().tolist() == [12.0]
    assert caller(Whole(), pair)(pair) is ONE


@pytest.mark.parametrize("several", [(np.ones((4, 3)), np.ones(4)), {"a": np.ones((4, 3))}])
def test_several_where_one_is_taken(several: object) -> None:
    """The error tells what the model was called on, which is a likely slip: fit((x, y))."""
    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", "mse")

    with pytest.raises(AttributeError, match="no attribute 'dtype'") as caught:
        model.fit(several, verbose=0)
    kind = type(several).__name__
    assert caught.value.__notes__[0] == (
        f"the model was called on a {kind} of {len(several)} inputs, for such is x; if it takes "
        "one tensor, pass that, and labels as y"
    )
