"""The learning rates of an optimizer's parameter groups, read and set as one number."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

from torch import Tensor

from backbeat.optimizers.arguments import real_number

__all__ = ["Group", "Rates", "check_rate"]

Group: TypeAlias = dict[str, Any]
"""One of torch's parameter groups."""


def check_rate(value: Any, argument: str = "lr") -> float:
    """`value` as a learning rate."""
    return real_number(argument, value, 0.001)


class Rates:
    """One number for the rates of all groups: that of group 0; setting it scales all alike.

    With `decay` the groups hold the decayed rates, and what is read and set here are the rates
    before decay, as `lr` is in Keras.
    """

    def __init__(self, groups: list[Group], decay: float) -> None:
        self._decay = decay
        self._undecayed = [float(group["lr"]) for group in groups]
        self.ratios = self._proportions(self._undecayed) or [1.0] * len(groups)
        """Of every group to group 0, as they were when that had a rate other than 0."""

    def read(self, groups: list[Group]) -> list[float]:
        """The rate of every group."""
        return list(self._undecayed) if self._decay else [float(g["lr"]) for g in groups]

    def write(self, groups: list[Group], rates: list[float]) -> None:
        """Give every group its own rate."""
        self._undecayed = list(rates)
        for group, rate in zip(groups, rates, strict=True):
            _assign(group, rate)

    def scale_to(self, groups: list[Group], value: float) -> None:
        """Give group 0 the rate `value` and change the others by the same ratio.

        The ratios outlive a rate of 0, so a warm-up from 0 keeps the groups apart.
        """
        self.ratios = self._proportions(self.read(groups)) or self.ratios
        self.write(groups, [value * ratio for ratio in self.ratios])

    def decay(self, groups: list[Group], iterations: int) -> None:
        """Set the groups to `rate / (1 + decay * iterations)`."""
        divisor = 1.0 + self._decay * iterations
        for group, rate in zip(groups, self._undecayed, strict=True):
            _assign(group, rate / divisor)

    @contextmanager
    def undecayed(self, groups: list[Group]) -> Generator[None]:
        """Within it the groups hold the rates before decay; what is set there is taken over."""
        if not self._decay:
            yield
            return
        self.write(groups, self._undecayed)
        yield
        self._undecayed = [float(group["lr"]) for group in groups]

    @staticmethod
    def _proportions(rates: list[float]) -> list[float] | None:
        return [rate / rates[0] for rate in rates] if rates[0] else None


def _assign(group: Group, rate: float) -> None:
    """Some torch optimizers keep the rate in a tensor that compiled code reads."""
    held = group["lr"]
    if isinstance(held, Tensor):
        held.fill_(rate)
    else:
        group["lr"] = rate
