"""Small data and models that the tests of training share."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from backbeat.layers import Activation, Dense
from backbeat.models import Sequential

SAMPLES = 10
X = np.random.RandomState(0).rand(SAMPLES, 4).astype("float32")
LABELS = np.random.RandomState(1).randint(0, 3, SAMPLES)
Y = np.eye(3, dtype="float32")[LABELS]


def softmax_model(metrics: Any = ("acc",), optimizer: Any = "sgd", **settings: Any) -> Sequential:
    """The seed's example, smaller: always the same first weights."""
    torch.manual_seed(0)
    model = Sequential()
    model.add(Dense(3, input_dim=4))
    model.add(Activation("softmax"))
    model.compile(optimizer, "categorical_crossentropy", metrics=list(metrics), **settings)
    return model


def cut(x: Any = X, y: Any = Y, size: int = 4) -> list[tuple[Any, Any]]:
    """The data in batches, the last one short."""
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


def endless(x: Any = X, y: Any = Y, size: int = 4) -> Iterator[tuple[Any, Any]]:
    """Batches for ever."""
    while True:
        yield from cut(x, y, size)


class Numbered:
    """Keras' Sequence: batches by their numbers, told when an epoch is over."""

    def __init__(self) -> None:
        self.ended = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return cut()[index]

    def on_epoch_end(self) -> None:
        self.ended += 1


class Rows(IterableDataset[Any]):
    """Single samples of unknown number."""

    def __iter__(self) -> Iterator[Any]:
        return zip(torch.tensor(X), torch.tensor(Y), strict=True)


def tensors() -> TensorDataset:
    """The data as a dataset."""
    return TensorDataset(torch.tensor(X), torch.tensor(Y))


def loader(size: int = 4) -> DataLoader[Any]:
    """The data in a loader, in their order."""
    return DataLoader(tensors(), batch_size=size)


def cross_entropy(model: Any, x: Any = X, y: Any = Y) -> np.ndarray:
    """The loss of every sample, in NumPy and float64."""
    kernel, bias = (weight.astype("float64") for weight in model.get_weights())
    logits = x.astype("float64") @ kernel + bias
    logits -= logits.max(1, keepdims=True)
    return -(y * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1)


def accuracies(model: Any, x: Any = X, y: Any = Y) -> np.ndarray:
    """1 for every sample that the model gets right, in NumPy."""
    kernel, bias = model.get_weights()
    return ((x @ kernel + bias).argmax(1) == y.argmax(1)).astype("float64")
