"""`load_model`: a model as `save` wrote it, or as Keras did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from typing import Any, cast

import torch

from backbeat.checkpoints import SavedWeights, format_of, read_weights
from backbeat.checkpoints.checkpoint import NamedArray
from backbeat.errors import ArgumentError, CheckpointCorruptError
from backbeat.initializers.initializer import at_most
from backbeat.models.compile_config import compile_arguments
from backbeat.models.model import Model
from backbeat.models.rebuilding import model_from_config
from backbeat.training.weights import assign_weights
from backbeat.warning import warn

__all__ = ["load_model"]


def load_model(
    filepath: str | PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """The model in an `.h5` file that `save` wrote, or Keras: architecture, weights, optimizer.

    `custom_objects` maps the names of your own layers, functions, losses and metrics to them.
    Nothing in the file is run as code, and no random number is drawn. With `compile=False` the
    model comes uncompiled.

    Raises ArgumentError if the file holds no architecture, or names things that are not known;
    CheckpointError if it cannot be read.
    """
    if format_of(filepath) != "hdf5":
        raise ArgumentError(
            f"{str(filepath)!r} holds weights alone; build the model and use model.load_weights, "
            "or save the whole model to a name that ends in .h5."
        )
    saved = read_weights(filepath)
    custom = dict(custom_objects or {})
    config = _parsed(saved, saved.model_config, "model_config")
    # The initial weights are replaced at once; drawing them must not change what comes after.
    # A description of more weights than the file holds is refused before they take memory.
    values = sum(array.size for _, array in _weights(saved))
    with cast(Any, torch.random).fork_rng(devices=[]), at_most(values):
        model = model_from_config(config, custom, saved.path)
    assign_weights(model, saved)
    if compile:
        _compile(model, saved, custom)
    return model


def _weights(saved: SavedWeights) -> list[NamedArray]:
    """All weights in the file; those of nested models are listed by the outer one in one layout."""
    listed = [*saved.top_level]
    below = list(saved.layers)
    while below:
        layer = below.pop()
        listed += layer.weights
        below += layer.layers
    return listed


def _parsed(saved: SavedWeights, text: str | None, part: str) -> dict[str, Any]:
    if text is None:
        raise ArgumentError(
            f"{saved.path} holds no {part}: it was written by save_weights, or its model had no "
            "config. Build the model as it was and use model.load(path)."
        )
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointCorruptError(f"{saved.path}: its {part} is no JSON: {error}.") from error
    if not isinstance(parsed, dict):
        raise CheckpointCorruptError(f"{saved.path}: its {part} is no JSON object.")
    return parsed  # pyright: ignore[reportUnknownVariableType] - whatever the file says


def _compile(model: Model, saved: SavedWeights, custom: Mapping[str, Any]) -> None:
    if saved.training_config is None:
        warn(f"{saved.path} does not say how its model was compiled; call compile before fit.")
        return
    config = _parsed(saved, saved.training_config, "training_config")
    model.compile(**compile_arguments(config, custom, saved.path))
    if saved.optimizer_weights:
        model.take_optimizer(saved)
