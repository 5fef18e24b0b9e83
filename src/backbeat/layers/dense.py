"""Dense: every output is a weighted sum of every input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from backbeat import activations, initializers, regularizers
from backbeat.errors import ArgumentError, DataError
from backbeat.flags import flag
from backbeat.layers._arguments import Shape, check_none, whole_number
from backbeat.layers._inputs import as_type_of
from backbeat.layers.layer import Layer

__all__ = ["Dense"]


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`, on the last axis of inputs of any rank.

    Args are those of Keras 2.3. `activation`, the initializers and the regularizers are names,
    functions or objects. Constraints do not exist yet: anything but None is refused.

    >>> Dense(4, activation="relu")(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    skip_activation: bool = False
    """While True, `call` gives the values before the activation (the logits)."""

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: None = None,
        bias_constraint: None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
            weights=weights,
        )
        owner = type(self).__name__
        self.units = whole_number(owner, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = flag(owner, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        check_none(owner, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)
        self.weight: Tensor
        self.bias: Tensor | None

    def build(self, input_shape: Shape) -> None:
        """Create the kernel, and the bias if there is one."""
        width = input_shape[-1] if len(input_shape) > 1 else None
        if width is None:
            raise ArgumentError(
                f"{self.name!r} must know the size of the last axis of its inputs, but their shape "
                f"is {input_shape}. Inputs are at least (batch, features)."
            )
        kind = self.dtype or torch.get_default_dtype()
        kernel = self.kernel_initializer((width, self.units), dtype=kind)
        # Held as torch holds it: on a CPU much faster than a product with the Keras kernel.
        self.weight = self._keep(
            "kernel",
            kernel.t().contiguous(),
            axes=(1, 0),
            regularizer=self.kernel_regularizer,
        )
        self.bias = None
        if self.use_bias:
            start = self.bias_initializer((self.units,), dtype=kind)
            self.bias = self._keep("bias", start, regularizer=self.bias_regularizer)

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …, features) → (batch, …, units)."""
        weight = self.weight
        if inputs.dtype is not weight.dtype:
            inputs = as_type_of(weight, inputs)
        try:
            outputs = linear(inputs, weight, self.bias)
        except RuntimeError as error:
            raise self._explained(inputs, error) from error
        if self.activity_regularizer is not None:
            self._watch(self.activity_regularizer, self.activation(outputs))
        return outputs if self.skip_activation else self.activation(outputs)

    def _explained(self, inputs: Tensor, error: RuntimeError) -> Exception:
        """The error to raise for a failed product."""
        given, width = inputs.shape[-1] if inputs.ndim else 0, self.weight.shape[1]
        if given == width:
            return error
        return DataError(
            f"{self.name!r} was built for inputs whose last axis has {width} values; these have "
            f"{given} (shape {tuple(inputs.shape)})."
        )

    @property
    def kernel(self) -> Tensor:
        """The weight as Keras holds it, (features, units): a view of the live one."""
        return self.weight.t()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `units` last."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": None,
            "bias_constraint": None,
        }
