"""ScalarPacker: byte for byte what protobuf writes."""

import math
import struct

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event

from backbeat.event_files.scalars import ScalarPacker

STEPS = st.integers(-(1 << 63), (1 << 63) - 1)
VALUES = st.floats(width=32)
TIMES = st.floats(1e-3, 1e12)
TAGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def by_protobuf(tag: str, value: float, step: int, wall_time: float, first: bool) -> bytes:
    event = Event(wall_time=wall_time, step=step)
    found = event.summary.value.add(tag=tag)
    found.tensor.dtype = 1
    found.tensor.tensor_shape.SetInParent()
    found.tensor.float_val.append(value)
    if first:
        found.metadata.plugin_data.plugin_name = "scalars"
    return event.SerializeToString()


@given(TAGS, st.lists(st.tuples(VALUES, STEPS, TIMES), min_size=1, max_size=5))
def test_the_bytes_of_protobuf(tag: str, values: list[tuple[float, int, float]]) -> None:
    """Any tag, value, step and time give protobuf's bytes, a tag's first with its plugin."""
    packer = ScalarPacker()
    for place, (value, step, wall_time) in enumerate(values):
        packed = packer.pack(tag, value, step, wall_time)
        expected = by_protobuf(tag, value, step, wall_time, first=place == 0)

        assert packed.hex() == expected.hex() or same_but_nan(packed, expected, value)


def same_but_nan(packed: bytes, expected: bytes, value: float) -> bool:
    """A nan has many forms; which one is stored does not matter."""
    values = [
        Event.FromString(data).summary.value[0].tensor.float_val for data in (packed, expected)
    ]
    return math.isnan(value) and all(math.isnan(each[0]) for each in values)


@given(st.lists(st.tuples(st.sampled_from("abc"), VALUES, st.integers(0, 3)), max_size=30))
def test_tags_and_steps_mixed(values: list[tuple[str, float, int]]) -> None:
    """Whatever came before, an event holds its own tag, value and step."""
    packer = ScalarPacker()
    for tag, value, step in values:
        event = Event.FromString(packer.pack(tag, value, step, 1.5))
        found = event.summary.value[0]

        assert (event.wall_time, event.step, found.tag) == (1.5, step, tag)
        assert struct.pack("<f", found.tensor.float_val[0]) == struct.pack("<f", value)


def test_too_large_for_32_bits() -> None:
    """A number beyond float32 becomes infinite with its sign."""
    packer = ScalarPacker()
    for value in (1e300, 1e300, -1e300):
        event = Event.FromString(packer.pack("loss", value, 1, 0.0))

        assert event.summary.value[0].tensor.float_val[0] == math.copysign(math.inf, value)
