"""How the weights of any torch module look to Keras: names, order, orientation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized

from backbeat.checkpoints.checkpoint import LayerWeights
from backbeat.errors import ArgumentError, StateError
from backbeat.layers.naming import snake_case
from backbeat.layers.wrappers import bare
from backbeat.tensors import to_numpy, to_tensor

__all__ = [
    "HeldWeight",
    "KerasWeight",
    "below",
    "keras_kind",
    "keras_weights",
    "layer_weights",
    "others",
]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class KerasWeight:
    """One weight: the live tensor in torch's orientation, and how Keras would hold it."""

    name: str
    """As in Keras, `kernel` or `moving_mean`; below a container with its layer, `fc/kernel`."""
    tensor: Tensor
    axes: tuple[int, ...] | None = None
    """The permutation from torch's axes to Keras'; None if they are the same."""
    trainable: bool = True
    """Whether it is meant to be trained; freezing a layer does not change it, nor the order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in Keras' orientation."""
        sizes = tuple(self.tensor.shape)
        return sizes if self.axes is None else tuple(sizes[axis] for axis in self.axes)

    def array(self) -> Array:
        """A copy of the values, in Keras' orientation; bfloat16 becomes float32."""
        return self.to_keras(self.tensor)

    def assign(self, array: Any) -> None:
        """Copy `array`, in Keras' orientation, into the live tensor.

        Raises ArgumentError if the shape differs.
        """
        values = np.asarray(array)
        if values.shape != self.shape:
            raise ArgumentError(
                f"{self.name!r} has shape {self.shape}; the given array has {values.shape}."
            )
        with torch.no_grad():
            self.tensor.copy_(self.from_keras(values))

    def to_keras(self, tensor: Tensor | Array) -> Array:
        """A copy of `tensor`, which has this weight's shape (an optimizer's slot, for example).

        One of another rank, such as a scalar, has no orientation and is copied as it is.
        """
        values = to_numpy(tensor) if isinstance(tensor, Tensor) else np.asarray(tensor)
        return np.array(self._turned(values), order="C")

    def _turned(self, values: Array) -> Array:
        """`values` in Keras' orientation, sharing their memory."""
        if self.axes is None or values.ndim != len(self.axes):
            return values
        return values.transpose(self.axes)

    def from_keras(self, array: Any) -> Tensor:
        """`array` in torch's orientation, on this weight's device, as its own memory."""
        values = np.asarray(array)
        if self.axes is not None and values.ndim == len(self.axes):
            values = values.transpose(np.argsort(self.axes))
        return to_tensor(np.array(values, order="C")).to(self.tensor.device)


@dataclass(frozen=True)
class HeldWeight(KerasWeight):
    """A weight whose values are read through `hold`, and turned only when they are written."""

    hold: Callable[[Tensor, torch.dtype], Tensor] = Tensor.to

    def to_keras(self, tensor: Tensor | Array) -> Array:
        """A view of what `hold` gives for `tensor`; no memory but that is used."""
        if not isinstance(tensor, Tensor):
            return self._turned(np.asarray(tensor))
        # HDF5 has no bfloat16.
        dtype = torch.float32 if tensor.dtype is torch.bfloat16 else tensor.dtype
        return self._turned(to_numpy(self.hold(tensor, dtype)))

    @classmethod
    def of(cls, weight: KerasWeight, hold: Callable[[Tensor, torch.dtype], Tensor]) -> HeldWeight:
        """`weight`, read through `hold`."""
        return cls(weight.name, weight.tensor, weight.axes, weight.trainable, hold)


def keras_weights(module: nn.Module) -> list[KerasWeight]:
    """The weights of one layer in Keras' order: those to be trained first, then the others.

    A layer's own `keras_weights` method decides for it. Layers of torch.nn that Keras has too get
    Keras' names and orientation; any other module gives its parameters and buffers by their own
    names in the order of their definition, then those of the modules in it. A tensor that is used
    twice is listed once.

    Raises StateError if a weight has no shape yet, as in lazy modules before the first batch.

    >>> [(weight.name, weight.shape) for weight in keras_weights(nn.Linear(8, 6))]
    [('kernel', (8, 6)), ('bias', (6,))]
    """
    module = bare(module)
    _refuse_lazy(module)
    weights = _unique(_own_method(module) or _listed(module))
    return [weight for weight in weights if weight.trainable] + [
        weight for weight in weights if not weight.trainable
    ]


def layer_weights(
    name: str, module: nn.Module, read: Callable[[KerasWeight], Array] = KerasWeight.array
) -> LayerWeights:
    """The weights of a layer as checkpoints store them, under Keras' full names; copies by default.

    `read` says how the values are read.
    """
    weights = tuple(
        # Within containers the names bring their own layer's.
        (weight.name if "/" in weight.name else f"{name}/{weight.name}", read(weight))
        for weight in keras_weights(module)
    )
    return LayerWeights(name, weights, keras_kind(module), _inner(module, "", dict(weights)))


def _inner(module: nn.Module, path: str, arrays: dict[str, Array]) -> tuple[LayerWeights, ...]:
    """The layers of a model within a model, with those of `arrays` that are theirs."""
    layers: list[LayerWeights] = []
    module = bare(module)
    for name, child in _named_children(module) if _is_model(module) else ():
        below_it = f"{path}{name}/"
        names = [below_it + weight.name for weight in keras_weights(child)]
        # A tensor that is shared was listed where it came first.
        weights = tuple((name, arrays[name]) for name in names if name in arrays)
        layers.append(
            LayerWeights(name, weights, keras_kind(child), _inner(child, below_it, arrays))
        )
    return tuple(layers)


