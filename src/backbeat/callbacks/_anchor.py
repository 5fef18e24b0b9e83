"""Anchor: what relative names meant when a run began, wherever the program has gone since."""

from __future__ import annotations

import os
from pathlib import Path

from backbeat.files.addresses import is_address, text_of

__all__ = ["Anchor"]


class Anchor:
    """Made when a run begins, in the directory that its names are relative to."""

    def __init__(self) -> None:
        self._directory = _present()

    def name(self, path: str | os.PathLike[str]) -> str:
        """`path` as it was given; its absolute name if the program has changed its directory."""
        text = text_of(path)
        directory = self._directory
        if directory is None or directory == _present() or is_address(text):
            return text
        return str(directory / text)


def _present() -> Path | None:
    """The directory that the program is in; None if somebody has removed it."""
    try:
        return Path.cwd()
    except OSError:
        return None
