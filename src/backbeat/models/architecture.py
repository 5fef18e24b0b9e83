"""Architecture: the part of a model that says what it is made of, and is remade from that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from backbeat.errors import ArgumentError, CheckpointCorruptError, StateError
from backbeat.models.config import KNOWN_MODELS
from backbeat.models.rebuilding import model_from_config
from backbeat.models.saving import Saving

if TYPE_CHECKING:
    from backbeat.models.model import Model

__all__ = ["Architecture", "model_from_json"]

Config = dict[str, Any]


class Architecture(Saving):
    """What a model is made of, without its weights: as a dict, or as JSON, in Keras' words."""

    def get_config(self) -> Config:
        """The layers and how they hang together, ready for JSON and for `from_config`.

        Raises StateError for a model that has no such description: one that is subclassed or
        wrapped, or that holds a module which Keras has not. A subclass may return its constructor's
        arguments here.
        """
        return self._described()["config"]

    @classmethod
    def from_config(cls, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Self:
        """A new model that `get_config`, or Keras', describes, with initial weights.

        `custom_objects` maps the names of your own layers and functions to them.

        Raises ArgumentError if it cannot be made.
        """
        if cls not in KNOWN_MODELS.values():
            return cls(**config)
        drawn = isinstance(config, Mapping) and "input_layers" in config
        kind = "Model" if drawn else "Sequential"
        return cast(Self, _remade({"class_name": kind, "config": config}, custom_objects))

    def to_json(self, **options: Any) -> str:
        """The same as JSON text for `model_from_json`; `options` are those of `json.dumps`."""
        return json.dumps(self._described(), **options)

    def _described(self) -> Config:
        described = self.keras_config()
        if described is None:
            raise StateError(
                f"{type(self).__name__} cannot be described: only Sequential and functional models "
                "can, of layers that have a get_config or a counterpart in Keras. Keep the code "
                "that builds it, and save_weights."
            )
        return described


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A new model that `to_json`, or Keras', describes, with initial weights.

    `custom_objects` maps the names of your own layers and functions to them.

    Raises ArgumentError if the text is no such description, or names what is not known.
    """
    try:
        described = json.loads(json_string)
    except ValueError as error:
        raise ArgumentError(f"model_from_json was given a text that is no JSON: {error}.") from None
    if not isinstance(described, dict) or "config" not in described:
        raise ArgumentError(
            "model_from_json was given JSON that describes no model; pass what to_json returned."
        )
    return _remade(cast(Config, described), custom_objects)


def _remade(described: Config, custom: Mapping[str, Any] | None) -> Model:
    try:
        return model_from_config(described, custom or {}, "The config", built=False)
    except CheckpointCorruptError as error:
        raise ArgumentError(str(error)) from error
