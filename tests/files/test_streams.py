"""takes: whether somebody still reads."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from backbeat.files.streams import takes


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
