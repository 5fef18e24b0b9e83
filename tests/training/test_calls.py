"""How a module is called with the inputs that it wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import Model, Sequential
from backbeat.errors import DataError
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


@pytest.mark.parametrize("several", [(np.ones((4, 3)), np.ones(4)), {"a": ONE, "b": TWO}])
@pytest.mark.parametrize("first", [Dense(1, input_dim=3), Dense(1)])
def test_several_where_one_is_taken(several: Sequence[object], first: Dense) -> None:
    """A Sequential has one input; a likely slip is fit((x, y))."""
    model = Sequential([first], name="straight")
    model.compile("sgd", "mse")

    with pytest.raises(DataError) as caught:
        model.fit(several, verbose=0)
    assert str(caught.value) == (
        f"straight takes one input, but x is a {type(several).__name__} of 2. Give one array as x, "
        "and labels as y: fit(x, y). For several inputs draw the model: Model([...], outputs)."
    )


@pytest.mark.parametrize("wrapped", [[ONE], (ONE,), {"a": ONE}])
def test_one_input_in_a_list_or_dict(wrapped: object) -> None:
    """As Keras takes it: a list or dict of a single input is that input."""
    model = Sequential([Dense(1, input_dim=3)])
    model.compile("sgd", "mse")

    history = model.fit(wrapped, [np.ones(2)], verbose=0)

    assert len(history.history["loss"]) == 1
    assert np.array_equal(model.predict(wrapped), model.predict(ONE))


def test_a_forward_of_its_own_gets_what_it_wants() -> None:
    """A Sequential whose forward is overridden may take several inputs."""

    class Both(Sequential):
        def forward(self, inputs: list[torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
            return super().forward(inputs[0] + inputs[1])

    both = Both([Dense(1, input_dim=3)])

    assert both.predict([ONE, TWO]).shape == (2, 1)


def test_a_module_says_what_it_cannot_take() -> None:
    """What a module of torch raises gets a note on what it was called with."""
    model = Model(nn.Linear(3, 1))

    with pytest.raises(TypeError) as caught:
        model.predict([ONE, TWO])
    assert caught.value.__notes__[0] == (
        "the model was called on a list of 2 inputs, for such is x; if it takes one tensor, pass "
        "that, and labels as y"
    )
