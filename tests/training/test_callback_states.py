"""Every callback gets its own state back; what has nowhere to go is told."""

import torch
from torch import nn

from backbeat.training.callback_states import load_states, states_of
from backbeat.training.module_host import WeightsSnapshot


class Counter:
    """A callback that remembers a number, and a snapshot once it has one."""

    def __init__(self, count=0):
        self.count, self.best = count, None

    def state_dict(self):
        return {"count": self.count} if self.count else {}

    def load_state_dict(self, state):
        self.count = state["count"]


class Silent:
    """A callback by its methods alone: it has no state."""


def test_callbacks_of_one_kind_are_told_apart_by_their_order():
    """The second Counter gets what the second Counter had."""
    states = states_of([Counter(1), Silent(), Counter(2)])
    first, second = Counter(), Counter()

    missed = load_states([first, second, Silent()], states)

    assert list(states) == ["Counter", "Silent", "Counter 2"]
    assert (first.count, second.count, missed) == (1, 2, [])


def test_a_snapshot_of_weights_comes_back_too():
    """A callback need not know how to store the weights that it holds."""
    module, holder, other = nn.Linear(2, 1), Counter(1), Counter()
    holder.best = WeightsSnapshot(module)
    weight = module.weight.detach().clone()
    load_states([other], states_of([holder]))
    nn.init.zeros_(module.weight)

    other.best.restore(module)

    assert torch.equal(module.weight, weight)


def test_a_state_whose_callback_is_gone_is_told():
    """One that remembered nothing is not missed."""
    missed = load_states([], states_of([Counter(1), Silent()]))

    assert missed == ["Counter is no longer there"]


def test_a_snapshot_whose_callback_is_gone_is_told():
    """Even if it is all that the callback had."""
    holder = Counter()
    holder.best = WeightsSnapshot(nn.Linear(1, 1))

    assert load_states([], states_of([holder])) == ["Counter is no longer there"]


def test_a_callback_that_has_a_state_but_was_not_there_is_told():
    """It begins afresh; one that has nothing to remember is not worth a word."""
    new = Counter(3)

    missed = load_states([new, Silent()], {})

    assert (missed, new.count) == (["Counter is new and begins afresh"], 3)


def test_an_empty_state_is_not_given_back():
    """`load_state_dict` may rely on what `state_dict` gave."""
    counter = Counter(5)

    load_states([counter], states_of([Counter()]))

    assert counter.count == 5
