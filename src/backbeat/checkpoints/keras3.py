"""The layout of Keras 3's `.weights.h5` files: layers by class and number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from backbeat.checkpoints.checkpoint import LayerWeights, NamedArray, SavedWeights
from backbeat.checkpoints.tree import Tree

__all__ = ["keys", "own_weights", "saved_weights", "weights_tree"]


def keys(layers: Iterable[LayerWeights]) -> Iterator[tuple[str, LayerWeights]]:
    """Each layer with its place in the file: `dense`, `dense_1`, … in the order of the layers."""
    counts: dict[str, int] = {}
    for layer in layers:
        number = counts.get(layer.kind, 0)
        counts[layer.kind] = number + 1
        yield (f"{layer.kind}_{number}" if number else layer.kind), layer


def own_weights(layer: LayerWeights) -> tuple[NamedArray, ...]:
    """The weights of `layer` that belong to none of the layers in it."""
    inner = {name for below in layer.layers for name, _ in below.weights}
    return tuple((name, array) for name, array in layer.weights if name not in inner)


def weights_tree(
    layers: Sequence[LayerWeights],
    model_name: str,
    optimizer: tuple[str, Sequence[NamedArray]] | None = None,
    top_level: Sequence[NamedArray] = (),
) -> Tree:
    """What Keras 3's `save_weights` stores; `optimizer` is its name and its variables in order."""
    tree = Tree()
    _put_layers(tree, layers)
    _put_variables(tree, model_name, top_level)
    if optimizer is not None:
        _put_variables(tree.group("optimizer"), *optimizer)
    return tree


def _put_layers(tree: Tree, layers: Sequence[LayerWeights]) -> None:
    """Store `layers`, and theirs."""
    for key, layer in keys(layers):
        group = tree.group(f"layers/{key}")
        if layer.layers:
            _put_layers(group, layer.layers)
        _put_variables(group, layer.name, own_weights(layer))


def _put_variables(tree: Tree, owner: str, weights: Sequence[NamedArray]) -> None:
    """Store `weights` by their number."""
    group = tree.group("vars")
    group.attributes["name"] = owner
    group.arrays.update({str(number): array for number, (_, array) in enumerate(weights)})


def saved_weights(path: Path, tree: Tree, *, verified: bool) -> SavedWeights:
    """What a file in this layout holds; the layers are in no particular order."""
    optimizer = tree.groups.get("optimizer")
    return SavedWeights(
        path=path,
        layout="keras3",
        layers=tuple(_layers(tree)),
        verified=verified,
        top_level=_variables(tree),
        optimizer_weights=_variables(optimizer) if optimizer else None,
    )


def _layers(tree: Tree) -> Iterator[LayerWeights]:
    """The layers in `tree`; `kind` is a layer's whole place there, number included."""
    found = tree.groups.get("layers")
    for key, group in found.groups.items() if found else ():
        name = group.groups["vars"].attributes.get("name", key) if "vars" in group.groups else key
        yield LayerWeights(cast(str, name), _variables(group), key, tuple(_layers(group)))


def _variables(group: Tree) -> tuple[NamedArray, ...]:
    """The numbered arrays of a group, in order."""
    arrays = group.groups["vars"].arrays if "vars" in group.groups else {}
    numbered = sorted((int(name), array) for name, array in arrays.items() if name.isdecimal())
    return tuple((str(number), array) for number, array in numbered)
