"""cut_back: takes out what a killed run wrote behind the point at which it is resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from backbeat import files
from backbeat.event_files.names import belongs_to
from backbeat.files import disk
from backbeat.files.disk import teaching

__all__ = ["cut_back"]


def cut_back(directory: Path, run: str, sizes: Mapping[str, int]) -> None:
    """Cut the files of `run` to their `sizes`, and set aside those that have none.

    What is taken out stays in the directory as `*.orphan`, which TensorBoard does not read. Files
    of other runs are not touched. Doing it again changes nothing.

    Raises CheckpointError if the disk refuses.
    """
    with teaching(directory):
        names = disk.current.list(directory) if disk.current.exists(directory) else []
    for name in names:
        if belongs_to(name, run):
            _cut(directory / name, sizes.get(name, 0))


def _cut(path: Path, size: int) -> None:
    # The name of an orphan has no "tfevents" in it, by which readers know their files.
    orphan = path.with_name(f"{path.name.replace('tfevents', 'abandoned')}.{size}.orphan")
    status = disk.current.status(path)
    if size == 0:
        with teaching(path):
            disk.current.replace(path, orphan)
    elif status is not None and status.st_size > size:
        _set_tail_aside(path, size, orphan)


def _set_tail_aside(path: Path, size: int, orphan: Path) -> None:
    with path.open("rb") as source, files.whole(orphan) as tail:
        source.seek(size)
        shutil.copyfileobj(source, tail, 1 << 20)
    with teaching(path):
        descriptor = disk.current.open(path, os.O_WRONLY)
        try:
            disk.current.truncate(descriptor, size)
        finally:
            disk.current.close(descriptor)
