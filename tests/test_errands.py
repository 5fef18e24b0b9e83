"""Errands: calls that may hang, run beside the training."""

import threading
import time

import pytest

from backbeat.errands import Errands


def test_a_call_that_is_over_in_time() -> None:
    """It is waited for, in a thread that is gone then."""
    done: list[str] = []
    before = threading.active_count()
    is_over = Errands("test").run(lambda: done.append(threading.current_thread().name), 10)

    assert is_over
    assert done == ["backbeat test"]
    assert threading.active_count() == before


def test_what_a_call_raises_is_raised() -> None:
    """By whoever waits for it, once."""
    errands = Errands("test")
    with pytest.raises(ZeroDivisionError):
        errands.run(lambda: 1 // 0, 10)

    assert errands.finish(0)


def test_a_call_that_hangs() -> None:
    """It is not waited for longer than said; what it raises in the end is raised then."""
    release, errands = threading.Event(), Errands("test")

    def hang() -> None:
        release.wait(10)
        raise ValueError("late")

    began = time.monotonic()
    assert not errands.run(hang, 0.05)
    assert not errands.finish(0)
    assert time.monotonic() - began < 5
    release.set()
    with pytest.raises(ValueError, match="late"):
        errands.finish(10)
