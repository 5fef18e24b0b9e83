"""Conv1D, Conv2D: the same weighted sum at every place of a sequence or an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from backbeat import activations, initializers, regularizers
from backbeat.errors import ArgumentError, DataError
from backbeat.flags import flag
from backbeat.layers._arguments import LayerArguments, Shape, check_none, choice, whole_number
from backbeat.layers._images import from_images, misfit, to_images
from backbeat.layers._inputs import as_type_of
from backbeat.layers._windows import (
    CHANNELS_LAST,
    channels_in,
    data_format_name,
    same_padding,
    sizes,
    slid_shape,
)
from backbeat.layers.layer import Layer

__all__ = ["Conv1D", "Conv2D"]


class _Conv(Layer):
    """What convolutions of any rank share; the arguments of Keras 2.3."""

    skip_activation: bool = False
    """While True, `call` gives the values before the activation (the logits)."""

    _rank: ClassVar[int]
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
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
        groups: int = 1,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner, rank = type(self).__name__, self._rank
        self.filters = whole_number(owner, "filters", filters)
        self.kernel_size = sizes(owner, "kernel_size", kernel_size, rank)
        self.strides = sizes(owner, "strides", strides, rank)
        self.padding = choice(owner, "padding", padding, self._paddings)
        self.data_format = data_format_name(owner, data_format)
        self.dilation_rate = sizes(owner, "dilation_rate", dilation_rate, rank)
        self.groups = whole_number(owner, "groups", groups)
        self.activation = activations.get(activation)
        self.use_bias = flag(owner, "use_bias", use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        check_none(owner, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint)
        self._check_together(owner)
        self.weight: Tensor
        self.bias: Tensor | None
        # torch sees a sequence as an image of height 1.
        flat = (1,) * (2 - rank)
        self._window = (*flat, *self.kernel_size)
        self._steps = (*flat, *self.strides)
        self._dilations = (*flat, *self.dilation_rate)
        self._last = self.data_format == CHANNELS_LAST

    def _check_together(self, owner: str) -> None:
        """Refuse arguments that contradict each other."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{owner}: strides={self.strides} and dilation_rate={self.dilation_rate} exclude "
                "each other; one of them must be 1."
            )
        if self.filters % self.groups:
            raise ArgumentError(
                f"{owner}: {self.filters} filters cannot be parted into {self.groups} groups."
            )

    def build(self, input_shape: Shape) -> None:
        """Create the kernel, and the bias if there is one."""
        channels = channels_in(self.name, input_shape, self._rank, self.data_format)
        if channels % self.groups:
            raise ArgumentError(
                f"{self.name!r}: {channels} channels cannot be parted into {self.groups} groups."
            )
        kind = self.dtype or torch.get_default_dtype()
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        kernel = self.kernel_initializer(shape, dtype=kind)
        self.weight = self._keep(
            "kernel",
            _as_torch_holds_it(kernel),
            axes=(2, 3, 1, 0) if self._rank == 2 else (2, 1, 0),
            regularizer=self.kernel_regularizer,
        )
        self.bias = None
        if self.use_bias:
            start = self.bias_initializer((self.filters,), dtype=kind)
            self.bias = self._keep("bias", start, regularizer=self.bias_regularizer)

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …places, channels) → (batch, …places, filters)."""
        weight = self.weight
        if inputs.dtype is not weight.dtype:
            inputs = as_type_of(weight, inputs)
        try:
            outputs = self._convolved(inputs, weight)
        except RuntimeError as error:
            raise self._explained(inputs) or error from error
        if self.activity_regularizer is not None:
            self._watch(self.activity_regularizer, self.activation(outputs))
        return outputs if self.skip_activation else self.activation(outputs)

    def _convolved(self, inputs: Tensor, weight: Tensor) -> Tensor:
        rank = self._rank
        images = to_images(inputs, rank, self._last)
        kernel = weight if rank == 2 else weight.unsqueeze(2)
        images, beside = self._padded(images) if self.padding != "valid" else (images, 0)
        made = conv2d(images, kernel, self.bias, self._steps, beside, self._dilations, self.groups)
        return from_images(made, rank, self._last)

    def _padded(self, images: Tensor) -> tuple[Tensor, list[int]]:
        """`images` with what torch cannot add itself, and what it shall add on both sides."""
        if self.padding == "causal":
            return pad(images, [self._dilations[1] * (self._window[1] - 1), 0]), [0, 0]
        edges = [
            same_padding(*each)
            for each in zip(
                images.shape[2:], self._window, self._steps, self._dilations, strict=True
            )
        ]
        (top, bottom), (left, right) = edges
        if bottom > top or right > left:
            images = pad(images, [0, right - left, 0, bottom - top])
        return images, [top, left]

    def _explained(self, inputs: Tensor) -> DataError | None:
        """The error to raise for a failed convolution, if the inputs are to blame."""
        wrong_rank = misfit(self.name, inputs, self._rank, self._last)
        if wrong_rank is not None:
            return wrong_rank
        shape, wanted = tuple(inputs.shape), self.weight.shape[1] * self.groups
        given = shape[-1 if self._last else 1]
        if given != wanted:
            return DataError(
                f"{self.name!r} was built for inputs of {wanted} channels; these have {given} "
                f"(shape {shape}, {self.data_format})."
            )
        if any((size or 0) < 1 for size in self.compute_output_shape(shape)[1:]):
            return DataError(
                f"{self.name!r}: the window of {self.kernel_size} does not fit into inputs of "
                f"the shape {shape}. Make it smaller, or pad with padding='same'."
            )
        return None

    @property
    def kernel(self) -> Tensor:
        """The weight as Keras holds it, (…window, channels, filters): a view of the live one."""
        return self.weight.permute(2, 3, 1, 0) if self._rank == 2 else self.weight.permute(2, 1, 0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """One place for each position of the window, `filters` channels."""
        return slid_shape(
            input_shape,
            self.filters,
            self.data_format,
            self.kernel_size,
            self.padding,
            self.strides,
            self.dilation_rate,
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        config = {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": list(self.dilation_rate),
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
        # Keras 2.3 has no groups, and would refuse to read the word.
        return config if self.groups == 1 else {**config, "groups": self.groups}


class Conv1D(_Conv):
    """Slides a window over sequences, (batch, steps, channels) → (batch, new steps, filters).

    Args are those of Keras 2.3. `padding` is "valid", "same" or "causal" (no step sees a later
    one). Constraints do not exist yet: anything but None is refused.

    >>> Conv1D(4, 3, padding="same")(torch.ones(2, 10, 8)).shape
    torch.Size([2, 10, 4])
    """

    _rank = 1
    _paddings = ("valid", "same", "causal")


class Conv2D(_Conv):
    """Slides a window over images, (batch, height, width, channels) → (…, filters).

    Args are those of Keras 2.3; `kernel_size`, `strides` and `dilation_rate` are one number or
    (of rows, of columns), `padding` is "valid" or "same". With `data_format="channels_first"` the
    images are torch's (batch, channels, height, width). Constraints do not exist yet: anything but
    None is refused.

    >>> Conv2D(4, 3, activation="relu")(torch.ones(2, 28, 28, 1)).shape
    torch.Size([2, 26, 26, 4])
    """

    _rank = 2


def _as_torch_holds_it(kernel: Tensor) -> Tensor:
    """(…window, channels, filters) → (filters, channels, …window).

    In memory the channels stay last, so that the outputs have theirs last too.
    """
    if kernel.ndim == 4:
        return kernel.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    return kernel.permute(2, 1, 0).contiguous()
