"""A small network with everything in it, and data for it."""

from typing import Any

import numpy as np
import torch

from backbeat.layers import Dense
from backbeat.models import Sequential
from backbeat.regularizers import l2

random = np.random.default_rng(0)
X = random.normal(size=(256, 6)).astype("float32")
Y = np.eye(3, dtype="float32")[random.integers(0, 3, 256)]
WEIGHTS = random.uniform(0, 3, 256).astype("float32")


def network(optimizer: Any = "sgd", *, counted: Any = None, **settings: Any) -> Sequential:
    """Two layers with penalties, compiled; always the same first weights."""
    torch.manual_seed(0)
    model = Sequential(
        [
            Dense(8, activation="tanh", input_dim=6, kernel_regularizer=l2(0.01)),
            Dense(3, activation="softmax"),
        ]
    )
    metrics = ["acc"] if counted is None else ["acc", counted]
    model.compile(optimizer, "categorical_crossentropy", metrics=metrics, **settings)
    return model


def trained(
    model: Any, batch_size: int, samples: int = 256, callbacks: Any = None, **more: Any
) -> tuple[list[np.ndarray], dict[str, list[float]]]:
    """Train `model` for two epochs; its weights and what was logged."""
    history = model.fit(
        X[:samples],
        Y[:samples],
        batch_size=batch_size,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **{name: given[:samples] for name, given in more.items()},
    )
    return model.get_weights(), history.history


def assert_close(some: Any, others: Any, tolerance: float = 2e-6) -> None:
    """No number of two lists of arrays differs by more."""
    for one, other in zip(some, others, strict=True):
        assert np.abs(one - other).max() < tolerance
