"""Evaluating and predicting: one pass over the data, and the moments it rings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from backbeat.data import Batch
from backbeat.hooks import Averages, CallbackList, Fetch, Logs
from backbeat.tensors import leaves, map_leaves, to_numpy
from backbeat.training.arrivals import putting_off
from backbeat.training.step import Step
from backbeat.training.values import fetch

__all__ = ["evaluate_pass", "predict_pass"]


def evaluate_pass(
    hooks: CallbackList,
    step: Step,
    batches: Iterable[Batch],
    fetch: Fetch = fetch,
    *,
    lasting: bool = False,
) -> dict[str, float]:
    """Ring the test moments over `batches`; returns the means of loss and metrics.

    `lasting`: whether nobody writes into the labels of a batch after it.
    """
    averages = Averages(step.stateful_names, step.names, fetch)
    hooks.on_test_begin({})
    with step.testing(lasting=lasting) as run:
        test = putting_off(run, step.device)
        for index, batch in enumerate(batches):
            logs = Logs({"batch": index, "size": batch.size}, fetch=fetch, means=averages)
            hooks.on_test_batch_begin(index, logs)
            values = test(batch)
            logs.weights = values.weights
            logs.add_late(values)
            averages.add(logs)
            hooks.on_test_batch_end(index, logs)
        results = averages.read()
    hooks.on_test_end(dict(results))
    return results


def predict_pass(hooks: CallbackList, step: Step, batches: Iterable[Batch]) -> Any:
    """Ring the predict moments over `batches`; returns the outputs, joined, as arrays."""
    parts: list[Any] = []
    heard = hooks.answers("on_predict_batch_end")
    hooks.on_predict_begin({})
    with step.evaluating():
        for index, batch in enumerate(batches):
            logs = Logs({"batch": index, "size": batch.size})
            hooks.on_predict_batch_begin(index, logs)
            outputs = step.predict(batch.x)
            parts.append(outputs)
            if heard:
                logs["outputs"] = [to_numpy(output) for output in leaves(outputs)]
            hooks.on_predict_batch_end(index, logs)
        joined = _joined(parts)
    hooks.on_predict_end({})
    return joined


def _joined(parts: list[Any]) -> Any:
    """The outputs of all batches, one after the other: in one copy; None stays None."""
    flat = [list(leaves(part)) for part in parts]
    columns = iter([_column(column) for column in zip(*flat, strict=True)])
    return map_leaves(lambda leaf: None if leaf is None else next(columns), parts[0])


def _column(parts: tuple[torch.Tensor, ...]) -> Any:
    """One output of all batches; a single number per batch, such as a loss, becomes a row."""
    return to_numpy(torch.cat(parts) if parts[0].ndim else torch.stack(parts))
