"""Every generator of random numbers can be put back to where it was."""

import random

import numpy as np
import pytest
import torch

from backbeat.checkpoints.plain import pack, unpack
from backbeat.checkpoints.strict_json import from_json, to_json
from backbeat.data import Randomness, is_generator
from backbeat.training.tensor_trees import with_bytes, with_tensors

DRAWS = {
    "Python": (None, lambda _: random.gauss(0, 1)),
    "NumPy": (None, lambda _: np.random.normal()),
    "torch": (None, lambda _: torch.randn(3).tolist()),
    "PCG64": (np.random.default_rng(1), lambda own: own.normal()),
    "MT19937": (np.random.Generator(np.random.MT19937(1)), lambda own: own.normal()),
    "RandomState": (np.random.RandomState(1), lambda own: own.normal()),
    "Random": (random.Random(1), lambda own: own.gauss(0, 1)),
    "torch.Generator": (torch.Generator(), lambda own: torch.randn(3, generator=own).tolist()),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_the_same_numbers_come_again(kind):
    """After a trip through strict JSON the generator gives what it gave."""
    own, draw = DRAWS[kind]
    randomness = Randomness({} if own is None else {"own": own})
    draw(own)
    tensors = {}
    packed = to_json(pack(with_bytes(randomness.state()), "random", tensors))
    expected = [draw(own) for _ in range(3)]
    randomness.restore(with_tensors(unpack(from_json(packed), tensors)))

    assert [draw(own) for _ in range(3)] == expected


def test_a_generator_that_comes_later_gets_its_state():
    """A loader's generator is known only when the loader is."""
    generator = torch.Generator().manual_seed(3)
    state = Randomness({"loader": generator}).state()
    expected = torch.rand(2, generator=generator).tolist()
    again, late = Randomness(), torch.Generator()
    again.restore(state)
    again.add("loader", late)

    assert torch.rand(2, generator=late).tolist() == expected


def test_what_is_a_generator():
    """Modules and functions are none."""
    assert all(is_generator(own) for own, _ in DRAWS.values() if own is not None)
    assert not is_generator(random)
