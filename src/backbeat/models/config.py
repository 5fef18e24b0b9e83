"""Architecture ↔ config: how layers and Sequential models describe themselves, as Keras does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from torch import nn

from backbeat import layers
from backbeat.errors import ArgumentError
from backbeat.layers import Layer
from backbeat.registry import Registry

__all__ = ["input_shape_in", "layer_from_config", "sequential_config"]

Config = dict[str, Any]
Shape = Sequence[int | None]

_LAYERS: Registry[Any] = Registry("layer")
for _name in layers.__all__:
    if isinstance(getattr(layers, _name), type):
        _LAYERS.add(getattr(layers, _name), _name)


def _describes(kind: str, **fixed: Any) -> Callable[[Any], tuple[str, Config]]:
    return lambda module: (kind, fixed)


# torch modules that a layer of Keras describes completely, with the arguments of that layer.
_TRANSLATED: dict[type[nn.Module], Callable[[Any], tuple[str, Config]]] = {
    nn.Linear: lambda m: ("Dense", {"units": m.out_features, "use_bias": m.bias is not None}),
    nn.Embedding: lambda m: (
        "Embedding",
        {"input_dim": m.num_embeddings, "output_dim": m.embedding_dim},
    ),
    nn.Dropout: lambda m: ("Dropout", {"rate": m.p}),
    nn.Flatten: _describes("Flatten"),
    nn.Identity: _describes("Activation", activation="linear"),
    nn.ReLU: _describes("Activation", activation="relu"),
    nn.SELU: _describes("Activation", activation="selu"),
    nn.Sigmoid: _describes("Activation", activation="sigmoid"),
    nn.Softmax: _describes("Activation", activation="softmax"),
    nn.Softsign: _describes("Activation", activation="softsign"),
    nn.Tanh: _describes("Activation", activation="tanh"),
}


def sequential_config(
    name: str, named: Sequence[tuple[str, nn.Module]], input_shape: Shape | None
) -> Config | None:
    """The config of a Sequential of these layers; None if one of them has no counterpart.

    The input stands in an explicit InputLayer, the one form that both Keras 2 and 3 rebuild from.
    """
    described = [_layer_config(layer_name, layer) for layer_name, layer in named]
    if not described or any(each is None for each in described):
        return None
    if input_shape is not None:
        described.insert(0, _input_layer(named[0], input_shape))
    return {"class_name": "Sequential", "config": {"name": name, "layers": described}}


def _input_layer(first: tuple[str, nn.Module], shape: Shape) -> Config:
    name, layer = first
    dtype = "int32" if "Embedding" in type(layer).__name__ else "float32"
    config = {
        "batch_input_shape": list(shape),
        "dtype": dtype,
        "sparse": False,
        "name": f"{name}_input",
    }
    return {"class_name": "InputLayer", "config": config}


def _layer_config(name: str, layer: nn.Module) -> Config | None:
    nested: Any = getattr(layer, "keras_config", None)
    if nested is not None:
        return cast(Config | None, nested())
    described = layer if isinstance(layer, Layer) else _counterpart(name, layer)
    if described is None:
        return None
    config = described.get_config()
    config.pop("batch_input_shape", None)
    return {"class_name": type(described).__name__, "config": config}


def _counterpart(name: str, module: nn.Module) -> Layer | None:
    """The layer of ours that does what `module` does, without its weights."""
    if type(module) not in _TRANSLATED:
        return None
    kind, arguments = _TRANSLATED[type(module)](module)
    return _LAYERS[kind](name=name, **arguments)


def input_shape_in(described: Sequence[Mapping[str, Any]]) -> Shape | None:
    """The input shape, batch axis first, that a list of layer configs begins with."""
    if not described:
        return None
    config = described[0]["config"]
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    return None if shape is None else tuple(shape)


def layer_from_config(described: Mapping[str, Any], custom: Mapping[str, Any]) -> nn.Module:
    """The layer that an entry `{"class_name", "config"}` describes, without its weights.

    Raises UnknownNameError for a class that is neither ours nor in `custom`.
    """
    kind, config = described["class_name"], dict(described["config"])
    if kind in custom:
        known = custom[kind]
        return known.from_config(config) if hasattr(known, "from_config") else known(**config)
    if kind not in _LAYERS:
        raise ArgumentError(
            f"The file describes a layer of class {kind!r}, which backbeat does not know. Pass "
            f"custom_objects={{{kind!r}: YourClass}}, or build the model yourself and use "
            "model.load_weights(path)."
        )
    return _LAYERS[kind].from_config(config)
