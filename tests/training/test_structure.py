"""What a model is made of is told in plain values, and the first difference in words."""

import pytest
import torch
from torch import nn

from backbeat import optimizers
from backbeat.training.structure import first_difference, structure_of, tensors_in


def norm() -> nn.BatchNorm1d:
    return nn.BatchNorm1d(2)


def test_buffers_that_no_file_of_weights_holds_are_included():
    """A buffer that is not persistent changes in training too."""
    module = nn.Linear(2, 1)
    module.register_buffer("seen", torch.zeros(3), persistent=False)

    assert list(tensors_in(module)) == ["weight", "bias", "seen"]


def test_every_weight_is_told_by_type_and_shape():
    """Parameters and buffers, in words that JSON can hold."""
    structure = structure_of(norm(), None)

    assert structure == {
        "weights": {
            "weight": "float32 [2]",
            "bias": "float32 [2]",
            "running_mean": "float32 [2]",
            "running_var": "float32 [2]",
            "num_batches_tracked": "int64 []",
        },
        "optimizer": None,
        "groups": [],
    }


def test_the_optimizer_is_told_by_its_kind_and_the_size_of_its_groups():
    """Two groups of one weight are not one group of two."""
    module = nn.Linear(2, 1)
    sgd = torch.optim.SGD([{"params": [module.weight]}, {"params": [module.bias]}], lr=0.1)

    structure = structure_of(module, optimizers.get(sgd))

    assert (structure["optimizer"], structure["groups"]) == ("SGD", [1, 1])


def test_equal_structures_have_no_difference():
    """Whatever the values of the weights are."""
    assert first_difference(structure_of(norm(), None), structure_of(norm(), None)) is None


SAVED = {"weights": {"w": "float32 [2]"}, "optimizer": "SGD", "groups": [1]}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"weights": {"w": "float32 [3]"}}, "'w' is float32 [2] there and float32 [3] here"),
        ({"weights": {}}, "'w' is float32 [2] there and missing here"),
        (
            {"weights": {"w": "float32 [2]", "b": "int64 []"}},
            "'b' is missing there and int64 [] here",
        ),
        ({"optimizer": None}, "the optimizer is SGD there, missing here"),
        ({"groups": [2, 1]}, "the optimizer's groups hold [1] weights there, [2, 1] here"),
    ],
)
def test_a_difference_is_told_in_words(own, words):
    """Which thing it is, what the backup has and what this run has."""
    assert first_difference(SAVED, {**SAVED, **own}) == words


def test_only_the_first_difference_is_told():
    """That of a weight comes before that of the optimizer."""
    own = {"weights": {"w": "float64 [2]"}, "optimizer": "Adam", "groups": [5]}

    assert first_difference(SAVED, own) == "'w' is float32 [2] there and float64 [2] here"
