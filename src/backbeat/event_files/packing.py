"""Packer: turns what waits into the records of one file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from backbeat.event_files import protos
from backbeat.event_files.backlog import Build, Late
from backbeat.event_files.records import framed
from backbeat.event_files.report import Report
from backbeat.event_files.scalars import ScalarPacker

__all__ = ["Packer"]


class _Failed:
    """Takes the place of a value that could not be fetched."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __float__(self) -> float:
        raise self._error


class Packer:
    """Nothing that is given stops it: what cannot be read is counted in the report."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._scalars = ScalarPacker()

    def begin_file(self) -> None:
        """Tell the plugin of every tag again: another file holds what was told before."""
        self._scalars = ScalarPacker()

    def pack(self, items: list[tuple[Any, Any, int, float]]) -> list[bytes]:
        """The records of fine values, in their order."""
        records: list[bytes] = []
        pack, report = self._scalars.pack, self._report
        for tag, value, step, wall_time in self._with_late_values(items):
            if tag is None:
                records += self.pack_built(value, step, wall_time)
                continue
            try:
                number = float(value)
                records.append(framed(pack(tag, number, step, wall_time)))
            except Exception as error:
                self._unreadable(tag, error)
                continue
            if not math.isfinite(number):
                report.non_finite += 1
        return records

    def pack_built(self, build: Build, step: int, wall_time: float) -> list[bytes]:
        """The record of anything else; none if it cannot be built, or is in files of its own."""
        try:
            fields, non_finite = build()
            event = protos.Event(wall_time=wall_time, step=int(step), **fields)
            record = framed(event.SerializeToString())
        except OSError as error:
            self._report.failures += 1
            self._report.dropped["embeddings"] += 1
            self._report.error = str(error)
            return []
        except Exception as error:
            self._unreadable("", error)
            return []
        self._report.non_finite += non_finite
        return [record] if fields else []

    def _with_late_values(self, items: list[tuple[Any, Any, int, float]]) -> list[Any]:
        """The same items with every late value read, in one transfer for each `fetch`."""
        late: dict[Callable[..., Any], list[int]] = {}
        for place, item in enumerate(items):
            if type(item[1]) is Late:
                late.setdefault(item[1].fetch, []).append(place)
        for fetch, places in late.items():
            try:
                values = fetch([items[place][1].value for place in places])
            except Exception as error:
                values = [_Failed(error)] * len(places)
            for place, value in zip(places, values, strict=True):
                tag, _, step, wall_time = items[place]
                items[place] = tag, value, step, wall_time
        return items

    def _unreadable(self, tag: str, error: Exception) -> None:
        self._report.unreadable += 1
        self._report.error = f"{tag}: {error}" if tag else str(error)
