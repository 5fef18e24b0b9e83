"""HDF5 files that Keras can open, and those of Keras, written and read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backbeat.checkpoints import keras2, keras3
from backbeat.checkpoints.checkpoint import LayerWeights, NamedArray, SavedWeights, format_of
from backbeat.checkpoints.reading import corrupt, local_file
from backbeat.checkpoints.tree import read_tree
from backbeat.checkpoints.tree_writing import write_tree
from backbeat.errors import ArgumentError
from backbeat.files import PathLike, place_of

__all__ = ["read_weights", "write_model", "write_weights"]


def write_weights(
    path: PathLike,
    layers: Sequence[LayerWeights],
    *,
    top_level: Sequence[NamedArray] = (),
    model_name: str = "model",
    optimizer: tuple[str, Sequence[NamedArray]] | None = None,
) -> None:
    """Write weights: `.h5` and `.hdf5` as Keras 2 lays them out, `.weights.h5` as Keras 3 does.

    `top_level` are weights of the model itself. `model_name` and `optimizer` (its name and its
    variables, in Keras 3's order) are stored by the newer layout only.

    Raises CheckpointError if the file cannot be written, ArgumentError if names clash or the
    suffix names another format.
    """
    if _hdf5_format(path) == "weights.h5":
        write_tree(path, keras3.weights_tree(layers, model_name, optimizer, top_level))
    else:
        write_tree(path, keras2.weights_tree(layers, top_level))


def write_model(
    path: PathLike,
    layers: Sequence[LayerWeights],
    *,
    model_config: str | None,
    training_config: str | None = None,
    optimizer_weights: Sequence[NamedArray] | None = None,
    top_level: Sequence[NamedArray] = (),
) -> None:
    """Write a whole model as Keras 2 lays it out.

    `model_config` and `training_config` are JSON texts, `optimizer_weights` in Keras 2's order;
    what is None is left out.

    Raises CheckpointError if the file cannot be written, ArgumentError if names clash or the
    suffix names another format.
    """
    if _hdf5_format(path) == "weights.h5":
        raise ArgumentError(
            f"{str(path)!r} names a file of weights alone; for a whole model let the name end "
            "in .h5 or .hdf5, without '.weights'."
        )
    weights = keras2.weights_tree(layers, top_level)
    tree = keras2.model_tree(weights, model_config, training_config, optimizer_weights)
    write_tree(path, tree)


def read_weights(path: PathLike, *, expected_bytes: int | None = None) -> SavedWeights:
    """Read an HDF5 file of backbeat, Keras 2 or Keras 3; the layout is found by looking.

    Whole-model files are accepted too. A file with digests is verified; one without, which is one
    that Keras wrote, is not. Where the model's weights take `expected_bytes`, a file that claims
    far more is refused before memory is taken for it.

    Raises CheckpointError if there is no such file, CheckpointCorruptError if it cannot be
    understood or differs from what was written.
    """
    with local_file(path) as target:
        saved = _read(target, expected_bytes)
    return replace(saved, path=place_of(path))


def _read(target: Path, expected_bytes: int | None) -> SavedWeights:
    """What is in the file of this machine at `target`."""
    tree, verified = read_tree(target, expected_bytes)
    # A layer of the older layout may be called "layers", as may anything else.
    newer = "layers" in tree.groups or ("vars" in tree.groups and not tree.attributes)
    if newer and not keras2.lists_layers(tree):
        return keras3.saved_weights(target, tree, verified=verified)
    try:
        return keras2.saved_weights(target, tree, verified=verified)
    except (TypeError, ValueError, AttributeError) as error:
        raise corrupt(target, "a checkpoint", error) from error


def _hdf5_format(path: PathLike) -> str:
    """`hdf5` or `weights.h5`."""
    kind = format_of(path)
    if kind == "safetensors":
        raise ArgumentError(f"{str(path)!r} does not name an HDF5 file; let it end in .h5.")
    return kind
