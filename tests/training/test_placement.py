"""Where a model computes, and what kind of numbers it is given."""

import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError
from backbeat.layers import Dense, Embedding
from backbeat.models import Sequential
from backbeat.training.placement import device_of, pick_device, place_of


def test_a_module_without_parameters_is_on_the_cpu():
    """There is nothing in it that could be elsewhere."""
    assert device_of(nn.ReLU()) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")


def test_what_was_asked_for_is_taken():
    """Wherever the module is now."""
    assert pick_device(nn.Linear(1, 1, device="meta"), "cpu") == torch.device("cpu")


def test_a_module_that_was_moved_stays_where_it_is():
    """Its owner knew what for."""
    assert pick_device(nn.Linear(1, 1, device="meta"), None) == torch.device("meta")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [("meta", "it holds no numbers, so nothing can be trained on it"), ("no such", "")],
)
def test_a_device_that_cannot_be_used_is_refused_before_training(asked, reason):
    """The error says which one, why, and what to do."""
    with pytest.raises(ArgumentError) as caught:
        pick_device(nn.Linear(1, 1), asked)

    assert str(caught.value).startswith(f"device='{asked}' cannot be used: {reason}")
    assert str(caught.value).endswith(". Leave device= out for the best there is, or pass 'cpu'.")


def test_data_arrive_in_the_numbers_of_the_parameters():
    """float32 for a module that has none."""
    assert place_of(nn.Linear(1, 1).double(), torch.device("cpu")).floating == torch.float64
    assert place_of(nn.ReLU(), torch.device("cpu")).floating == torch.float32


@pytest.mark.parametrize("layer", [Embedding(5, 2), nn.Embedding(5, 2), nn.EmbeddingBag(5, 2)])
def test_whole_numbers_stay_whole_where_something_is_looked_up(layer):
    """An index is no measurement; anywhere else it is cast to one."""
    looks_up = nn.Sequential(layer, nn.Linear(2, 1))

    assert place_of(looks_up, torch.device("cpu")).integers == "keep"
    assert place_of(Sequential([Dense(1, input_dim=2)]), torch.device("cpu")).integers == "cast"
