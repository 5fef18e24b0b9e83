"""Boundary: whether what a run was saved without a copy of is still what it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from backbeat.training.boundary import Boundary, likeness_of


def tree() -> dict[str, Any]:
    return {
        "weights": {"a": torch.linspace(-1, 1, 7), "b": torch.tensor([float("nan")])},
        "small": torch.arange(5, dtype=torch.uint8),
        "groups": [{"lr": 0.1, "name": None}],
        "array": np.arange(3),
    }


def boundary_of(thing: Any) -> Boundary:
    return Boundary({}, {}, [], {}, likeness_of(thing))


def test_the_same_values_are_the_same() -> None:
    """Not a number included, and whatever the tensors are called by now."""
    assert boundary_of(tree()).still_holds(tree())


def change_weight(changed: Any) -> None:
    changed["weights"]["a"].data[3] += 1e-6


def change_small(changed: Any) -> None:
    changed["small"][0] = 1


def change_rate(changed: Any) -> None:
    changed["groups"][0]["lr"] = 0.05


def change_array(changed: Any) -> None:
    changed["array"][0] = 5


def lose_weight(changed: Any) -> None:
    del changed["weights"]["b"]


@pytest.mark.parametrize(
    "change", [change_weight, change_small, change_rate, change_array, lose_weight]
)
def test_any_change_is_seen(change: Any) -> None:
    """Also one that torch counts no version of."""
    changed = tree()
    boundary = boundary_of(changed)
    change(changed)

    assert not boundary.still_holds(changed)
