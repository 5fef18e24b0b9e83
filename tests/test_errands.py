"""Errands: calls that may hang, run beside the training."""

import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from backbeat import errands as beside
from backbeat.errands import Errands


@contextmanager
def a_run() -> Iterator[None]:
    beside.begin()
    try:
        yield
    finally:
        beside.end()


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


# Within a run


def test_within_a_run_the_thread_waits_for_the_next_call() -> None:
    """Whoever has it; when the last run is over it is gone."""
    before, who = threading.active_count(), list[threading.Thread]()
    with a_run():
        with a_run():
            for errands in (Errands("one"), Errands("other")):
                errands.run(lambda: who.append(threading.current_thread()), 10)
        assert threading.active_count() == before + 1

    assert who[0] is who[1]
    assert threading.active_count() == before


def test_a_call_that_hangs_holds_up_no_other() -> None:
    """Nor the end of the run; its thread ends with it."""
    before, release, hanging = threading.active_count(), threading.Event(), Errands("hangs")
    with a_run():
        assert not hanging.run(lambda: release.wait(10), 0)
        assert Errands("other").run(lambda: None, 10)

    assert threading.active_count() == before + 1

    release.set()

    assert hanging.finish(10)
    assert threading.active_count() == before


def test_the_thread_holds_nothing_of_a_call_that_is_over() -> None:
    """The memory of a checkpoint, for example."""

    class Large:
        def use(self) -> None:
            pass

    large = Large()
    alive = weakref.ref(large)
    with a_run():
        Errands("test").run(large.use, 10)
        del large

        assert alive() is None


def test_a_child_has_threads_of_its_own() -> None:
    """Those that waited when it was forked are not there."""
    with a_run():
        Errands("test").run(lambda: None, 10)
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if Errands("test").run(lambda: None, 10) else 1)
            finally:
                os._exit(2)

        assert os.waitpid(child, 0)[1] == 0
