"""Names: each sorts behind all that are there, whatever the clock says."""

import os
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbeat.event_files.names import belongs_to, next_name

NOW = 1_800_000_000
TIMES = st.lists(st.integers(0, 9_999_999_998), max_size=5)


def test_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time, host, process, number and run, as other writers name theirs."""
    monkeypatch.setattr(time, "time", lambda: NOW + 0.9)

    assert re.fullmatch(
        rf"events\.out\.tfevents\.{NOW}\.[\w-]+\.{os.getpid()}\.3\.cafe", next_name([], "cafe", 3)
    )


@given(TIMES, st.integers(0, 9_999_999_999))
def test_it_sorts_last(times: list[int], now: int) -> None:
    """A file from the future, or of this second, does not sort behind a new one."""
    existing = [f"events.out.tfevents.{moment:010d}.zebra.9.9" for moment in times]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: now)
        name = next_name(existing, "cafe", 0)

    assert max([*existing, name]) == name


def test_other_files_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only event files decide."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    existing = ["projector_config.pbtxt", "events.out.tfevents.99999999999.x", "x"]

    assert next_name(existing, "cafe", 0).startswith(f"events.out.tfevents.{NOW}.")


def test_whose_it_is() -> None:
    """A name tells whether its file belongs to a run."""
    assert belongs_to(next_name([], "cafe", 0), "cafe")
    assert not belongs_to(next_name([], "cafe", 0), "beef")
    assert not belongs_to("notes.cafe", "cafe")
