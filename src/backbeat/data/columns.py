"""Column: one array of a data set, cut into batches with next to no work per batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import repeat
from typing import Any, cast

import torch

from backbeat.data.arrays import as_column_tensor
from backbeat.data.place import Place, Role
from backbeat.data.upload import uploaded
from backbeat.tensors import map_leaves

__all__ = ["Column", "columns", "cut", "head"]

# Labels and weights are so narrow that calling torch costs more than moving them. They are
# gathered for many batches at once, as long as those stay in the processor's cache.
_BLOCK_BATCHES = 64
_BLOCK_BYTES = 512 * 1024
# On a GPU it is the call that costs, for wide rows too. There a batch has to begin at a multiple of
# this many bytes, as memory of its own does, or kernels would add up in another order.
_GPU_BLOCK_BYTES, _GPU_ALIGNMENT = 32 * 1024 * 1024, 512
# An array is copied as a whole where that pays, unless the copy gets larger than this.
_COPY_BYTES = 512 * 1024 * 1024


class Column:
    """One array on its way to the model; shares the memory of the array it was made of.

    Every batch is a copy, also in order and of float32, so that a model that writes into its input
    (an in-place activation, say) cannot reach the user's data; but inputs that a place `lends` to a
    model that only reads them. There the copy would be a twentieth of an evaluation.
    """

    def __init__(self, array: Any, place: Place, role: Role) -> None:
        self.tensor = as_column_tensor(array)
        self._place = place
        self._role: Role = role
        self._lent = place.lends and role == "input"
        self._move = place.mover(self.tensor, role)
        self._passes = 0

    def cut(self, order: torch.Tensor | None, batch_size: int) -> Iterator[torch.Tensor]:
        """One pass in batches of `batch_size` (the last may be smaller), rows as `order` says.

        `order` holds row numbers, shape (samples,); None means all rows as they come.
        """
        self._begin_pass(gather=order is not None)
        rows = self.tensor if order is None else order.to(self.tensor.device)
        step = _BLOCK_BATCHES * batch_size
        in_blocks = self._pays_in_blocks(batch_size)
        if not in_blocks and self._place.device.type == "cuda" and self.tensor.device.type == "cpu":
            yield from self._upload(_split(rows, batch_size), gather=order is not None)
            return
        take = self._take(gather=order is not None)
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            if in_blocks:
                yield from _split(take(block), batch_size)
            else:
                yield from map(take, _split(block, batch_size))

    def _upload(self, selections: tuple[torch.Tensor, ...], *, gather: bool) -> Iterator[Any]:
        """Rows, or row numbers, as batches on a CUDA device, copied there one ahead."""
        tensor, move = self.tensor, self._move
        assert move is not None, "the device is another one"

        def fill(selected: torch.Tensor, memory: torch.Tensor) -> None:
            if gather:
                torch.index_select(tensor, 0, selected, out=memory)
            else:
                memory.copy_(selected)

        largest = tensor[: len(selections[0])]
        return uploaded(selections, fill, move, like=largest, device=self._place.device)

    def head(self, order: torch.Tensor | None, size: int) -> torch.Tensor:
        """The first `size` samples of that order, looked at without beginning a pass."""
        rows = self.tensor[:size] if order is None else order[:size].to(self.tensor.device)
        return self._take(gather=order is not None)(rows)

    def _take(self, *, gather: bool) -> Callable[[torch.Tensor], torch.Tensor]:
        """From rows, or row numbers, to the batch as the model wants it."""
        move, tensor = self._move, self.tensor
        if not gather:
            return move or (_as_it_is if self._lent else torch.clone)
        if move is None:
            return partial(tensor.index_select, 0)
        return lambda rows: move(tensor.index_select(0, rows))

    def _begin_pass(self, *, gather: bool) -> None:
        """Read from a copy from now on, if the array is of a kind that makes every batch slow.

        Casting a float64 batch costs more than gathering a float32 one, but making the copy costs
        about three passes: it pays from the second pass on, not for a single evaluate. Gathering
        rows whose values lie far apart (a data frame's, column by column) is about thirty times
        slower than gathering whole rows, so there the copy pays in the first pass.
        """
        self._passes += 1
        tensor = self.tensor
        wanted = self._place.dtype_of(tensor.dtype, self._role)
        dtype = wanted if wanted.itemsize < tensor.dtype.itemsize else tensor.dtype
        scattered = gather and _is_scattered(tensor)
        pays = scattered or (self._passes > 1 and dtype is not tensor.dtype)
        if pays and tensor.numel() * dtype.itemsize <= _COPY_BYTES:
            copy = tensor.to(dtype)
            self.tensor = copy.contiguous() if scattered else copy
            self._move = self._place.mover(self.tensor, self._role)

    def _pays_in_blocks(self, batch_size: int) -> bool:
        """Whether to gather many batches at once."""
        size = self.tensor[:1].numel() * self.tensor.dtype.itemsize * batch_size
        most = _BLOCK_BYTES
        if self.tensor.is_cuda and self._move is None and size % _GPU_ALIGNMENT == 0:
            most = _GPU_BLOCK_BYTES
        return size * _BLOCK_BATCHES <= most


def columns(tree: Any, place: Place, role: Role) -> Any:
    """An `array_tree` with a Column in place of every array."""

    def column(leaf: Any) -> Column | None:
        return None if leaf is None else Column(leaf, place, role)

    return map_leaves(column, tree)


def cut(tree: Any, order: torch.Tensor | None, batch_size: int) -> Iterator[Any]:
    """One pass over a tree of Columns: the same tree of tensors, batch after batch.

    The tree is taken apart once, so that a batch of several inputs costs a `zip`, no recursion.
    """
    if tree is None:
        return repeat(None)
    if isinstance(tree, Column):
        return tree.cut(order, batch_size)
    if isinstance(tree, Mapping):
        named = cast(Mapping[Any, Any], tree)
        parts = zip(*(cut(part, order, batch_size) for part in named.values()), strict=False)
        return (dict(zip(named, part, strict=True)) for part in parts)
    parts = zip(*(cut(part, order, batch_size) for part in tree), strict=False)
    return map(list, parts) if isinstance(tree, list) else parts


def head(tree: Any, order: torch.Tensor | None, size: int) -> Any:
    """The same tree with each Column's first `size` samples."""

    def first(column: Column | None) -> torch.Tensor | None:
        return None if column is None else column.head(order, size)

    return map_leaves(first, tree)


def _as_it_is(rows: torch.Tensor) -> torch.Tensor:
    return rows


def _is_scattered(tensor: torch.Tensor) -> bool:
    """Whether stepping to the next sample is not the longest step in memory."""
    first, *others = tensor.stride()
    return bool(others) and 0 < first < max(others)


def _split(tensor: torch.Tensor, size: int) -> tuple[torch.Tensor, ...]:
    return cast(Any, tensor).split(size)
