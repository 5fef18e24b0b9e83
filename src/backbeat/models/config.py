"""Architecture → config: how layers and Sequential models describe themselves, as Keras does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from torch import nn

from backbeat import layers
from backbeat.errors import StateError
from backbeat.layers import Layer
from backbeat.layers.wrappers import bare
from backbeat.registry import Registry
from backbeat.warning import warn

__all__ = ["KNOWN_LAYERS", "KNOWN_MODELS", "layer_config", "sequential_config", "text_of"]

Config = dict[str, Any]
Shape = Sequence[int | None]
Named = Sequence[tuple[str, nn.Module]]

KNOWN_LAYERS: Registry[Any] = Registry("layer")
"""The classes of our layers by name."""
for _name in layers.__all__:
    if isinstance(getattr(layers, _name), type):
        KNOWN_LAYERS.add(getattr(layers, _name), _name)

KNOWN_MODELS: Registry[Any] = Registry("model")
"""The classes of models by the names that Keras gives them; each enters itself."""


def _activation(name: str) -> Callable[[Any], tuple[str, Config] | None]:
    return lambda module: ("Activation", {"activation": name})


def _only(
    fits: Callable[[Any], bool], kind: str, **config: Any
) -> Callable[[Any], tuple[str, Config] | None]:
    return lambda module: (kind, config) if fits(module) else None


def _embedding(module: nn.Embedding) -> tuple[str, Config] | None:
    # Keras neither leaves a row out of training nor bounds the rows.
    if module.padding_idx is not None or module.max_norm is not None:
        return None
    return "Embedding", {"input_dim": module.num_embeddings, "output_dim": module.embedding_dim}


# torch modules that a layer of Keras describes completely, with the arguments of that layer.
_TRANSLATED: dict[type[nn.Module], Callable[[Any], tuple[str, Config] | None]] = {
    nn.Linear: lambda m: ("Dense", {"units": m.out_features, "use_bias": m.bias is not None}),
    nn.Embedding: _embedding,
    nn.Dropout: lambda m: ("Dropout", {"rate": m.p}),
    nn.Flatten: _only(lambda m: (m.start_dim, m.end_dim) == (1, -1), "Flatten"),
    nn.Identity: _activation("linear"),
    nn.ELU: _only(lambda m: m.alpha == 1, "Activation", activation="elu"),
    nn.GELU: _only(lambda m: m.approximate == "none", "Activation", activation="gelu"),
    nn.ReLU: _activation("relu"),
    nn.SELU: _activation("selu"),
    nn.SiLU: _activation("silu"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.Softmax: _only(lambda m: m.dim == -1, "Activation", activation="softmax"),
    nn.Softplus: _only(lambda m: m.beta == 1, "Activation", activation="softplus"),
    nn.Softsign: _activation("softsign"),
    nn.Tanh: _activation("tanh"),
}


def sequential_config(
    name: str,
    named: Named,
    input_shape: Shape | None,
    output_shapes: Mapping[str, Shape] | None = None,
) -> Config | None:
    """The config of a Sequential of these layers; None if Keras could not rebuild it from one.

    The input stands in an explicit InputLayer, the one form that both Keras 2 and 3 rebuild from.
    """
    if not named or _share_weights(named):
        return None
    described = [layer_config(*each, (output_shapes or {}).get(each[0])) for each in named]
    if described[0] is None or None in described:
        return None
    if input_shape is not None and described[0]["class_name"] != "InputLayer":
        described.insert(0, _input_layer(named[0], input_shape))
    return {"class_name": "Sequential", "config": {"name": name, "layers": described}}


def text_of(config: Config | None, what: str, path: Any) -> str | None:
    """`config` as JSON; None, with a warning, if it holds something that JSON has not."""
    try:
        return None if config is None else json.dumps(config)
    except (TypeError, ValueError) as error:
        warn(
            f"{path} was saved without its {what}, which cannot be written as JSON: {error}. Let "
            "get_config return plain numbers, texts, lists and dicts."
        )
        return None


def _share_weights(named: Named) -> bool:
    """Whether a weight belongs to several layers; a config would make them separate ones."""
    owned = [id(weight) for _, layer in named for weight in layer.parameters()]
    return len(owned) > len(set(owned))


def _input_layer(first: tuple[str, nn.Module], shape: Shape) -> Config:
    name, layer = first
    config = {
        "batch_input_shape": list(shape),
        "dtype": "int32" if "Embedding" in type(layer).__name__ else "float32",
        "sparse": False,
        "name": f"{name}_input",
    }
    return {"class_name": "InputLayer", "config": config}


def layer_config(name: str, layer: nn.Module, output_shape: Shape | None = None) -> Config | None:
    """`{"class_name", "config"}` of one layer or model within a model; None if Keras has none."""
    layer = bare(layer)
    describe: Any = getattr(layer, "keras_config", None)
    if callable(describe):
        return cast(Config | None, describe())
    if type(layer) is nn.Sequential:
        return sequential_config(name, list(layer.named_children()), None)
    described: Any = layer
    if not callable(getattr(layer, "get_config", None)):
        described = _counterpart(name, layer, output_shape)
    if described is None:
        return None
    try:
        config = {"name": name, **described.get_config()}
    except StateError:
        return None  # a Lambda, whose code no config can hold
    if type(layer).__name__ != "InputLayer":
        config.pop("batch_input_shape", None)
    return {"class_name": type(described).__name__, "config": config | _live(layer)}


def _live(layer: nn.Module) -> Config:
    """What may have changed since the layer was made: the type of its weights, and freezing."""
    weights = list(layer.parameters())
    if not weights:
        return {}
    learns = any(weight.requires_grad for weight in weights)
    return {"dtype": str(weights[0].dtype).removeprefix("torch."), "trainable": learns}


def _counterpart(name: str, module: nn.Module, output_shape: Shape | None) -> Layer | None:
    """The layer of ours that does what `module` does, without its weights."""
    # Over the second axis of two is the same as over the last.
    if type(module) is nn.Softmax and module.dim == 1 and len(output_shape or ()) == 2:
        module = nn.Softmax(dim=-1)
    translated = _TRANSLATED.get(type(module), lambda _: None)(module)
    if translated is None:
        return None
    kind, arguments = translated
    return KNOWN_LAYERS[kind](name=name, **arguments)
