"""The layout of Keras 2: layers by name and in order, in `.h5` and `.hdf5` files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from backbeat.checkpoints.checkpoint import LayerWeights, NamedArray, SavedWeights
from backbeat.checkpoints.name_lists import get_names, put_names
from backbeat.checkpoints.reading import corrupt
from backbeat.checkpoints.tree import Tree
from backbeat.errors import ArgumentError

__all__ = ["lists_layers", "model_tree", "saved_weights", "weights_tree"]

_TOP_LEVEL = "top_level_model_weights"


def weights_tree(layers: Sequence[LayerWeights], top_level: Sequence[NamedArray] = ()) -> Tree:
    """What `save_weights` stores."""
    tree = Tree({"backend": "tensorflow", "keras_version": "2.3.1"})
    names = [layer.name for layer in layers]
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise ArgumentError(f"two layers are called {twins[0]!r}; give one of them another name.")
    put_names(tree.attributes, "layer_names", names)
    for layer in layers:
        _put_weights(tree.group(layer.name), layer.weights)
    if top_level:
        _put_weights(tree.group(_TOP_LEVEL), top_level)
    return tree


def model_tree(
    weights: Tree,
    model_config: str | None,
    training_config: str | None,
    optimizer_weights: Sequence[NamedArray] | None,
) -> Tree:
    """What `save` stores, around what `save_weights` stores."""
    tree = Tree({"backend": "tensorflow", "keras_version": "2.3.1"})
    if model_config is not None:
        tree.attributes["model_config"] = model_config
    if training_config is not None:
        tree.attributes["training_config"] = training_config
    tree.groups["model_weights"] = weights
    if optimizer_weights is not None:
        _put_weights(tree.group("optimizer_weights"), optimizer_weights)
    return tree


def _put_weights(group: Tree, weights: Sequence[NamedArray]) -> None:
    """Store `weights` under their own names, and those names in order."""
    names = [name if name.endswith(":0") else f"{name}:0" for name, _ in weights]
    put_names(group.attributes, "weight_names", names)
    for name, (_, array) in zip(names, weights, strict=True):
        group.add(name, array)


def saved_weights(path: Path, tree: Tree, *, verified: bool) -> SavedWeights:
    """What a file in this layout holds, whole models and Keras 3's older files included."""
    # Where the layers are listed, groups of these names are layers.
    alone = lists_layers(tree)
    weights = tree if alone else tree.groups.get("model_weights", tree)
    if weights is tree and not alone:
        raise corrupt(path, "a checkpoint", "it lists no layers; Keras or backbeat would have")
    named = get_names(weights.attributes, "layer_names") or ()
    top_level = None if _TOP_LEVEL in named else weights.groups.get(_TOP_LEVEL)
    optimizer = None if alone else tree.groups.get("optimizer_weights")
    return SavedWeights(
        path=path,
        layout="keras2",
        layers=tuple(_layers(path, weights)),
        verified=verified,
        top_level=_weights(path, _TOP_LEVEL, top_level) if top_level else (),
        keras_version=_text(weights, "keras_version"),
        backend=_text(weights, "backend"),
        model_config=_text(tree, "model_config"),
        training_config=_text(tree, "training_config"),
        optimizer_weights=_weights(path, "optimizer_weights", optimizer) if optimizer else None,
    )


def lists_layers(tree: Tree) -> bool:
    """Whether `tree` has this layout's list of layers."""
    return get_names(tree.attributes, "layer_names") is not None


def _layers(path: Path, tree: Tree) -> Iterable[LayerWeights]:
    """The layers in the order in which they were stored."""
    for name in get_names(tree.attributes, "layer_names") or ():
        group = tree
        for part in name.split("/"):
            if part not in group.groups:
                raise corrupt(path, "a checkpoint", f"layer {name!r} is missing")
            group = group.groups[part]
        yield LayerWeights(name, _weights(path, name, group))


def _weights(path: Path, owner: str, group: Tree) -> tuple[NamedArray, ...]:
    """The weights of one group in the order in which they were stored."""
    weights: list[NamedArray] = []
    for name in get_names(group.attributes, "weight_names") or ():
        array = group.find(name)
        if array is None:
            raise corrupt(path, "a checkpoint", f"weight {name!r} of {owner!r} is missing")
        weights.append((name.removesuffix(":0"), array))
    return tuple(weights)


def _text(tree: Tree, attribute: str) -> str | None:
    """A text attribute, or None."""
    value = tree.attributes.get(attribute)
    return value if isinstance(value, str) else None
