"""Input and InputLayer: where a functional model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.layers._arguments import Shape, first_shape, shape_of, to_dtype, whole_number
from backbeat.layers.layer import Layer
from backbeat.layers.naming import unique_name
from backbeat.layers.symbol import Symbol, new_input

__all__ = ["Input", "InputLayer"]


def Input(  # noqa: N802 it is called as if it were a class, and has this name in Keras
    shape: Sequence[int | None] | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    dtype: str | torch.dtype | None = None,
) -> Symbol:
    """A symbol on which layers are called to draw a functional model.

    `shape` is that of one sample; None stands for a length that is open. `batch_shape` has the
    batch before it; a batch size given there is not enforced. `dtype` is float32 by default, and
    "int32" for what an Embedding looks up.

    >>> Input((28, 28, 1), name="picture")
    <Symbol 'picture', shape (None, 28, 28, 1)>
    """
    if (shape is None) == (batch_shape is None):
        raise ArgumentError(
            "Input: give shape, that of one sample such as (28, 28, 1), or batch_shape, with the "
            "batch before it; one of them, not both."
        )
    # A batch without an axis would be a single number.
    if isinstance(shape, int):
        raise ArgumentError(f"Input: shape is a tuple of sizes; write shape=({shape},).")
    layer = InputLayer(shape, batch_input_shape=batch_shape, name=name, dtype=dtype)
    known = cast(Shape, layer.batch_input_shape)
    return new_input(layer, (None, *known[1:]), cast(torch.dtype, layer.dtype))


class InputLayer(Layer):
    """Gives its inputs back; says at the beginning of a model what they are like.

    `Input` makes it for you; in a Sequential it may stand first.

    >>> InputLayer(input_shape=(3,))(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        input_shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        dtype: str | torch.dtype | None = None,
        input_tensor: None = None,
        sparse: bool = False,
        name: str | None = None,
    ) -> None:
        owner = type(self).__name__
        if input_tensor is not None or sparse:
            raise ArgumentError(
                f"{owner}: input_tensor and sparse are not available; give dense data to fit, or "
                "make them dense in your DataLoader."
            )
        known = first_shape(owner, input_shape, None, batch_input_shape)
        if not known:
            raise ArgumentError(
                f"{owner}: give input_shape, that of one sample, or batch_input_shape, with the "
                "batch before it."
            )
        if batch_size is not None:
            known = (whole_number(owner, "batch_size", batch_size), *known[1:])
        super().__init__(
            name=name or unique_name("input"),
            dtype=to_dtype(owner, dtype) or torch.get_default_dtype(),
            batch_input_shape=shape_of(owner, "batch_input_shape", known),
        )

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        config = super().get_config()
        names = ("batch_input_shape", "dtype")
        return {**{name: config[name] for name in names}, "sparse": False, "name": self.name}
