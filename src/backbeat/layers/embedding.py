"""Embedding: a vector for each whole number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding

from backbeat import initializers, regularizers
from backbeat.errors import ArgumentError, DataError
from backbeat.flags import flag
from backbeat.layers._arguments import Shape, check_none, shape_of, whole_number
from backbeat.layers.layer import Layer

__all__ = ["Embedding"]


class Embedding(Layer):
    """Row `i` of a table of `input_dim` vectors for every number `i` of the inputs.

    `input_length` is the length of the input sequences where it is fixed, or one length per axis.
    `mask_zero=True` is refused: masking does not exist yet, and ignoring it would change what the
    model computes. Constraints likewise.

    >>> Embedding(10, 3)(torch.tensor([[1, 2], [3, 3]])).shape
    torch.Size([2, 2, 3])
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        activity_regularizer: Any = None,
        embeddings_constraint: None = None,
        mask_zero: bool = False,
        input_length: int | Sequence[int | None] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        owner = type(self).__name__
        self_length = _lengths(owner, input_length)
        if input_shape is None and batch_input_shape is None:
            input_shape = self_length or (None,)
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            batch_input_shape=batch_input_shape,
            weights=weights,
        )
        self.input_dim = whole_number(owner, "input_dim", input_dim)
        self.output_dim = whole_number(owner, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.input_length = input_length
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        check_none(owner, embeddings_constraint=embeddings_constraint)
        if flag(owner, "mask_zero", mask_zero):
            raise ArgumentError(
                f"{owner}: mask_zero=True is not available yet: no layer of backbeat reads masks. "
                "Leave it out, and give padded steps the weight 0 in your loss."
            )
        self.mask_zero = False
        self.weight: Tensor

    def build(self, input_shape: Shape) -> None:
        """Create the table."""
        kind = self.dtype or torch.get_default_dtype()
        table = self.embeddings_initializer((self.input_dim, self.output_dim), dtype=kind)
        self.weight = self._keep("embeddings", table, regularizer=self.embeddings_regularizer)

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …) whole numbers → (batch, …, output_dim)."""
        if inputs.dtype not in (torch.int64, torch.int32):
            inputs = inputs.long()
        try:
            outputs = embedding(inputs, self.weight)
        except IndexError:
            raise DataError(
                f"{self.name!r} has vectors for 0 to {self.input_dim - 1}; the inputs hold "
                f"{int(inputs.min())} to {int(inputs.max())}. Give it a larger input_dim, or "
                "renumber the inputs."
            ) from None
        if self.activity_regularizer is not None:
            self._watch(self.activity_regularizer, outputs)
        return outputs

    @property
    def embeddings(self) -> Tensor:
        """The table, (input_dim, output_dim): the live weight."""
        return self.weight

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `output_dim` behind it."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        length = self.input_length
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": None,
            "mask_zero": False,
            "input_length": list(length) if isinstance(length, Sequence) else length,
        }


def _lengths(owner: str, length: Any) -> Shape | None:
    """`input_length` as a shape."""
    if length is None:
        return None
    if isinstance(length, (list, tuple)):
        return shape_of(owner, "input_length", length)
    return (whole_number(owner, "input_length", length),)
