"""Scalars: the many small events, packed by hand around a part that protobuf made."""

from __future__ import annotations

import math
import struct
from typing import Any

from backbeat.event_files import protos

__all__ = ["ScalarPacker"]

_WALL_TIME = struct.Struct("<cd")
_FLOAT32 = 1  # DT_FLOAT
_FLOAT = struct.Struct("<f")


class ScalarPacker:
    """Packs the scalars of one file; the first of each tag carries what tells its plugin.

    The bytes are those that protobuf would write. Building the messages anew for each value takes
    several times as long.
    """

    def __init__(self) -> None:
        self._middles: dict[str, bytes] = {}
        self._step = 0
        self._step_field = b""

    def pack(self, tag: str, value: float, step: int, wall_time: float) -> bytes:
        """The event as bytes; a value too large for 32 bits becomes infinite."""
        middle = self._middles.get(tag)
        if middle is None:
            return self._pack_first(tag, value, step, wall_time)
        if step != self._step:
            self._step, self._step_field = step, _step_field(step)
        try:
            last = _FLOAT.pack(value)
        except OverflowError:
            last = _FLOAT.pack(math.copysign(math.inf, value))
        return _WALL_TIME.pack(b"\x09", wall_time) + self._step_field + middle + last

    def _pack_first(self, tag: str, value: float, step: int, wall_time: float) -> bytes:
        scalar = _tensor(value)
        event = protos.Event(wall_time=wall_time, step=step)
        event.summary.value.add(tag=tag, tensor=scalar).metadata.plugin_data.plugin_name = "scalars"
        # The four bytes of the value are an event's last ones where no metadata follow.
        later = protos.Event()
        later.summary.value.add(tag=tag, tensor=_tensor(0.0))
        self._middles[tag] = later.SerializeToString()[: -_FLOAT.size]
        return event.SerializeToString()


def _tensor(value: float) -> Any:
    """One float32: the fast loader shows no other type."""
    tensor = protos.TensorProto(dtype=_FLOAT32)
    tensor.tensor_shape.SetInParent()
    tensor.float_val.append(value)
    return tensor


def _step_field(step: int) -> bytes:
    """The step as protobuf writes it: seven bits at a time, and 0 not at all."""
    rest = int(step) & 0xFFFF_FFFF_FFFF_FFFF
    groups = bytearray(b"\x10" if rest else b"")
    while rest > 0x7F:
        groups.append(rest & 0x7F | 0x80)
        rest >>= 7
    if rest:
        groups.append(rest)
    return bytes(groups)
