"""Names of event files: readers take a directory's files in the order of their names."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterable

__all__ = ["belongs_to", "next_name"]

_NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\.")
_LATEST = 9_999_999_999


def next_name(existing: Iterable[str], run: str, number: int) -> str:
    """A name that sorts behind all of `existing`, even if the clock was set back meanwhile.

    It ends in the process, the `number` of the file in it, and the `run` that the file belongs to.
    """
    times = [int(found[1]) for found in map(_NAME.match, existing) if found]
    moment = min(max([int(time.time()), *(each + 1 for each in times)]), _LATEST)
    host = re.sub(r"[^\w-]", "-", socket.gethostname())[:64]
    return f"events.out.tfevents.{moment:010d}.{host}.{os.getpid()}.{number}.{run}"


def belongs_to(name: str, run: str) -> bool:
    """Whether the file of that name was written by this run, perhaps in an earlier process."""
    return bool(_NAME.match(name)) and name.endswith(f".{run}")