def _is_model(module: nn.Module) -> bool:
    """Whether Keras would see a model in `module`, rather than one layer."""
    return isinstance(module, nn.Sequential) or hasattr(module, "named_layers")


def keras_kind(module: nn.Module) -> str:
    """The snake_case name of the Keras class that does what `module` does."""
    module = bare(module)
    for kinds, name in _KINDS:
        if isinstance(module, kinds):
            return name
    return snake_case(type(module).__name__)


def _own_method(module: nn.Module) -> list[KerasWeight] | None:
    """What the layer says itself."""
    method = cast(Callable[[], list[KerasWeight]] | None, getattr(module, "keras_weights", None))
    return method() if callable(method) else None


def _refuse_lazy(module: nn.Module) -> None:
    """Raise if a weight in `module` has no shape yet."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise StateError(
                f"{name!r} of {type(module).__name__} has no shape yet: the module is lazy. Call "
                "the model once on a batch first."
            )


def _unique(weights: list[KerasWeight]) -> list[KerasWeight]:
    """Each tensor once."""
    unique: dict[int, KerasWeight] = {}
    for weight in weights:
        unique.setdefault(id(weight.tensor), weight)
    return list(unique.values())


def _listed(module: nn.Module) -> list[KerasWeight]:
    """The weights of a module that says nothing itself."""
    weights = [] if is_parametrized(module) else list(_known(module))
    # A subclass may hold more than its base does.
    return weights + others(module, {id(weight.tensor) for weight in weights}) + below(module)


def others(module: nn.Module, covered: set[int]) -> list[KerasWeight]:
    """The module's own tensors whose id is not in `covered`, by their own names."""
    weights = [
        KerasWeight(name, parameter)
        for name, parameter in module.named_parameters(recurse=False)
        if id(parameter) not in covered
    ]
    # torch does not say elsewhere which buffers are no part of the state.
    passing = module._non_persistent_buffers_set  # pyright: ignore[reportPrivateUsage]
    for name, buffer in module.named_buffers(recurse=False):
        # Keras has no such counter, and none of its layers would find a place for it.
        kept = name not in passing and name != "num_batches_tracked"
        if kept and id(buffer) not in covered:
            weights.append(KerasWeight(name, buffer, trainable=False))
    return weights


def _named_children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules in `module` by their own names; a name that is taken gives way to torch's."""
    taken: set[str] = set()
    for attribute, child in module.named_children():
        own = str(getattr(bare(child), "name", attribute))
        name = attribute if own in taken else own
        taken.add(name)
        yield name, child


def below(module: nn.Module) -> list[KerasWeight]:
    """The weights of the modules in `module`, each name with its layer's before it."""
    weights: list[KerasWeight] = []
    for name, child in _named_children(module):
        inner = keras_weights(child)
        weights.extend(replace(weight, name=f"{name}/{weight.name}") for weight in inner)
    return weights


_KERNEL_AXES = {2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0), 5: (2, 3, 4, 1, 0)}
"""Torch keeps (outputs, inputs, *window), transposed convolutions (inputs, outputs, *window);
Keras keeps (*window, inputs, outputs) and (*window, outputs, inputs): the same turn for both."""

_WITH_KERNEL = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_NORMS = (*_BATCH_NORMS, *_INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm)

_KINDS: list[tuple[type[nn.Module] | tuple[type[nn.Module], ...], str]] = [
    (nn.Sequential, "sequential"),
    (nn.Linear, "dense"),
    (nn.Conv1d, "conv1d"),
    (nn.Conv2d, "conv2d"),
    (nn.Conv3d, "conv3d"),
    (nn.ConvTranspose1d, "conv1d_transpose"),
    (nn.ConvTranspose2d, "conv2d_transpose"),
    (nn.ConvTranspose3d, "conv3d_transpose"),
    (_BATCH_NORMS, "batch_normalization"),
    (nn.LayerNorm, "layer_normalization"),
    (nn.GroupNorm, "group_normalization"),
    ((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), "dropout"),
    ((nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softmax, nn.GELU, nn.SiLU), "activation"),
]


def _known(module: nn.Module) -> Iterator[KerasWeight]:
    """The weights of a module whose counterpart in Keras is known."""
    if isinstance(module, _WITH_KERNEL):
        yield KerasWeight("kernel", module.weight, _KERNEL_AXES[module.weight.ndim])
        yield from _if_there("bias", module.bias)
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        yield KerasWeight("embeddings", module.weight)
    elif isinstance(module, nn.PReLU):
        yield KerasWeight("alpha", module.weight)
    elif isinstance(module, _NORMS):
        yield from _if_there("gamma", module.weight)
        yield from _if_there("beta", module.bias)
        yield from _if_there("moving_mean", getattr(module, "running_mean", None), False)
        yield from _if_there("moving_variance", getattr(module, "running_var", None), False)


def _if_there(name: str, tensor: Any, trainable: bool = True) -> Iterator[KerasWeight]:
    """The weight, unless the module was made without it."""
    if tensor is not None:
        yield KerasWeight(name, tensor, trainable=trainable)
