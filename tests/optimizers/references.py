"""Keras' update rules (2.3; AdamW: 3), written once more in NumPy and float64, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rule = Callable[..., "Reference"]


class Reference:
    """One parameter and what an optimizer keeps for it; `lr` may be changed between steps."""

    def __init__(self, start: Any, lr: float, decay: float = 0.0) -> None:
        self.value: Array = np.asarray(start, dtype=np.float64)
        self.lr, self.decay, self.iterations = lr, decay, 0

    def step(self, gradient: Any) -> Array:
        rate = self.lr / (1 + self.decay * self.iterations)
        self.value = self.moved(np.asarray(gradient, dtype=np.float64), rate, self.iterations + 1)
        self.iterations += 1
        return self.value

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        raise NotImplementedError


class Descent(Reference):
    def __init__(
        self, start: Any, lr: float = 0.01, decay: float = 0.0, momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(start, lr, decay)
        self.momentum, self.nesterov = momentum, nesterov
        self.velocity = np.zeros_like(self.value)

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.velocity = self.momentum * self.velocity - rate * gradient
        ahead = self.momentum * self.velocity - rate * gradient
        return self.value + (ahead if self.nesterov else self.velocity)


class RootMeanSquare(Reference):
    def __init__(
        self, start: Any, lr: float = 0.001, decay: float = 0.0, rho: float = 0.9,
        epsilon: float = 1e-7,
    ) -> None:  # fmt: skip
        super().__init__(start, lr, decay)
        self.rho, self.epsilon = rho, epsilon
        self.average = np.zeros_like(self.value)

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.average = self.rho * self.average + (1 - self.rho) * gradient**2
        return self.value - rate * gradient / (np.sqrt(self.average) + self.epsilon)


class AdaptiveMoments(Reference):
    def __init__(
        self, start: Any, lr: float = 0.001, decay: float = 0.0, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(start, lr, decay)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.m, self.v, self.largest = (np.zeros_like(self.value) for _ in range(3))

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        corrected = rate * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        self.largest = np.maximum(self.largest, self.v)
        under = self.largest if self.amsgrad else self.v
        return self.value - corrected * self.m / (np.sqrt(under) + self.epsilon)


class SumOfSquares(Reference):
    def __init__(
        self, start: Any, lr: float = 0.01, decay: float = 0.0, epsilon: float = 1e-7
    ) -> None:
        super().__init__(start, lr, decay)
        self.epsilon = epsilon
        self.sum = np.zeros_like(self.value)

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.sum = self.sum + gradient**2
        return self.value - rate * gradient / (np.sqrt(self.sum) + self.epsilon)


class RecentSteps(Reference):
    def __init__(
        self, start: Any, lr: float = 1.0, decay: float = 0.0, rho: float = 0.95,
        epsilon: float = 1e-7,
    ) -> None:  # fmt: skip
        super().__init__(start, lr, decay)
        self.rho, self.epsilon = rho, epsilon
        self.squares, self.steps = (np.zeros_like(self.value) for _ in range(2))

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.squares = self.rho * self.squares + (1 - self.rho) * gradient**2
        ratio = np.sqrt(self.steps + self.epsilon) / np.sqrt(self.squares + self.epsilon)
        self.steps = self.rho * self.steps + (1 - self.rho) * (gradient * ratio) ** 2
        return self.value - rate * gradient * ratio


class LargestMoments(Reference):
    def __init__(
        self, start: Any, lr: float = 0.002, decay: float = 0.0, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7,
    ) -> None:  # fmt: skip
        super().__init__(start, lr, decay)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.m, self.u = (np.zeros_like(self.value) for _ in range(2))

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.u = np.maximum(self.beta_2 * self.u, np.abs(gradient))
        return self.value - rate / (1 - self.beta_1**t) * self.m / (self.u + self.epsilon)


class MomentsAhead(Reference):
    def __init__(
        self, start: Any, lr: float = 0.002, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, schedule_decay: float = 0.004,
    ) -> None:  # fmt: skip
        super().__init__(start, lr)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.schedule_decay, self.product = schedule_decay, 1.0
        self.m, self.v = (np.zeros_like(self.value) for _ in range(2))

    def momentum(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96 ** (t * self.schedule_decay))

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        now, following = self.momentum(t), self.momentum(t + 1)
        self.product *= now
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * gradient
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * gradient**2
        present = (1 - now) * gradient / (1 - self.product)
        ahead = following * self.m / (1 - self.product * following)
        root = np.sqrt(self.v / (1 - self.beta_2**t))
        return self.value - rate * (present + ahead) / (root + self.epsilon)


class DecayedMoments(AdaptiveMoments):
    """Keras 3's AdamW."""

    def __init__(self, start: Any, lr: float = 0.001, weight_decay: float = 0.004, **rest: Any):
        super().__init__(start, lr, **rest)
        self.weight_decay = weight_decay

    def moved(self, gradient: Array, rate: float, t: int) -> Array:
        self.value = self.value * (1 - rate * self.weight_decay)
        return super().moved(gradient, rate, t)


RULES: dict[str, type[Reference]] = {
    "SGD": Descent,
    "RMSprop": RootMeanSquare,
    "Adam": AdaptiveMoments,
    "Adagrad": SumOfSquares,
    "Adadelta": RecentSteps,
    "Adamax": LargestMoments,
    "Nadam": MomentsAhead,
    "AdamW": DecayedMoments,
}


def clipped(gradients: Sequence[Array], norm: float | None, value: float | None) -> list[Array]:
    """Keras 2.3: the norm of all gradients together, then every number by itself."""
    result = list(gradients)
    if norm:
        length = np.sqrt(sum(float((g**2).sum()) for g in result))
        result = [g * norm / length if length >= norm else g for g in result]
    if value:
        result = [np.clip(g, -value, value) for g in result]
    return result
