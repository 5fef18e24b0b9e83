"""Layer: an nn.Module with Keras' names, built when it learns the shape of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from backbeat import initializers, regularizers
from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.flags import flag
from backbeat.layers._arguments import (
    Shape,
    dtype_name,
    first_shape,
    layer_name,
    to_dtype,
    whole_number,
)
from backbeat.layers._building import finishing
from backbeat.layers._configurations import arguments_in
from backbeat.layers._inputs import weight_dtype
from backbeat.layers._regularized import Regularized
from backbeat.layers.inference import inferring
from backbeat.layers.keras_layout import below, keras_weights, others
from backbeat.layers.keras_weight import KerasWeight
from backbeat.tensors import first_leaf, map_leaves

__all__ = ["Layer", "Shape"]


class Layer(Regularized):
    """The base of every layer: create weights in `build`, use them in `call`.

    `input_shape` (without the batch axis), `batch_input_shape` (with it) or `input_dim` matter on
    a model's first layer: with one of them the model is built at once. `dtype` is the type of the
    weights; left out, that of the first inputs, float64 ones excepted, which NumPy gives unasked.
    `weights` are start values, as `set_weights` takes them.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight("factor", (input_shape[-1],), "ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(torch.ones(1, 2)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        weights: Sequence[Any] | None = None,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        self.name = layer_name(owner, name)
        self.dtype = to_dtype(owner, dtype)
        self.batch_input_shape = first_shape(owner, input_shape, input_dim, batch_input_shape)
        self.built = False
        self._trainable = flag(owner, "trainable", trainable)
        self._device: torch.device | None = None
        self._start_values = weights
        self._being_built = False
        self._ready = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "build" in cls.__dict__:
            cls.build = cast(Any, finishing(cls.__dict__["build"]))

    # To be overridden

    def build(self, input_shape: Any) -> None:
        """Create the weights; called once, before the first `call`.

        `input_shape` is a tuple whose first entry, the batch size, is None; a list of such tuples
        if the layer is called on several tensors.
        """
        if not self._being_built:
            self._get_ready()

    def call(self, inputs: Any) -> Any:
        """The outputs for `inputs`. Override it; torch's `forward` calls it."""
        raise NotImplementedError(f"{type(self).__name__} does not define call(inputs)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the outputs, found by calling the layer on zeros; builds it if need be."""
        zeros = torch.zeros([2 if size is None else size for size in input_shape])
        with inferring(self):
            outputs = self(zeros)
        return map_leaves(lambda output: (None, *output.shape[1:]), outputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, ready for JSON. A subclass with arguments adds its own."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        if self.batch_input_shape is not None:
            config["batch_input_shape"] = list(self.batch_input_shape)
        config["dtype"] = dtype_name(self.dtype or torch.get_default_dtype())
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The layer that `get_config`, or Keras, described, without its weights."""
        return cls(**arguments_in(cls, config))

    # Weights

    def add_weight(
        self,
        name: str,
        shape: Sequence[int] = (),
        initializer: Any = "glorot_uniform",
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        *,
        regularizer: Any = None,
    ) -> nn.Parameter:
        """Create a weight; one that is not `trainable` gets no gradient.

        `shape` and the values are in Keras' orientation and stay so. What `regularizer` makes of
        the weight is added to the loss.
        """
        kind = to_dtype(type(self).__name__, dtype) or self.dtype or torch.get_default_dtype()
        sizes = [
            whole_number(self.name, "each size of a weight", size, minimum=0) for size in shape
        ]
        values = initializers.get(initializer)(sizes, dtype=kind)
        penalty = regularizers.get(regularizer)
        return self._keep(name, values, trainable=trainable, regularizer=penalty)

    def _keep(
        self,
        name: str,
        values: Tensor,
        *,
        axes: tuple[int, ...] | None = None,
        trainable: bool = True,
        regularizer: regularizers.Penalty | None = None,
    ) -> nn.Parameter:
        """Register `values`, in torch's orientation, as the weight `name`."""
        learns = trainable and self._trainable
        parameter = nn.Parameter(values.to(self._device), requires_grad=learns)
        weight = KerasWeight(name, parameter, axes, trainable)
        self._own.add(weight, regularizer)
        return parameter

    def keras_weights(self) -> list[KerasWeight]:
        """The layer's weights as Keras holds them; those of modules in it come after its own."""
        own = self._own.listed(self)
        return own + others(self, {id(weight.tensor) for weight in own}) + below(self)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of the weights, in Keras' order and orientation."""
        return [weight.array() for weight in keras_weights(self)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Take over arrays in the order and orientation of `get_weights`.

        Raises ArgumentError if their number or a shape differs; nothing was changed then.
        """
        mine, arrays = keras_weights(self), [np.asarray(array) for array in weights]
        if [weight.shape for weight in mine] != [array.shape for array in arrays]:
            raise ArgumentError(
                f"{self.name!r} has weights of the shapes {[weight.shape for weight in mine]}; "
                f"given were {[array.shape for array in arrays]}."
                + ("" if self.built else " It has none before it is built: call it first.")
            )
        for weight, array in zip(mine, arrays, strict=True):
            weight.assign(array)

    @property
    def weights(self) -> list[Tensor]:
        """The live tensors, in the order of `get_weights`."""
        return [weight.tensor for weight in keras_weights(self)]

    @property
    def trainable_weights(self) -> list[Tensor]:
        """The live tensors that get gradients."""
        return [tensor for tensor in self.weights if tensor.requires_grad]

    @property
    def non_trainable_weights(self) -> list[Tensor]:
        """The live tensors that get none."""
        return [tensor for tensor in self.weights if not tensor.requires_grad]

    @property
    def trainable(self) -> bool:
        """Whether the layer learns; setting it freezes or frees its weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = flag(self.name, "trainable", value)
        for weight in keras_weights(self):
            if weight.trainable and weight.tensor.is_floating_point():
                weight.tensor.requires_grad_(self._trainable)

    def count_params(self) -> int:
        """The number of single values in the weights.

        Raises StateError before the layer is built.
        """
        if not self.built:
            raise StateError(
                f"{self.name!r} is not built yet, so it has no weights to count: call it on a "
                "batch first, or give the first layer an input_shape."
            )
        return sum(tensor.numel() for tensor in self.weights)

    # Calling

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Build on the first call; `call` always."""
        if not self._ready:
            if not self.built:
                self._build_for(inputs)
            self._get_ready()
        return self.call(*inputs, **keywords)

    @property
    def is_ready(self) -> bool:
        """Whether a call only computes: the weights are there, with their start values."""
        return self._ready

    def _build_for(self, inputs: tuple[Any, ...]) -> None:
        """Build for these inputs' shapes, device and dtype."""
        given = inputs[0] if len(inputs) == 1 else list(inputs)
        first = first_leaf(given)
        if not isinstance(first, Tensor):
            raise ArgumentTypeError(
                f"{self.name!r} was called on {type(first).__name__}; a layer takes tensors: "
                "torch.as_tensor(x) makes one."
            )
        self._device = first.device
        if self.dtype is None:
            self.dtype = weight_dtype(first)
        self.build(map_leaves(lambda leaf: (None, *leaf.shape[1:]), given))

    def _get_ready(self) -> None:
        """After `build`: register what was created, and take the start values."""
        self.built = self._ready = True
        self._own.settle(self)
        if self._start_values is not None:
            values, self._start_values = self._start_values, None
            self.set_weights(values)

    def extra_repr(self) -> str:
        """The name."""
        return repr(self.name)
