"""How the weights of any torch module look to Keras: names, order, orientation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import is_parametrized

from backbeat.checkpoints.checkpoint import LayerWeights
from backbeat.errors import StateError
from backbeat.layers.keras_counterparts import keras_kind, known_weights
from backbeat.layers.keras_weight import KerasWeight
from backbeat.layers.wrappers import bare

__all__ = [
    "below",
    "keras_weights",
    "layer_weights",
    "others",
]

Array = np.ndarray[Any, Any]


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
    weights = [] if is_parametrized(module) else list(known_weights(module))
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
