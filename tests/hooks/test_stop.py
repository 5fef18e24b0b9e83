from __future__ import annotations

from typing import Any

from backbeat.hooks import Callback, Stop, StopLatch


def test_once_asked_it_stays_asked() -> None:
    """False takes nothing back; only the beginning of a run clears it."""
    latch = StopLatch()
    latch.set(False)
    assert not latch.requested
    latch.set(True)
    latch.set(False)

    assert latch.requested
    latch.clear()
    assert (latch.requested, latch.reason, latch.by) == (False, "", "")


def test_a_request_is_put_aside() -> None:
    """With its reason and who asked; there may be none."""
    latch = StopLatch()
    latch.request("one", by="me")

    assert latch.put_aside() == ("one", "me")
    assert not latch.requested
    assert latch.put_aside() is None


def test_the_first_who_asks_is_named() -> None:
    """With the reason it gave."""
    latch = StopLatch()
    latch.request("one", by=Callback())
    latch.request("two", by="another")

    assert (latch.by, latch.reason) == ("Callback", "one")


def test_a_flag_that_was_set_tells_which_callback_did_it() -> None:
    """However deep within its methods."""

    class Impatient(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            def helper() -> None:
                latch.set(True)

            helper()

    latch = StopLatch()
    Impatient().on_epoch_end(0)

    assert latch.by == "Impatient"
    assert latch.reason == "stop_training was set to True"


def test_a_flag_set_by_nobody_known() -> None:
    """Outside of any callback the attribute itself is named."""
    latch = StopLatch()
    latch.set(True)

    assert latch.by == "stop_training"


def test_a_stop_is_a_value() -> None:
    """Two equal ones are equal, and it says everything."""
    assert Stop("A", "why", 1, 2) == Stop("A", "why", epoch=1, batch=2)
    assert repr(Stop("A", "why")) == "Stop(by='A', reason='why', epoch=None, batch=None)"
