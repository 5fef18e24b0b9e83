"""The loss that a module computes itself, and the module that computes none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from backbeat.errors import StateError
from backbeat.layers import Dense
from backbeat.models import Model, Sequential
from backbeat.training.own_loss import loss_in


class WithLabels(nn.Module):
    """Takes inputs and labels, and returns what it was told to make of the loss."""

    def __init__(self, shape) -> None:
        super().__init__()
        self.linear, self.shape = nn.Linear(4, 1), shape

    def forward(self, x, y):
        return self.shape(((self.linear(x) - y) ** 2).mean())


@pytest.mark.parametrize(
    "shape",
    [lambda loss: loss, lambda loss: (loss, 1), lambda loss: {"loss": loss, "logits": 2}],
    ids=["alone", "tuple", "dict"],
)
def test_labels_reach_a_module_that_takes_them(shape) -> None:
    """`forward(x, y)` is called with both, and its loss goes down."""
    model = Model(WithLabels(shape))
    model.compile("sgd")
    history = model.fit(torch.ones(16, 4), torch.ones(16, 1), epochs=5, verbose=0)

    assert history.history["loss"][-1] < history.history["loss"][0]


@dataclass
class Samples:
    """Inputs and labels together, as a loader may make them."""

    pixels: torch.Tensor
    labels: torch.Tensor


@pytest.mark.parametrize("kind", [dict, Samples])
def test_labels_among_the_inputs_stay_whole(kind) -> None:
    """Class numbers, which torch's loss wants as such, in a dict or a dataclass."""

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 3)

        def forward(self, pixels, labels=None):
            if labels is None:
                pixels, labels = pixels.pixels, pixels.labels
            return {"loss": nn.functional.cross_entropy(self.linear(pixels), labels)}

    batch = kind(pixels=torch.ones(8, 4), labels=torch.arange(8) % 3)
    model = Model(Classifier())
    model.compile("sgd")

    losses = model.fit(iter([batch, batch]), steps_per_epoch=1, epochs=2, verbose=0).history["loss"]
    if kind is dict:
        losses += model.fit(batch, verbose=0).history["loss"]

    assert losses == sorted(losses, reverse=True)


def test_no_loss_anywhere() -> None:
    """A model without a loss of its own says what to do."""
    model = Sequential([Dense(3, input_dim=4)])
    model.compile("sgd")

    with pytest.raises(StateError, match=r"compiled without a loss.*Call model\.compile"):
        model.fit(torch.zeros(4, 4), torch.zeros(4, 3), verbose=0)


def test_an_attribute() -> None:
    """As the outputs of Hugging Face's models have it."""

    class Outputs:
        loss = torch.tensor(2.0)

    assert loss_in(Outputs()).item() == 2.0
