"""Pending tells how the last write ended, once, and whether its memory is still read."""

import threading

import pytest

from backbeat.checkpoints import background
from backbeat.checkpoints.background import Job
from backbeat.checkpoints.pending import Pending


@pytest.fixture
def gate():
    made = threading.Event()
    yield made
    made.set()


def test_nothing_was_started():
    """There is nothing to wait for."""
    pending = Pending[str]()

    assert not pending.is_there
    assert not pending.is_busy
    assert pending.outcome(wait=True) is None


def test_told_once_when_it_has_ended(tmp_path, gate):
    """Before that nothing is told, unless it is waited for."""
    pending = Pending[str]()
    pending.start("one", gate.wait, [tmp_path / "a"])
    assert pending.is_there
    assert pending.is_busy
    assert pending.outcome(wait=False) is None
    gate.set()

    assert pending.outcome(wait=True) == ("one", None)
    assert not pending.is_there
    assert not pending.is_busy
    assert pending.outcome(wait=True) is None


def test_an_error_is_told(tmp_path):
    """Also one that would end the thread."""

    def fail(error):
        raise error

    pending, error = Pending[str](), ValueError("no")
    pending.start("one", lambda: fail(error), [tmp_path / "a"])
    assert pending.outcome(wait=True) == ("one", error)
    pending.start("two", lambda: fail(SystemExit()), [tmp_path / "a"])
    told = pending.outcome(wait=True)

    assert told is not None
    assert str(told[1]) == "the thread that wrote it was ended by SystemExit"


def test_ctrl_c_while_waiting(tmp_path, gate, monkeypatch):
    """Nobody waits again, but it is known that the memory is still read."""

    def interrupted(job):
        raise KeyboardInterrupt

    pending = Pending[str]()
    pending.start("one", gate.wait, [tmp_path / "a"])
    monkeypatch.setattr(Job, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pending.outcome(wait=True)
    monkeypatch.undo()

    assert pending.outcome(wait=True) is None
    assert not pending.is_there
    assert pending.is_busy
    gate.set()
    background.wait_for(tmp_path / "a")
    assert not pending.is_busy
