"""BatchNormalization: each feature with mean 0 and variance 1, then scaled and shifted."""

from __future__ import annotations

from typing import Any, Unpack, cast

import torch
from torch import Tensor
from torch.nn.functional import batch_norm

from backbeat import initializers, regularizers
from backbeat.errors import ArgumentError, DataError
from backbeat.flags import flag
from backbeat.layers._arguments import (
    LayerArguments,
    Shape,
    check_none,
    fraction,
    positive,
    whole_number,
)
from backbeat.layers._inputs import as_type_of
from backbeat.layers.layer import Layer

__all__ = ["BatchNormalization"]


class BatchNormalization(Layer):
    """`gamma * (inputs - mean) / sqrt(variance + epsilon) + beta`, per index of `axis`.

    While training, mean and variance are the batch's, and the moving ones take over
    `1 - momentum` of them; otherwise the moving ones are used. The variance is the biased one
    throughout, as in Keras 3 (torch.nn keeps the unbiased one). A frozen layer
    (`trainable=False`) always uses the moving ones and leaves them as they are, as in Keras 3.
    Args are those of Keras 2.3. `axis` is 1 for channels-first data. Constraints do not exist yet:
    anything but None is refused.

    >>> layer = BatchNormalization()
    >>> layer.train()(torch.tensor([[1.0], [3.0]])).round(decimals=2).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: None = None,
        gamma_constraint: None = None,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        self.axis = whole_number(owner, "axis", _single(axis), minimum=-16)
        self.momentum = fraction(owner, "momentum", momentum)
        self.epsilon = positive(owner, "epsilon", epsilon)
        self.center = flag(owner, "center", center)
        self.scale = flag(owner, "scale", scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        check_none(owner, beta_constraint=beta_constraint, gamma_constraint=gamma_constraint)
        self.gamma: Tensor | None
        self.beta: Tensor | None
        self.moving_mean: Tensor
        self.moving_variance: Tensor

    def build(self, input_shape: Shape) -> None:
        """Create the scale, the shift, and the moving mean and variance."""
        rank = len(input_shape)
        axis = self.axis % rank if -rank <= self.axis < rank else 0
        width = input_shape[axis] if axis else None
        if width is None:
            raise ArgumentError(
                f"{self.name!r} normalizes along axis {self.axis} and must know its size, but the "
                f"shape of its inputs is {input_shape}. Axis 0 is the batch."
            )
        kind, shape = self.dtype or torch.get_default_dtype(), (width,)
        self._last, self._axis, self._width = axis == rank - 1, axis, width
        self.gamma = self.beta = None
        if self.scale:
            start = self.gamma_initializer(shape, dtype=kind)
            self.gamma = self._keep("gamma", start, regularizer=self.gamma_regularizer)
        if self.center:
            start = self.beta_initializer(shape, dtype=kind)
            self.beta = self._keep("beta", start, regularizer=self.beta_regularizer)
        for name, initializer in (
            ("moving_mean", self.moving_mean_initializer),
            ("moving_variance", self.moving_variance_initializer),
        ):
            self.register_buffer(name, initializer(shape, dtype=kind).to(self._device))

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        mean = self.moving_mean
        if inputs.dtype is not mean.dtype:
            inputs = as_type_of(mean, inputs)
        if inputs.ndim <= self._axis or inputs.shape[self.axis] != self._width:
            raise DataError(
                f"{self.name!r} was built for inputs with {self._width} values along axis "
                f"{self.axis}; these have the shape {tuple(inputs.shape)}."
            )
        if not self._last:
            return self._normalized(inputs.movedim(self._axis, 1)).movedim(1, self._axis)
        # As rows of features, which is a view: torch's kernel for them is as fast as any.
        return self._normalized(inputs.reshape(-1, self._width)).view(inputs.shape)

    def _normalized(self, rows: Tensor) -> Tensor:
        """`rows` with the features along axis 1, normalized."""
        if not (self.training and self._trainable):
            moving = self.moving_mean, self.moving_variance
            return batch_norm(rows, *moving, self.gamma, self.beta, False, 0.0, self.epsilon)
        # torch's own running variance is the unbiased one, so its kernel gets none to update.
        outputs, mean, root = torch.native_batch_norm(
            rows, self.gamma, self.beta, None, None, True, 0.0, self.epsilon
        )
        self._follow(self.moving_mean, mean)
        self._follow(self.moving_variance, root.pow(-2).sub_(self.epsilon).clamp_(min=0.0))
        return outputs

    def _follow(self, moving: Tensor, batch: Tensor) -> None:
        moving.lerp_(batch.to(moving.dtype), 1.0 - self.momentum)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        moving_variance = initializers.serialize(self.moving_variance_initializer)
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": moving_variance,
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": None,
            "gamma_constraint": None,
        }


def _single(axis: Any) -> Any:
    """The axis in a list of one, as some versions of Keras write it."""
    axes = cast(list[Any], axis) if isinstance(axis, (list, tuple)) else [axis]
    return axes[0] if len(axes) == 1 else axes
