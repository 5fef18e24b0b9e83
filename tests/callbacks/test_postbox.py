from __future__ import annotations

import threading

from backbeat.callbacks._postbox import Postbox


def test_calls_are_made_in_their_order_in_one_thread() -> None:
    """And at the end all are made."""
    made: list[tuple[int, str]] = []
    box = Postbox("test")
    for number in range(100):
        box.put(lambda number=number: made.append((number, threading.current_thread().name)))

    assert box.end(10) == 0
    assert made == [(number, "backbeat test") for number in range(100)]


def test_a_full_box_drops_the_oldest() -> None:
    """What is newest is kept, and what was dropped is counted."""
    made: list[int] = []
    is_free, has_begun = threading.Event(), threading.Event()
    box = Postbox("test")
    box.put(lambda: (has_begun.set(), is_free.wait(10)))
    assert has_begun.wait(10)
    for number in range(1003):
        box.put(lambda number=number: made.append(number))
    is_free.set()

    assert box.end(10) == 3
    assert made == list(range(3, 1003))


def test_a_call_that_hangs_is_left_to_itself() -> None:
    """Nothing is begun after it, and its thread ends with it."""
    made: list[int] = []
    is_free, has_begun = threading.Event(), threading.Event()
    box = Postbox("test")
    box.put(lambda: (has_begun.set(), is_free.wait(10)))
    box.put(lambda: made.append(1))
    assert has_begun.wait(10)

    assert box.end(0.01) == 2
    (thread,) = [each for each in threading.enumerate() if each.name == "backbeat test"]
    is_free.set()
    thread.join(10)
    assert not thread.is_alive()
    assert made == []
