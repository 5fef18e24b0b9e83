"""Weights of any module ↔ files: `.h5`, `.weights.h5`, `.safetensors`; the suffix decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from torch import nn

from backbeat.checkpoints import (
    Draft,
    LayerWeights,
    NamedArray,
    SavedWeights,
    format_of,
    match,
    read_weights,
    write_tensors,
    write_weights,
)
from backbeat.layers.keras_layout import keras_weights, layer_weights
from backbeat.layers.keras_weight import HeldWeight, KerasWeight
from backbeat.layers.naming import snake_case
from backbeat.layers.raw_tensors import raw_tensor
from backbeat.layers.wrappers import bare
from backbeat.training.named_tensors import load_tensors, state_of
from backbeat.training.staging import Hold, alias

__all__ = [
    "all_weights",
    "assign_weights",
    "keras_view",
    "load_weights",
    "named_layers",
    "own_weights",
    "save_weights",
    "size_of",
    "weight_bytes",
    "weights_draft",
    "weights_of",
]

Array = np.ndarray[Any, Any]

# Where Keras 3 keeps the weights that belong to the model itself.
_OWN = "top_level_model_weights"


def named_layers(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers of any module by name: its own word for it, else its children, else itself.

    No two get the same name, for files tell them apart by it.
    """
    module = bare(module)
    own = getattr(module, "named_layers", None)
    named: list[tuple[str, nn.Module]] = (
        own() if callable(own) else list(module.named_children())  # pyright: ignore[reportAssignmentType] - a module's attributes are untyped
    )
    return _distinct(named) or [(snake_case(type(module).__name__), module)]


def _distinct(named: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    taken: set[str] = set()
    found: list[tuple[str, nn.Module]] = []
    for name, layer in named:
        free, number = str(name), 0
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free)
        found.append((free, layer))
    return found


def weights_of(
    module: nn.Module, read: Callable[[KerasWeight], Array] = KerasWeight.array
) -> list[LayerWeights]:
    """The weights of each layer, as Keras orders, turns and names them; `read` reads the values."""
    return [layer_weights(name, layer, read) for name, layer in named_layers(module)]


def own_weights(module: nn.Module) -> list[KerasWeight]:
    """The weights of `module` that lie in none of its layers, by their torch names."""
    listed = [w for _, layer in named_layers(module) for w in keras_weights(layer)]
    return _beyond({id(weight.tensor) for weight in listed}, module)


def _beyond(covered: set[int], module: nn.Module) -> list[KerasWeight]:
    """The weights of `module` whose tensors' ids are not among those of its layers."""
    found: dict[int, KerasWeight] = {}
    for name, tensor in state_of(module).items():
        # torch's counter of batches has no place in Keras' layout.
        if id(tensor) not in covered and not name.endswith("num_batches_tracked"):
            trainable = isinstance(tensor, nn.Parameter)
            found.setdefault(id(tensor), KerasWeight(name, tensor, trainable=trainable))
    return list(found.values())


def all_weights(module: nn.Module) -> list[KerasWeight]:
    """Every weight once: layer by layer, then those of the module itself."""
    listed = [w for _, layer in named_layers(module) for w in keras_weights(layer)]
    once = {id(weight.tensor): weight for weight in reversed([*listed, *own_weights(module)])}
    return list(reversed(once.values()))


def save_weights(module: nn.Module, path: str | PathLike[str]) -> None:
    """Write the weights of `module` to `path`, whole or not at all.

    Raises ArgumentError for a suffix that names no format, CheckpointError if it cannot be written.
    """
    weights_draft(module, path, alias).write(path)


def weights_draft(module: nn.Module, path: str | PathLike[str], hold: Hold) -> Draft:
    """What `save_weights` writes to a path like `path`, each tensor read through `hold`.

    Raises ArgumentError for a suffix that names no format.
    """
    if format_of(path) == "safetensors":
        tensors = {
            name: raw_tensor(hold(tensor, tensor.dtype))
            for name, tensor in state_of(module).items()
        }
        size = sum(len(tensor.data) for tensor in tensors.values())
        return Draft(size, partial(write_tensors, tensors=tensors))
    layers, own = keras_view(module, hold)
    return Draft(size_of(layers, own), partial(write_weights, layers=layers, top_level=own))


def keras_view(module: nn.Module, hold: Hold) -> tuple[list[LayerWeights], list[NamedArray]]:
    """The weights of the layers and those of `module` itself, read through `hold`."""
    seen: set[int] = set()

    def read(weight: KerasWeight) -> Array:
        seen.add(id(weight.tensor))
        return HeldWeight.of(weight, hold).array()

    layers = weights_of(module, read)
    return layers, [(weight.name, read(weight)) for weight in _beyond(seen, module)]


def size_of(layers: Sequence[LayerWeights], *others: Sequence[NamedArray]) -> int:
    """The bytes of all arrays."""
    named = [*(layer.weights for layer in layers), *others]
    return sum(array.nbytes for weights in named for _, array in weights)


def load_weights(
    module: nn.Module,
    path: str | PathLike[str],
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Read the weights of `module` from `path`; nothing is changed unless all of it fits.

    Layers are paired in order, or by their names. With `skip_mismatch` those that do not fit are
    left as they are, with a warning. Raises CheckpointError or CheckpointCorruptError.
    """
    if format_of(path) == "safetensors":
        load_tensors(module, path, by_name=by_name, skip_mismatch=skip_mismatch)
    else:
        saved = read_weights(path, expected_bytes=weight_bytes(module))
        assign_weights(module, saved, by_name=by_name, skip_mismatch=skip_mismatch)


def weight_bytes(module: nn.Module) -> int:
    """The bytes that the weights of `module` take in memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in state_of(module).values())


def assign_weights(
    module: nn.Module, saved: SavedWeights, *, by_name: bool = False, skip_mismatch: bool = False
) -> None:
    """Put the weights of an HDF5 file into `module`; as `load_weights`."""
    own = own_weights(module)
    held = LayerWeights(_OWN, tuple((each.name, each.array()) for each in own), _OWN)
    given = LayerWeights(_OWN, saved.top_level, _OWN)
    matched = match(
        replace(saved, layers=(*saved.layers, given), top_level=()),
        [*weights_of(module), held],
        by_name=by_name,
        skip_mismatch=skip_mismatch,
    )
    live = [*(keras_weights(layer) for _, layer in named_layers(module)), own]
    for weights, arrays in zip(live, matched, strict=True):
        for weight, array in zip(weights, arrays or (), strict=arrays is not None):
            weight.assign(array)
