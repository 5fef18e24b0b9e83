"""Place: the device and the dtype that a model wants its batches in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch

__all__ = ["Mover", "Place", "Role"]

Role = Literal["input", "named input", "label", "weight"]
Mover = Callable[[torch.Tensor], torch.Tensor]

# torch can store these but hardly compute with them.
_COMPUTABLE = {
    torch.uint16: torch.int32,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
}


@dataclass(frozen=True)
class Place:
    """Where batches are to arrive, and as what.

    `floating` is the dtype of every floating-point input, label and weight; None leaves them as
    they are. `integers` says what becomes of integer and boolean inputs: "keep" for models that
    look them up (an embedding), "cast" turns them into `floating` (torch's default dtype, if that
    is None), "cast unnamed" only those that have no name, for models that compute their own loss:
    among inputs with names, as in a dict, are labels. Integer labels are always kept, because the
    losses know what they need; complex values are left alone.

    `lends` says that the model only reads its inputs: then those that need no change are views of
    the user's arrays. Otherwise every batch is a copy.

    >>> Place(integers="cast").dtype_of(torch.uint8, "input")
    torch.float32
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    floating: torch.dtype | None = torch.float32
    integers: Literal["keep", "cast", "cast unnamed"] = "keep"
    lends: bool = False

    def dtype_of(self, dtype: torch.dtype, role: Role) -> torch.dtype:
        """The dtype in which values of `dtype` arrive when they play `role`."""
        if dtype.is_complex:
            return dtype
        kept = not dtype.is_floating_point and not self._casts(role)
        if kept and role != "weight":
            return _COMPUTABLE.get(dtype, dtype)
        if self.floating is not None:
            return self.floating
        return dtype if dtype.is_floating_point else torch.get_default_dtype()

    def _casts(self, role: Role) -> bool:
        """Whether whole numbers in this role become floating ones."""
        if role == "named input":
            return self.integers == "cast"
        return role == "input" and self.integers != "keep"

    def mover(self, tensor: torch.Tensor, role: Role) -> Mover | None:
        """What brings tensors like this one here, or None if nothing has to be done."""
        dtype, device = self.dtype_of(tensor.dtype, role), self.device
        here = self.holds(tensor)
        if here:
            return None if tensor.dtype is dtype else lambda values: values.to(dtype)
        # Towards a CPU, "without waiting" would mean reading values that have not arrived.
        ahead = device.type != "cpu"
        if dtype.itemsize > tensor.dtype.itemsize:
            # The small values travel and grow on arrival.
            return lambda values: values.to(device, non_blocking=ahead).to(dtype)
        return lambda values: values.to(device, dtype, non_blocking=ahead)

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether `tensor` is on this device; plain "cuda" stands for any of its cards."""
        there, here = tensor.device, self.device
        any_card = here.type == "cpu" or here == torch.device(here.type)
        return there == here or (any_card and there.type == here.type)
