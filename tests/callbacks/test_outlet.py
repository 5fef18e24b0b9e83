"""Outlet: what a stream does not take waits, and is given up in the end."""

from __future__ import annotations

import os

import pytest

from backbeat.callbacks import _outlet
from backbeat.callbacks._outlet import Outlet


def test_texts_longer_than_a_pipe_takes_at_once() -> None:
    """They go in pieces, and what has no room is counted as one."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        outlet = Outlet(stream)
        outlet.write("한" * 15_000 + "\n")
        outlet.flush()
        whole = os.read(reading, 1 << 20).decode()
        outlet.write("한" * 40_000)
        outlet.give_up()

        assert whole == "한" * 15_000 + "\n"
        assert outlet.lost == 1
        assert outlet.encoding == "utf-8"
        os.read(reading, 1 << 20)
    os.close(reading)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is given up."""
    monkeypatch.setattr(_outlet, "_MOST_WAITING", 2)
    monkeypatch.setattr(_outlet, "takes", lambda stream, seconds: False)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        outlet = Outlet(stream)
        for number in range(5):
            outlet.write(f"{number}\n")
            outlet.flush()
        monkeypatch.setattr(_outlet, "takes", lambda stream, seconds: True)
        outlet.flush()

        assert outlet.lost == 3
        assert os.read(reading, 100) == b"3\n4\n"
    os.close(reading)
