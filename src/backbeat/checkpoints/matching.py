"""Which saved array belongs to which weight of a model; all is checked before any is used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backbeat.checkpoints import keras3
from backbeat.checkpoints.checkpoint import Array, LayerWeights, NamedArray, SavedWeights
from backbeat.errors import CheckpointCorruptError
from backbeat.registry import nearest
from backbeat.warning import warn

__all__ = ["match"]

Matched = list[tuple[Array, ...] | None]


def match(
    saved: SavedWeights,
    wanted: Sequence[LayerWeights],
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> Matched:
    """For each of the model's layers, its arrays from the file in its own order, or None.

    `wanted` is the model as it is now, as it would be written. The layers are paired in order,
    those without weights left out on both sides, or with `by_name` by their names; a
    `.weights.h5` file pairs by class and number. None means: leave this layer as it is, because it
    has no weights, because the file has none of its name, or because `skip_mismatch` allows it.

    Raises CheckpointCorruptError if layers, weights or shapes differ; nothing was changed then.
    With `skip_mismatch` a layer whose weights differ gives a BackbeatWarning instead.
    """
    if by_name:
        pairs = _pair_by_name(saved, wanted)
    elif saved.layout == "keras3":
        pairs = _pair_by_class(saved, wanted)
    else:
        pairs = _pair_in_order(saved, wanted)
    matched: Matched = []
    for layer, source in pairs:
        problem = "" if source is None else _problem(layer, source)
        if problem:
            _report(saved, problem, skip_mismatch)
        fits = source is not None and not problem
        matched.append(_arrays(layer, source) if fits and source else None)
    return matched


Pairs = Iterator[tuple[LayerWeights, LayerWeights | None]]


def _pair_by_name(saved: SavedWeights, wanted: Sequence[LayerWeights]) -> Pairs:
    """Layers of the same name."""
    named = {layer.name: layer for layer in saved.layers}
    if not any(layer.name in named for layer in wanted):
        names = [layer.name for layer in wanted]
        offered = next((name for name in names if nearest(name, named)), None)
        hint = f" ({offered!r} here, {nearest(offered, named)!r} there)" if offered else ""
        warn(
            f"{saved.path}: no layer of the file has a name of the model's{hint}; nothing was "
            "loaded. Name the layers alike, or load without by_name."
        )
    return ((layer, named.get(layer.name)) for layer in wanted)


def _pair_in_order(saved: SavedWeights, wanted: Sequence[LayerWeights]) -> Pairs:
    """The k-th saved layer that has weights to the k-th of the model that has."""
    sources = [layer for layer in saved.layers if layer.weights]
    targets = [layer for layer in wanted if layer.weights]
    if len(sources) != len(targets):
        raise CheckpointCorruptError(
            f"{saved.path} holds {_listed(sources)}, the model has {_listed(targets)}. Build the "
            "model as it was when it was saved, or load what fits with by_name=True."
        )
    rest = iter(sources)
    return ((layer, next(rest) if layer.weights else None) for layer in wanted)


def _pair_by_class(saved: SavedWeights, wanted: Sequence[LayerWeights]) -> Pairs:
    """Layers of the same class and number, as `.weights.h5` files tell them apart."""
    placed = {layer.kind: layer for layer in saved.layers}
    pairs = [(key, layer) for key, layer in keras3.keys(wanted) if layer.weights]
    filled = [key for key, layer in placed.items() if layer.weights or layer.layers]
    missing = [key for key, _ in pairs if key not in placed]
    needless = sorted(set(filled) - {key for key, _ in pairs})
    if missing or needless:
        told = [f"it lacks {', '.join(missing)}"] if missing else []
        told += [f"it also has {', '.join(needless)}"] if needless else []
        raise CheckpointCorruptError(
            f"{saved.path} is not of this model: {' and '.join(told)}. Build the model as it was "
            "when it was saved."
        )
    return ((layer, placed[key] if layer.weights else None) for key, layer in keras3.keys(wanted))


def _problem(layer: LayerWeights, source: LayerWeights) -> str:
    """Why `source` does not fit `layer`, or nothing."""
    here, there = layer.weights, _flat(layer, source)
    if len(here) != len(there):
        return (
            f"layer {layer.name!r} has {len(here)} weights ({_names(here)}), the file has "
            f"{len(there)} for it ({_names(there)})."
        )
    for (name, array), (_, given) in zip(here, there, strict=True):
        if array.shape != given.shape:
            return f"{name!r} has shape {array.shape}, in the file it has {given.shape}."
        if given.dtype.kind == "c" and array.dtype.kind != "c":
            return f"{name!r} is real, in the file it is complex."
    return ""


def _report(saved: SavedWeights, problem: str, skip_mismatch: bool) -> None:
    """Raise or, if allowed, warn."""
    if not skip_mismatch:
        raise CheckpointCorruptError(
            f"{saved.path} does not fit the model: {problem} Build the model as it was when it "
            "was saved, or leave such layers as they are with skip_mismatch=True."
        )
    warn(f"{saved.path}: {problem} Layer skipped.")


def _arrays(layer: LayerWeights, source: LayerWeights) -> tuple[Array, ...]:
    """The arrays for `layer`, in its order."""
    return tuple(array for _, array in _flat(layer, source))


def _flat(layer: LayerWeights, source: LayerWeights) -> tuple[NamedArray, ...]:
    """The saved weights in the order of `layer.weights`, also where layers lie within layers."""
    if not source.layers:
        return source.weights
    found = dict(_nested(layer, source))
    # A weight that is missing makes the numbers differ, which is then reported.
    return tuple((name, found[name]) for name, _ in layer.weights if name in found)


def _nested(layer: LayerWeights, source: LayerWeights) -> Iterator[NamedArray]:
    """Each weight within `layer` by its name there, with its saved array."""
    own = keras3.own_weights(layer)
    yield from ((name, array) for (name, _), (_, array) in zip(own, source.weights, strict=False))
    placed = {below.kind: below for below in source.layers}
    for key, below in keras3.keys(layer.layers):
        if key in placed:
            yield from _nested(below, placed[key])


def _names(weights: Sequence[NamedArray]) -> str:
    """The last parts of the weights' names."""
    return ", ".join(name.rsplit("/", 1)[-1] for name, _ in weights[:8]) or "none"


def _listed(layers: Sequence[LayerWeights]) -> str:
    """A count of layers, and their names as far as they fit."""
    names = ", ".join(layer.name[:40] for layer in layers[:8]) + (", …" if len(layers) > 8 else "")
    return f"{len(layers)} layers with weights" + (f" ({names})" if names else "")
