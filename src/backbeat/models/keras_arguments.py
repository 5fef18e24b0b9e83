"""Arguments of Keras 2.3 that nothing here answers to: explained, never ignored in silence."""

from __future__ import annotations

from typing import Any

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.flags import flag
from backbeat.tensors import first_leaf
from backbeat.training.arguments import whole_number
from backbeat.warning import warn

__all__ = ["explain_workers", "refuse_unavailable"]


def explain_workers(action: str, workers: Any, use_multiprocessing: Any) -> None:
    """Warn that batches are not drawn in parallel, if that was asked for."""
    number = whole_number("workers", workers, 0)
    by_processes = flag(action, "use_multiprocessing", use_multiprocessing)
    if number <= 1 and not by_processes:
        return
    asked = f"workers={number}" if number > 1 else "use_multiprocessing=True"
    warn(
        f"{asked} changes nothing: batches are drawn when they are needed. To load them in "
        f"parallel pass a torch.utils.data.DataLoader with num_workers={max(number, 1)}."
    )


def refuse_unavailable(sample_weight_mode: Any, target_tensors: Any) -> None:
    """Raise if `compile` was given more than None for one of them."""
    mode = first_leaf(sample_weight_mode)
    if mode is not None:
        raise ArgumentError(
            f"sample_weight_mode={mode!r} is not available: a weight belongs to a whole sample, "
            "shape (samples,). To weigh the steps of a sequence, put their weights into y and "
            "write the loss as a function of (y_true, y_pred)."
        )
    if target_tensors is not None:
        raise ArgumentTypeError(
            "target_tensors belongs to TensorFlow's graphs. Give the labels to fit: fit(x, y)."
        )
