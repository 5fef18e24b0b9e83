"""Config → architecture: models and layers from what they, or Keras', said about themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from backbeat.errors import ArgumentError, BackbeatError, CheckpointCorruptError
from backbeat.models.config import KNOWN_LAYERS, KNOWN_MODELS
from backbeat.models.graph_config import graph_from_config

if TYPE_CHECKING:
    from backbeat.models.model import Model
    from backbeat.models.sequential import Sequential

__all__ = ["model_from_config"]

Config = Mapping[str, Any]

_FUNCTIONAL = ("Model", "Functional")
"""The class of a functional model, in Keras 2's words and in Keras 3's."""


def model_from_config(
    described: Config, custom: Config, path: Path | str, *, built: bool = True
) -> Model:
    """The model that `described` stands for, with initial weights; `path` is named in errors.

    With `built` it must say the shape of its inputs, so that it has those weights at once.

    Raises ArgumentError if it cannot be rebuilt, CheckpointCorruptError if it makes no sense.
    """
    try:
        return _Rebuilder(custom, path).model(described, built)
    except BackbeatError:
        raise
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        raise CheckpointCorruptError(
            f"{path}: its model_config is not one of Keras' ({type(error).__name__}: {error})."
        ) from error


class _Rebuilder:
    def __init__(self, custom: Config, path: Path | str) -> None:
        self.custom, self.path = custom, path

    def model(self, described: Config, built: bool) -> Model:
        """A whole model."""
        kind = described.get("class_name")
        if kind not in ("Sequential", *_FUNCTIONAL):
            raise ArgumentError(
                f"{self.path} describes a {kind!r}, neither Sequential nor functional. Build the "
                "model as it was and use model.load_weights(path)."
            )
        model = self._sequential(described) if kind == "Sequential" else self._drawn(described)
        if built and not model.built:
            raise ArgumentError(
                f"{self.path} does not say the shape of the model's inputs. Build the model as it "
                "was, call it on a batch, and use model.load_weights(path)."
            )
        return model

    def _sequential(self, described: Config) -> Sequential:
        inner: Any = described["config"]
        # The oldest files hold the bare list of layers.
        bare = isinstance(inner, list)
        parts = cast(list[Config], inner if bare else inner["layers"])
        model: Sequential = KNOWN_MODELS["Sequential"](name=None if bare else inner.get("name"))
        for part in parts:
            if part["class_name"] != "InputLayer":
                layer = self._layer(part)
                self._try(part, model.add, layer)
        shape = _input_shape(parts) or (None if bare else inner.get("build_input_shape"))
        if not model.built and shape is not None:
            self._try(described, model.build, tuple(shape))
        return model

    def _drawn(self, described: Config) -> Model:
        inner = described["config"]
        symbols = self._try(described, graph_from_config, inner, self._layer)
        return KNOWN_MODELS["Model"](*symbols, name=inner.get("name"))

    def _layer(self, described: Config) -> nn.Module:
        kind, config = str(described["class_name"]), dict(described["config"])
        if kind in self.custom:
            return self._try(described, _rebuild, self.custom[kind], self._with_custom(config))
        if kind == "Sequential":
            return self._sequential(described)
        if kind in _FUNCTIONAL:
            return self._drawn(described)
        if kind not in KNOWN_LAYERS:
            raise ArgumentError(
                f"{self.path} describes a layer of class {kind!r}, which backbeat does not know. "
                f"Pass custom_objects={{{kind!r}: YourClass}}, or build the model yourself and use "
                "model.load_weights(path)."
            )
        known = KNOWN_LAYERS[kind]
        return self._try(described, _rebuild, known, self._with_custom(config))

    def _with_custom(self, config: dict[str, Any]) -> dict[str, Any]:
        """`config` with your own activations and initializers in place of their names."""
        own = {
            name: self.custom[value]
            for name, value in config.items()
            if name.endswith(("activation", "_initializer"))
            and isinstance(value, str)
            and value in self.custom
        }
        return config | own

    def _try(self, described: Config, make: Any, *arguments: Any) -> Any:
        """`make(*arguments)`; an error tells which layer of which file it is about."""
        try:
            return make(*arguments)
        except (BackbeatError, TypeError, ValueError, RuntimeError) as error:
            config: Any = described["config"]
            name = cast(Config, config).get("name") if isinstance(config, Mapping) else None
            raise ArgumentError(
                f"{self.path}: {described['class_name']} {name!r} cannot be rebuilt from its "
                f"config: {error}"
            ) from error


def _rebuild(known: Any, config: dict[str, Any]) -> nn.Module:
    make: Any = getattr(known, "from_config", None)
    return make(config) if make is not None else known(**config)


def _input_shape(parts: Sequence[Config]) -> Sequence[int | None] | None:
    """The input shape, batch axis first, that a list of layer configs begins with."""
    if not parts:
        return None
    config: Config = parts[0]["config"]
    return config.get("batch_input_shape") or config.get("batch_shape")
