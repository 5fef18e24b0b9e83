"""Runs: the event files of one training, one writer for each folder, opened when first needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backbeat.event_files import EventFileWriter

__all__ = ["Runs"]


class Runs:
    """Hands out the writer of a run; a run is a folder below `log_dir`, "" is `log_dir` itself."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._writers: dict[str, EventFileWriter] = {}
        self._positions: dict[str, Any] = {}
        self._start_step: int | None = None

    def __getitem__(self, run: str) -> EventFileWriter:
        writer = self._writers.get(run)
        if writer is None:
            writer = self._writers[run] = EventFileWriter(
                self._log_dir / run,
                position=self._positions.get(run),
                start_step=self._start_step,
            )
        return writer

    def __iter__(self) -> Iterator[EventFileWriter]:
        return iter(self._writers.values())

    def resume(self, positions: dict[str, Any], start_step: int) -> None:
        """Go on behind where an earlier process stood; what it wrote later is set aside.

        `start_step` is larger than all steps before.
        """
        self._positions, self._start_step = dict(positions), start_step

    def positions(self) -> dict[str, Any]:
        """Where each run stands, once all that it was given is on the disk.

        A run whose disk does not answer keeps the position that it had last.
        """
        now = {run: writer.position() for run, writer in self._writers.items()}
        self._positions |= {run: each for run, each in now.items() if each is not None}
        return dict(self._positions)

    def close(self) -> str:
        """Close all writers; returns what a user should know of what was lost, or nothing."""
        reports = [writer.close() for writer in self]
        self._writers.clear()
        return " ".join(filter(None, (report.complaint() for report in reports)))
