"""Outlet: what a stream does not take waits, and is given up in the end."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

from backbeat import outlets
from backbeat.outlets import Outlet, takes


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


def test_letters_that_a_stream_does_not_have(tmp_path: Path) -> None:
    """They are written as numbers, and nothing counts as lost."""
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        outlet = Outlet(stream)
        outlet.write("saving 모델.h5\n")
        outlet.flush()
        outlet.give_up()

    assert (tmp_path / "out").read_text("ascii") == "saving \\ubaa8\\ub378.h5\n"
    assert outlet.lost == 0


def test_a_stdout_of_ones_own_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises: a line is no reason to end a training."""

    class Broken:
        def write(self, text: str) -> None:
            raise RuntimeError("broken")

    monkeypatch.setattr(sys, "stdout", Broken())

    outlets.tell("improved")


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is given up."""
    monkeypatch.setattr(outlets, "_MOST_WAITING", 2)
    monkeypatch.setattr(outlets, "takes", lambda stream, seconds: False)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        outlet = Outlet(stream)
        for number in range(5):
            outlet.write(f"{number}\n")
            outlet.flush()
        monkeypatch.setattr(outlets, "takes", lambda stream, seconds: True)
        outlet.flush()

        assert outlet.lost == 3
        assert os.read(reading, 100) == b"3\n4\n"
    os.close(reading)


def test_a_pipe_takes_text_until_it_is_full() -> None:
    """And again when somebody has read."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        empty = takes(stream)
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 1000)
        full = takes(stream, 0.01)
        os.read(reading, 1 << 20)

        assert (empty, full, takes(stream)) == (True, False, True)
    os.close(reading)


def test_a_pipe_whose_reader_is_gone_is_written_to() -> None:
    """So that the error is seen."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        assert takes(stream)


def test_what_is_no_stream_of_the_system(tmp_path: Path) -> None:
    """Files, texts in memory, and what is closed or no stream at all."""
    with (tmp_path / "file").open("w") as file:
        assert takes(file)

    assert takes(file)  # closed by now: the write says so
    assert takes(io.StringIO())
    assert takes(io.TextIOWrapper(io.BytesIO()))
    assert takes(None)
