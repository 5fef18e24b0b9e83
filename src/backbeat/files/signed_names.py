"""Signed names: whose an unfinished file is, in a store that has no locks to tell."""

from __future__ import annotations

import hashlib
import os
import re
import secrets

from backbeat.files.processes import boot_id, is_running, number_space

__all__ = ["is_left_by_the_dead", "signed_name"]


def signed_name(name: str) -> str:
    """A new hidden name for what will be `name`; it says which process of which machine writes it.

    >>> found = signed_name("w.h5")
    >>> found.startswith(".w.h5."), is_left_by_the_dead(found, "w.h5")
    (True, False)
    """
    return f"{_beginning(name)}{_here()}-{os.getpid()}.{secrets.token_hex(8)}.tmp"


def is_left_by_the_dead(found: str, name: str) -> bool:
    """Whether `found` is such a name for `name`, of a process that surely ended.

    That can be known only of one that ran here since this machine was started.
    """
    here = _here()
    beginning = re.escape(_beginning(name) + here)
    signed = re.fullmatch(rf"{beginning}-([0-9]{{1,10}})\.[0-9a-f]{{16}}\.tmp", found)
    return bool(here) and signed is not None and not is_running(int(signed[1]))


def _beginning(name: str) -> str:
    # Like the rest of it, short enough for every file system's 255 bytes.
    return f".{name[:48]}."


def _here() -> str:
    """Where process numbers can be compared; empty if that cannot be told."""
    boot, space = boot_id(), number_space()
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:12] if boot and space else ""
