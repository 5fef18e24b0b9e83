"""Lookout: what random numbers a failed fetch has drawn is undone, or said not to be known."""

from __future__ import annotations

import random

import numpy as np
import torch

from backbeat.data import Randomness
from backbeat.data.lookout import Lookout
from backbeat.tensors import same_trees


def test_the_first_fetch_of_an_epoch_may_draw_anything() -> None:
    """All generators were looked at just before."""
    randomness = Randomness()
    lookout = Lookout(randomness)
    before = randomness.state()
    lookout.begin_epoch()
    random.random(), np.random.rand(), torch.rand(1)

    assert same_trees(lookout.state(), before)


def test_what_moves_at_each_fetch_is_known() -> None:
    """Also where the training draws in between."""
    randomness = Randomness()
    lookout = Lookout(randomness)
    lookout.begin_epoch()
    for _ in range(5):
        random.random()  # the fetch
        torch.rand(1)  # the training
        lookout.look()
        before = randomness.state()
    random.random()

    assert same_trees(lookout.state(), before)


def test_what_never_moved_before_is_not_known() -> None:
    """Nobody can tell whether it was the fetch or the training."""
    lookout = Lookout(Randomness())
    lookout.begin_epoch()
    for _ in range(5):
        lookout.look()
    untouched = lookout.state()
    np.random.rand()

    assert untouched is not None
    assert lookout.state() is None


def test_after_a_while_it_is_known() -> None:
    """All are looked at now and then."""
    randomness = Randomness()
    lookout = Lookout(randomness)
    lookout.begin_epoch()
    for _ in range(70):
        lookout.look()
        np.random.rand()
    lookout.look()
    before = randomness.state()
    np.random.rand()

    assert same_trees(lookout.state(), before)
