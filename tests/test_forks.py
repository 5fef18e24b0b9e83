"""What belongs to one process alone is left to it by the children that are forked meanwhile."""

import os

from backbeat import forks


class Watcher:
    def __init__(self) -> None:
        self.is_inert = False

    def become_inert(self) -> None:
        self.is_inert = True


def inert_in_child(watcher: Watcher) -> bool:
    child = os.fork()
    if child == 0:
        os._exit(watcher.is_inert)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_a_child_is_silent_and_the_parent_is_not() -> None:
    """What asked for it becomes inert in each child, and in no parent."""
    watcher = Watcher()
    forks.silence_in_children(watcher)

    assert [inert_in_child(watcher), inert_in_child(watcher)] == [True, True]
    assert not watcher.is_inert


def test_what_is_over_is_forgotten() -> None:
    """What has ended in the parent goes its own way in a child."""
    watcher = Watcher()
    forks.silence_in_children(watcher)
    forks.forget(watcher)

    assert not inert_in_child(watcher)


def test_nothing_is_kept_alive() -> None:
    """To be silenced in children keeps nobody in memory."""
    forks.silence_in_children(Watcher())

    assert not any(isinstance(each, Watcher) for each in forks._watched)
