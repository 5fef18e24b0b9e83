"""Weights of any module ↔ files: `.h5`, `.weights.h5`, `.safetensors`; the suffix decides."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike

import torch
from torch import nn

from backbeat.checkpoints import (
    LayerWeights,
    RawTensor,
    SavedTensors,
    format_of,
    match,
    read_tensors,
    read_weights,
    write_tensors,
    write_weights,
)
from backbeat.errors import BackbeatWarning, CheckpointCorruptError
from backbeat.layers.keras_layout import keras_weights, layer_weights
from backbeat.layers.naming import snake_case
from backbeat.layers.raw_tensors import from_raw, raw_tensor

__all__ = ["load_weights", "named_layers", "save_weights", "weights_of"]


def named_layers(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers of any module by name: its own word for it, else its children, else itself."""
    own = getattr(module, "named_layers", None)
    if own is not None:
        return own()
    return list(module.named_children()) or [(snake_case(type(module).__name__), module)]


def weights_of(module: nn.Module) -> list[LayerWeights]:
    """The weights of each layer, as Keras orders, turns and names them."""
    return [layer_weights(name, layer) for name, layer in named_layers(module)]


def save_weights(module: nn.Module, path: str | PathLike[str]) -> None:
    """Write the weights of `module` to `path`, whole or not at all.

    Raises ArgumentError for a suffix that names no format, CheckpointError if it cannot be written.
    """
    if format_of(path) == "safetensors":
        write_tensors(path, {name: raw_tensor(tensor) for name, tensor in _state(module).items()})
    else:
        write_weights(path, weights_of(module))


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
        _load_tensors(module, read_tensors(path), skip_mismatch or by_name)
        return
    matched = match(
        read_weights(path), weights_of(module), by_name=by_name, skip_mismatch=skip_mismatch
    )
    for (_, layer), arrays in zip(named_layers(module), matched, strict=True):
        if arrays is not None:
            for weight, array in zip(keras_weights(layer), arrays, strict=True):
                weight.assign(array)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The state of `module` under its torch names; a wrapping model adds nothing to them."""
    wrapped = getattr(module, "wrapped", None)
    return (module if wrapped is None else wrapped).state_dict()


def _load_tensors(module: nn.Module, saved: SavedTensors, skip: bool) -> None:
    own = _state(module)
    problems = _differences(own, saved.tensors)
    if problems and not skip:
        raise CheckpointCorruptError(
            f"{saved.path} does not fit this model: {'; '.join(problems)}. Build the model as it "
            "was when the file was written, or pass skip_mismatch=True to load what fits."
        )
    if problems:
        warnings.warn(
            f"{saved.path}: left as they are: {'; '.join(problems)}.", BackbeatWarning, stacklevel=3
        )
    with torch.no_grad():
        for name, tensor in own.items():
            if name in saved.tensors and saved.tensors[name].shape == tuple(tensor.shape):
                tensor.copy_(from_raw(saved.tensors[name]))


def _differences(own: Mapping[str, torch.Tensor], saved: Mapping[str, RawTensor]) -> list[str]:
    missing = [f"the file has no {name!r}" for name in own if name not in saved]
    foreign = [f"the model has no {name!r}" for name in saved if name not in own]
    shapes = [
        f"{name!r} has shape {saved[name].shape} in the file, {tuple(tensor.shape)} in the model"
        for name, tensor in own.items()
        if name in saved and saved[name].shape != tuple(tensor.shape)
    ]
    return [*missing, *foreign, *shapes]
