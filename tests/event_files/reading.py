"""How the tests look into event files: with TensorBoard's own loaders and protobufs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.util import tensor_util


def events_in(directory: Path) -> list[Event]:
    """Everything in the directory's files, in the order in which TensorBoard reads them."""
    return [event for path in sorted(directory.glob("*tfevents*")) for event in events_of(path)]


def events_of(path: Path) -> list[Event]:
    return [Event.FromString(raw) for raw in RawEventFileLoader(str(path)).Load()]


def loaded(directory: Path) -> EventAccumulator:
    """The directory as TensorBoard's Python loader keeps it in memory, every value of it."""
    accumulator = EventAccumulator(str(directory), size_guidance={}, tensor_size_guidance={})
    accumulator._tensor_size_guidance = dict.fromkeys(_PLUGINS, 0)
    return accumulator.Reload()


def series(directory: Path, tag: str) -> list[tuple[int, Any]]:
    """The steps and values of a tag."""
    found = loaded(directory).Tensors(tag)
    return [(each.step, tensor_util.make_ndarray(each.tensor_proto)) for each in found]


def scalars(directory: Path, tag: str) -> list[tuple[int, float]]:
    return [(step, float(value)) for step, value in series(directory, tag)]


_PLUGINS = ("scalars", "histograms", "images", "text")
