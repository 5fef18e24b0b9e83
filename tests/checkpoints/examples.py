"""Weights to write, and the files of the real Keras 2.3.1 to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backbeat.checkpoints import LayerWeights, SavedWeights
from backbeat.checkpoints.checkpoint import Array

KERAS_2 = Path(__file__).parent.parent / "data" / "keras-2.3.1"


def layer(name: str, kind: str, **shapes: tuple[int, ...]) -> LayerWeights:
    random = np.random.default_rng(len(name))
    weights = {key: random.random(shape, dtype=np.float32) for key, shape in shapes.items()}
    return LayerWeights(name, tuple((f"{name}/{key}", w) for key, w in weights.items()), kind)


def mlp(width: int = 6) -> list[LayerWeights]:
    """Dense, Dropout, BatchNormalization, Dense."""
    norm = dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (width,))
    return [
        layer("hidden", "dense", kernel=(8, width), bias=(width,)),
        layer("dropout_1", "dropout"),
        layer("batch_normalization_1", "batch_normalization", **norm),
        layer("out", "dense", kernel=(width, 3), bias=(3,)),
    ]


def flat(layers: list[LayerWeights] | tuple[LayerWeights, ...]) -> list[Array]:
    return [array for layer in layers for _, array in layer.weights]


def by_name(saved: SavedWeights) -> dict[str, Array]:
    return {name: array for layer in saved.layers for name, array in layer.weights}


def assert_equal(found: list[Array], expected: list[Array]) -> None:
    assert [array.shape for array in found] == [array.shape for array in expected]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def dense(x: Array, kernel: Array, bias: Array) -> Array:
    return x @ kernel + bias


def softmax(x: Array) -> Array:
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
