"""`load_model`: a model as `save` wrote it, or as Keras did."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from os import PathLike
from typing import Any, cast

from backbeat import optimizers
from backbeat.checkpoints import SavedWeights, format_of, read_weights
from backbeat.errors import ArgumentError, BackbeatWarning, CheckpointCorruptError
from backbeat.models.config import input_shape_in, layer_from_config
from backbeat.models.model import Model
from backbeat.models.sequential import Sequential

__all__ = ["load_model"]


def load_model(
    filepath: str | PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """The model in an `.h5` file that `save` wrote, or Keras: architecture, weights, optimizer.

    `custom_objects` maps the names of your own layers, losses and metrics to them. Nothing in the
    file is run as code. With `compile=False` the model comes uncompiled.

    Raises ArgumentError if the file holds no architecture, CheckpointError if it cannot be read.
    """
    if format_of(filepath) != "hdf5":
        raise ArgumentError(
            f"{str(filepath)!r} holds weights alone; build the model and use model.load_weights, "
            "or save the whole model to a name that ends in .h5."
        )
    saved = read_weights(filepath)
    custom = dict(custom_objects or {})
    model = _built(_parsed(saved, saved.model_config, "model_config"), saved, custom)
    model.load_weights(filepath)
    if compile:
        _compile(model, saved, custom)
    return model


def _parsed(saved: SavedWeights, text: str | None, part: str) -> dict[str, Any]:
    if text is None:
        raise ArgumentError(
            f"{saved.path} holds no {part}: it was written by save_weights, or its model had no "
            "config. Build the model as it was and use model.load(path)."
        )
    try:
        return json.loads(text)
    except ValueError as error:
        raise CheckpointCorruptError(f"{saved.path}: its {part} is no JSON: {error}.") from error


def _built(config: dict[str, Any], saved: SavedWeights, custom: Mapping[str, Any]) -> Model:
    if config.get("class_name") != "Sequential":
        raise ArgumentError(
            f"{saved.path} describes a {config.get('class_name')!r}, not a Sequential. Build the "
            "model as it was and use model.load_weights(path)."
        )
    inner: Any = config["config"]
    # The oldest files hold the bare list of layers.
    bare = isinstance(inner, list)
    described = cast(list[dict[str, Any]], inner if bare else inner["layers"])
    model = Sequential(name=None if bare else inner.get("name"))
    shape = input_shape_in(described)
    for each in described:
        if each["class_name"] != "InputLayer":
            model.add(layer_from_config(each, custom))
    if not model.built and shape is not None:
        model.build(shape)
    return model


def _compile(model: Model, saved: SavedWeights, custom: Mapping[str, Any]) -> None:
    if saved.training_config is None:
        warnings.warn(
            f"{saved.path} does not say how its model was compiled; call compile before fit.",
            BackbeatWarning,
            stacklevel=3,
        )
        return
    config = _parsed(saved, saved.training_config, "training_config")
    # Keras 3 keeps what compile was given one level down.
    config = config.get("compile_config") or config
    model.compile(
        optimizers.get(config.get("optimizer_config") or config["optimizer"]),
        _known(config.get("loss"), custom),
        [_known(name, custom) for name in config.get("metrics") or ()],
        config.get("loss_weights"),
        [_known(name, custom) for name in config.get("weighted_metrics") or ()],
    )
    if saved.optimizer_weights:
        model.load_optimizer(saved.path)


def _known(name: Any, custom: Mapping[str, Any]) -> Any:
    return custom.get(name, name) if isinstance(name, str) else name
