"""Curves: the scalars in event files, backbeat's own and other writers', read for the terminal."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backbeat.event_files import protos
from backbeat.event_files.records import read_records

__all__ = ["Curve", "read_curves", "runs_below"]

_FORMATS = {1: "<f", 2: "<d"}  # DT_FLOAT and DT_DOUBLE, as bytes


@dataclass
class Curve:
    """The values of one tag in one run, by step."""

    run: str
    tag: str
    steps: list[int] = field(default_factory=list[int])
    values: list[float] = field(default_factory=list[float])

    def add(self, step: int, value: float) -> None:
        """Add a value; a step that was there before begins anew from there."""
        self.cut(step)
        self.steps.append(step)
        self.values.append(value)

    def cut(self, step: int) -> None:
        """Forget everything from `step` on."""
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.values.pop()


def runs_below(directory: Path) -> dict[str, list[Path]]:
    """The event files in and below `directory`, by run: a directory, relative to `directory`."""
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.rglob("*tfevents*")):
        if path.is_file():
            found.setdefault(path.parent.relative_to(directory).as_posix(), []).append(path)
    return dict(sorted(found.items()))


def read_curves(directory: Path) -> list[Curve]:
    """The curves of every run in and below `directory`, sorted by run and tag.

    As TensorBoard does, the files of a run are taken in the order of their names, and a run that
    was begun again at a step replaces what it had from there on. What a killed run left behind a
    torn or damaged record is not read.
    """
    curves: list[Curve] = []
    for run, paths in runs_below(directory).items():
        found = _curves_of_run(run, paths)
        curves += [found[tag] for tag in sorted(found) if found[tag].steps]
    return curves


def _curves_of_run(run: str, paths: list[Path]) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    plugins: dict[str, str] = {}
    sessions = 0
    for event in _events(paths):
        if event.HasField("session_log"):
            sessions += event.session_log.status == 1
            # The first session begins the run, each later one begins it again.
            if sessions > 1 and event.session_log.status == 1:
                for curve in curves.values():
                    curve.cut(event.step)
        for value in event.summary.value:
            # What a tag is for is told with its first value, in some files.
            plugin = value.metadata.plugin_data.plugin_name or plugins.get(value.tag, "")
            plugins[value.tag] = plugin
            number = _scalar(value, plugin)
            if number is not None:
                curves.setdefault(value.tag, Curve(run, value.tag)).add(event.step, number)
    return curves


def _events(paths: list[Path]) -> Iterator[Any]:
    for path in paths:
        for payload in read_records(path):
            event = protos.Event()
            event.ParseFromString(payload)
            yield event


def _scalar(value: Any, plugin: str) -> float | None:
    """The number in a summary value, in the newer and the older form; None if it holds none."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if plugin != "scalars" or not value.HasField("tensor"):
        return None
    tensor = value.tensor
    for numbers in (tensor.float_val, tensor.double_val):
        if numbers:
            return float(numbers[0])
    code = _FORMATS.get(tensor.dtype)
    if code and len(tensor.tensor_content) == struct.calcsize(code):
        return float(struct.unpack(code, tensor.tensor_content)[0])
    return None
