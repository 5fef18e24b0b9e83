"""Initializers whose spread follows from the number of inputs and outputs."""

from __future__ import annotations

import math
from typing import Any, Literal

from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.initializers.distributions import RandomUniform, TruncatedNormal
from backbeat.initializers.initializer import Initializer

__all__ = [
    "VarianceScaling",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]


class VarianceScaling(Initializer):
    """Values whose variance is `scale` over the number of inputs, outputs, or their mean.

    `mode` is 'fan_in', 'fan_out' or 'fan_avg'; `distribution` is 'normal' (cut off at two standard
    deviations) or 'uniform'. The base of the Glorot, He and LeCun initializers.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
        distribution: Literal["normal", "uniform"] = "normal",
        seed: int | None = None,
    ) -> None:
        if scale <= 0:
            raise ArgumentError(f"scale={scale!r} does not fit: it must be above 0.")
        _check_choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        _check_choice("distribution", distribution, ("normal", "uniform"))
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def fill(self, values: Tensor) -> Tensor:
        inputs, outputs = _fans(tuple(values.shape))
        fan = {"fan_in": inputs, "fan_out": outputs}.get(self.mode, (inputs + outputs) / 2)
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return RandomUniform(-limit, limit, self.seed).fill(values)
        # Cutting a unit normal at two standard deviations leaves this standard deviation.
        stddev = math.sqrt(variance) / 0.87962566103423978
        return TruncatedNormal(0.0, stddev, self.seed).fill(values)


def glorot_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 2 / (inputs + outputs) (Glorot, 2010); the default of `Dense`."""
    return VarianceScaling(1.0, "fan_avg", "uniform", seed)


def glorot_normal(seed: int | None = None) -> VarianceScaling:
    """Normal with variance 2 / (inputs + outputs) (Glorot, 2010)."""
    return VarianceScaling(1.0, "fan_avg", "normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 2 / inputs (He, 2015)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Normal with variance 2 / inputs (He, 2015)."""
    return VarianceScaling(2.0, "fan_in", "normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform with variance 1 / inputs (LeCun, 1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Normal with variance 1 / inputs (LeCun, 1998)."""
    return VarianceScaling(1.0, "fan_in", "normal", seed)


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """How many inputs and outputs meet in a weight of `shape`; Keras 2 takes a vector's root."""
    if len(shape) < 2:
        root = math.sqrt(math.prod(shape))
        return root, root
    window = math.prod(shape[:-2])
    return float(window * shape[-2]), float(window * shape[-1])


def _check_choice(argument: str, given: Any, choices: tuple[str, ...]) -> None:
    if given not in choices:
        raise ArgumentError(f"{argument}={given!r} does not fit: give one of {', '.join(choices)}.")
