"""The state of schedulers as strict JSON takes it."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import torch

from backbeat.training.scheduler_state import pack, pack_groups, unpack, unpack_groups


def through_json(value: Any, like: Any) -> Any:
    return unpack(json.loads(json.dumps(pack(value), allow_nan=False)), like)


def test_plain_values_survive() -> None:
    """Infinity, whole numbers as keys, tuples and nesting come back as they were."""
    value = {
        "best": -math.inf, "wait": 3, "steps": {2: 1, 4: 1}, "betas": (0.9, 0.5), "none": None,
        "name": "cos", "flag": True, "parts": [{"rates": [0.1, math.inf]}, {"rates": []}],
    }  # fmt: skip
    again = through_json(value, value)

    assert again == value
    assert type(again["betas"]) is tuple
    assert math.isnan(through_json(math.nan, 0.0))


def test_milestones_stay_a_counter() -> None:
    """MultiStepLR asks them for what a plain dict has not."""
    again = through_json({"milestones": Counter([2, 2, 5])}, {"milestones": Counter([1])})

    assert list(again["milestones"].elements()) == [2, 2, 5]


def test_numbers_in_tensors_and_arrays_become_plain() -> None:
    """A rate may be held so; what is loaded is the number."""
    value = {"rate": torch.tensor(0.5), "rates": [torch.tensor([2.0]), np.float32(0.25)]}

    assert through_json(value, value) == {"rate": 0.5, "rates": [2.0, 0.25]}


def test_what_is_not_plain_is_left_out() -> None:
    """A function or a whole tensor, alone or in a list; the rest of its dict stays."""
    value = {"make": len, "many": [len], "inner": {"weights": torch.ones(3), "epoch": 2}}

    assert through_json(value, value) == {"inner": {"epoch": 2}}


def test_groups_get_back_what_schedulers_write() -> None:
    """Momentum and the like, in their own types; neither rate, parameters nor kernels travel."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.1, foreach=False)
    group = optimizer.param_groups[0]
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 10)
    packed = json.loads(json.dumps(pack_groups(optimizer.param_groups)))
    before = dict(group)
    group |= {"betas": (0.1, 0.2), "max_lr": 9.0, "lr": 9.0}
    unpack_groups(packed, optimizer.param_groups)

    assert set(packed[0]) == {
        "betas", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"
    }  # fmt: skip
    assert group == before | {"lr": 9.0}
    assert type(group["betas"]) is tuple
