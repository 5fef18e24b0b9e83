"""Upload: batches on their way from host memory to a CUDA device, one ahead of the training."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle

import torch
from torch import Tensor

__all__ = ["uploaded"]

Fill = Callable[[Tensor, Tensor], object]
"""Puts the samples that its first argument selects into its second, which has room for them."""

# One that is being filled, one on its way, and one that the device may not have let go of yet.
_BUFFERS = 3


class _Buffer:
    """Pinned memory for one batch, which a device copies from while the host goes on."""

    def __init__(self, shape: torch.Size, dtype: torch.dtype) -> None:
        self._memory = torch.empty(shape, dtype=dtype, pin_memory=True)
        self._sent = torch.cuda.Event()

    def send(
        self,
        selected: Tensor,
        fill: Fill,
        move: Callable[[Tensor], Tensor],
        stream: torch.cuda.Stream,
    ) -> tuple[Tensor, torch.cuda.Event]:
        """Begin to copy a batch; it is there once the event has happened."""
        self._sent.synchronize()  # for the batch three before; returns at once in practice
        memory = self._memory[: len(selected)]
        fill(selected, memory)
        with torch.cuda.stream(stream):
            arriving = move(memory)
            self._sent.record()
        return arriving, self._sent


def uploaded(
    selections: Iterable[Tensor],
    fill: Fill,
    move: Callable[[Tensor], Tensor],
    *,
    like: Tensor,
    device: torch.device,
) -> Iterator[Tensor]:
    """The batch of each selection on `device`; the next one is under way while one is computed.

    `like` is as large as the largest batch, and of the type that it has on the host. `move` copies
    to the device without waiting, and turns the values into what the model wants.
    """
    stream = torch.cuda.Stream(device)
    buffers = cycle([_Buffer(like.shape, like.dtype) for _ in range(_BUFFERS)])
    under_way: deque[tuple[Tensor, torch.cuda.Event]] = deque()
    for selected in selections:
        under_way.append(next(buffers).send(selected, fill, move, stream))
        if len(under_way) > 1:
            yield _arrived(*under_way.popleft())
    for each in under_way:
        yield _arrived(*each)


def _arrived(batch: Tensor, sent: torch.cuda.Event) -> Tensor:
    """`batch`, for the stream that computes: it waits for the copy, the host does not."""
    computing = torch.cuda.current_stream(batch.device)
    computing.wait_event(sent)
    batch.record_stream(computing)
    return batch
