"""The state of a torch optimizer on its way to another machine."""

import pytest

from backbeat.optimizers.torch_state import made_here

GROUP = {"lr": 0.1, "params": [0, 1]}


def test_parameters_are_numbered_again():
    """JSON made texts of their numbers."""
    state = {"state": {"0": "a", "1": "b"}, "param_groups": [GROUP]}

    assert made_here(state, [GROUP])["state"] == {0: "a", 1: "b"}


@pytest.mark.parametrize("form", ["fused", "foreach"])
def test_the_kernels_of_this_machine_are_kept(form):
    """Everything else of a group is taken from the state."""
    state = {"state": {}, "param_groups": [{**GROUP, form: True}]}

    (group,) = made_here(state, [{"lr": 0.5, form: False}])["param_groups"]
    assert group == {**GROUP, form: False}


def test_every_group_needs_its_own():
    state = {"state": {}, "param_groups": [GROUP]}

    with pytest.raises(ValueError, match="shorter"):
        made_here(state, [])
