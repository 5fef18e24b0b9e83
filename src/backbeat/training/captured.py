"""Captured: forward, loss and backward of a batch, recorded as a CUDA graph and replayed.

On a GPU a small model waits for Python, which starts one kernel after the other. A recorded batch
starts all of them at once. The optimizer stays outside, so that its rate may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from backbeat.data import Batch
from backbeat.tensors import leaves, map_leaves
from backbeat.training.target import Values
from backbeat.warning import warn

__all__ = ["Captured"]

Differentiate = Callable[[Batch], Values]

# Libraries choose kernels and get memory in their first calls, which cannot be recorded.
_WARM_UP = 3
# Each holds the memory of a whole batch.
_MOST_SHAPES = 8


class Captured:
    """Does what `differentiate` does, by a graph of its own for every shape of batch.

    `differentiate` leaves gradients in `grad` of the parameters of `module`, which must be None
    before. The first batches of a shape go through it as they are.
    """

    def __init__(self, differentiate: Differentiate, module: nn.Module) -> None:
        self._differentiate = differentiate
        self._module = module
        self._seen: dict[Any, int] = {}
        self._graphs: dict[Any, _Graph] = {}
        self._recorded_for: Any = None
        self._can_record = False

    def begin_epoch(self) -> None:
        """Forget what was recorded for other weights, or for layers in another mode."""
        weights = list(self._module.parameters())
        tensors = [*weights, *self._module.buffers()]
        now = [(each.data_ptr(), each.requires_grad) for each in tensors]
        modes = [(module, module.training) for module in self._module.modules()]
        if (now, modes) != self._recorded_for:
            self._recorded_for = now, modes
            self._seen, self._graphs = {}, {}
            self._can_record = {weight.device.type for weight in weights} == {"cuda"}

    def __call__(self, batch: Batch) -> Values:
        """Compute the gradients of `batch`; returns its values."""
        shapes = _shapes(batch)
        graph = self._graphs.get(shapes)
        if graph is None:
            graph = self._due(shapes) and self._record(shapes, batch)
        return graph.replay(batch) if graph else self._differentiate(batch)

    def _due(self, shapes: Any) -> bool:
        """Whether this is the batch to record."""
        seen = self._seen[shapes] = self._seen.get(shapes, 0) + 1
        return seen > _WARM_UP and self._can_record and len(self._graphs) < _MOST_SHAPES

    def _record(self, shapes: Any, batch: Batch) -> _Graph | None:
        parameters = [each for each in self._module.parameters() if each.requires_grad]
        numbers = torch.cuda.default_generators[torch.cuda.current_device()]
        spare = numbers.clone_state()
        try:
            graph = self._graphs[shapes] = _Graph(self._differentiate, parameters, batch)
        except RuntimeError as error:
            self._can_record = False
            # A recording that fails leaves its mark there, and no number could be drawn again.
            numbers.graphsafe_set_state(spare)
            for each in parameters:
                each.grad = None  # what the recording left there was never computed
            warn(
                "cuda_graph=True: a batch cannot be recorded, so each is computed as usual. What "
                "reads values of the GPU in Python, in forward, the loss or a metric, cannot be "
                f"part of it. torch says: {str(error).splitlines()[0]}"
            )
            return None
        return graph


class _Graph:
    """One recorded batch: what goes in, what comes out, and the gradients it leaves."""

    def __init__(
        self, differentiate: Differentiate, parameters: Sequence[nn.Parameter], batch: Batch
    ) -> None:
        x, y, weight = (map_leaves(_own, part) for part in batch[:3])
        self._batch = Batch(x, y, weight, batch.size)
        self._inputs = _tensors(self._batch)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads, such as one that saves, may go on using the GPU meanwhile.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            values = differentiate(self._batch)
            weights = values.weights or {}
            self._results = torch.stack([*values.values(), *weights.values()])
        self._names, self._weight_names = tuple(values), tuple(weights)
        self._gradients = [(each, each.grad) for each in parameters]

    def replay(self, batch: Batch) -> Values:
        """The same with other numbers."""
        for mine, given in zip(self._inputs, _tensors(batch), strict=True):
            mine.copy_(given, non_blocking=True)
        self._graph.replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        results = self._results.clone().unbind()  # for the next batch overwrites them
        values = Values(zip(self._names, results, strict=False))
        if self._weight_names:
            values.weights = _named(self._weight_names, results[len(self._names) :])
        return values


def _named(names: Sequence[str], values: Sequence[Tensor]) -> Mapping[str, Tensor]:
    return dict(zip(names, values, strict=True))


def _own(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf


def _tensors(batch: Batch) -> list[Tensor]:
    if isinstance(batch.x, Tensor) and isinstance(batch.y, Tensor) and batch.weight is None:
        return [batch.x, batch.y]
    parts = (leaf for part in batch[:3] for leaf in leaves(part))
    return [leaf for leaf in parts if isinstance(leaf, Tensor)]


def _shapes(batch: Batch) -> Any:
    """What two batches must have in common to be computed by the same graph."""
    tensors = _tensors(batch)
    return batch.weight is None, batch.size, *[(each.shape, each.dtype) for each in tensors]
