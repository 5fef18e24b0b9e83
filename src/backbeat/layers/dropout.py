"""Dropout: while training, a random part of the inputs is zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout

from backbeat.layers._arguments import Shape, fraction, shape_of, whole_number
from backbeat.layers.layer import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Sets each input to 0 with probability `rate` and scales the others by `1 / (1 - rate)`.

    Only while training (`model.train()`, which `fit` does); otherwise the inputs pass unchanged.
    `noise_shape` is the shape of the zeros' pattern: an axis of size 1 shares it, None means the
    input's size. With `seed` the layer's n-th training call always draws the same pattern;
    `draws` counts those calls.

    >>> Dropout(0.5).eval()(torch.ones(1, 2)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )
        owner = type(self).__name__
        self.rate = fraction(owner, "rate", rate)
        self.noise_shape = noise_shape and shape_of(owner, "noise_shape", noise_shape)
        self.seed = None if seed is None else whole_number(owner, "seed", seed, minimum=0)
        self.draws = 0

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        if not self.training or not self.rate:
            return inputs
        if not inputs.is_floating_point():
            inputs = inputs.to(torch.get_default_dtype())
        if self.seed is None and self.noise_shape is None:
            return dropout(inputs, self.rate)
        return inputs * self._pattern(inputs)

    def _pattern(self, inputs: Tensor) -> Tensor:
        """Zeros, and the scale where an input is kept."""
        pairs = zip(self.noise_shape or inputs.shape, inputs.shape, strict=True)
        shape = [given if wanted is None else wanted for wanted, given in pairs]
        pattern = torch.ones(shape, dtype=inputs.dtype, device=inputs.device)
        if self.seed is None:
            return dropout(pattern, self.rate)
        # A new generator per call: then the seed and a count are all there is to be remembered.
        start = (self.seed * 1_000_003 + self.draws) % 2**63
        generator = torch.Generator(inputs.device).manual_seed(start)
        self.draws += 1
        if self.rate == 1.0:
            return pattern.zero_()
        return pattern.bernoulli_(1.0 - self.rate, generator=generator).div_(1.0 - self.rate)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        shape = None if self.noise_shape is None else list(self.noise_shape)
        config = super().get_config()
        return {**config, "rate": self.rate, "noise_shape": shape, "seed": self.seed}
