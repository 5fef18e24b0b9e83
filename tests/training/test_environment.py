"""What decides, besides the state, whether a run goes on bit for bit."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.training.environment import differences, environment_of


def test_an_environment_is_plain_and_equals_itself():
    """It is kept as strict JSON, and is the same when it comes back."""
    environment = environment_of(nn.Linear(2, 1))

    assert differences(json.loads(json.dumps(environment)), environment_of(nn.Linear(2, 1))) == []


def test_it_holds_versions_and_the_device_of_the_module():
    """A module without parameters is on the CPU."""
    environment = environment_of(nn.ReLU())

    assert environment["torch"] == torch.__version__
    assert environment["NumPy"] == np.__version__
    assert environment["the device"] == "cpu"
    assert environment_of(nn.Linear(1, 1, device="meta"))["the device"] == "meta"


def test_another_number_of_threads_is_a_difference():
    """Sums are split among threads, and rounded in another order."""
    module, threads = nn.Linear(2, 1), torch.get_num_threads()
    before = environment_of(module)
    torch.set_num_threads(threads + 1)
    try:
        after = environment_of(module)
    finally:
        torch.set_num_threads(threads)

    assert differences(before, after) == [
        f"the number of threads was {threads} and is {threads + 1}"
    ]


def test_another_number_of_processes_is_a_difference(monkeypatch: pytest.MonkeyPatch):
    """It is what the launcher says it is."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    before = environment_of(nn.ReLU())
    monkeypatch.setenv("WORLD_SIZE", "4")

    after = environment_of(nn.ReLU())

    assert differences(before, after) == ["the number of processes was 1 and is 4"]


def test_what_only_one_of_them_knows_is_a_difference_too():
    """A setting that an older backup did not keep was None, as far as is known."""
    assert differences({"a": 1}, {"b": 2}) == ["a was 1 and is None", "b was None and is 2"]
