"""The keys in the logs."""

from __future__ import annotations

import keras
import torch
from torch import nn

from backbeat import metrics


def test_names_are_exactly_what_was_given() -> None:
    """A string as it stands, a function's name, an object's own name or its class in snake_case."""

    class F1Score(nn.Module):
        pass

    given = [
        "acc",
        "accuracy",
        metrics.mse,
        keras.metrics.AUC(name="area"),
        F1Score(),
        nn.MSELoss(),
    ]

    assert metrics.names_of(given) == (
        "acc", "accuracy", "mean_squared_error", "area", "f1_score", "mse_loss",
    )  # fmt: skip


def test_clashes_get_numbers() -> None:
    """As in Keras, in order; `loss`, `batch` and `size` are taken from the start."""

    def loss(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return y_pred

    assert metrics.names_of(["acc", "acc", "acc_1", "acc", loss]) == (
        "acc", "acc_1", "acc_1_1", "acc_2", "loss_1",
    )  # fmt: skip
    assert metrics.unique_names(["size"], taken=()) == ("size",)
