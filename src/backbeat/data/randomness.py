"""Randomness: where every generator of random numbers stands, as plain values, and back."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch

__all__ = ["Randomness", "is_generator"]

_KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


def is_generator(thing: object) -> bool:
    """Whether `thing` draws random numbers: torch's, NumPy's or Python's kind of generator."""
    return isinstance(thing, _KINDS)


class Randomness:
    """The generators of Python, NumPy, torch's CPU and every CUDA device, and those you name.

    >>> import random
    >>> randomness = Randomness()
    >>> before = randomness.state()
    >>> drawn = random.random()
    >>> randomness.restore(before)
    >>> random.random() == drawn
    True
    """

    def __init__(self, named: Mapping[str, Any] | None = None) -> None:
        self.named = dict(named or {})
        self._unclaimed: dict[str, Any] = {}

    def add(self, name: str, generator: Any) -> None:
        """Watch another one; it goes on from what `restore` was given under that name."""
        self.named[name] = generator
        if name in self._unclaimed:
            _restore(generator, self._unclaimed.pop(name))

    @property
    def readers(self) -> dict[str, Callable[[], Any]]:
        """What tells each part of the state."""
        return {
            "python": random.getstate,
            "numpy": lambda: np.random.get_state(legacy=False),
            "torch": torch.get_rng_state,
            "cuda": _cuda_states,
            "named": lambda: {name: _state_of(each) for name, each in self.named.items()},
        }

    def state(self) -> dict[str, Any]:
        """Where all of them stand now: plain values, arrays and tensors of their own."""
        return {name: read() for name, read in self.readers.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Let all of them go on from there; what this machine does not have is left out."""
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.set_rng_state(state["torch"])
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for device, each in enumerate(state["cuda"][:there]):
            torch.cuda.set_rng_state(each, device)
        for name, each in state["named"].items():
            if name in self.named:
                _restore(self.named[name], each)
            else:
                self._unclaimed[name] = each


def _cuda_states() -> list[torch.Tensor]:
    # Asking for the state of CUDA would start it, which costs memory on the device.
    used = torch.cuda.is_available() and torch.cuda.is_initialized()
    devices = range(torch.cuda.device_count()) if used else ()
    return [torch.cuda.get_rng_state(device) for device in devices]


def _state_of(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return cast(Any, generator).get_state(legacy=False)
    return generator.bit_generator.state


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, (torch.Generator, np.random.RandomState)):
        cast(Any, generator).set_state(state)
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.bit_generator.state = state
