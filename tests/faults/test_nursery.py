"""The nursery leaves nobody behind."""

import os
import select
import signal
import time
from pathlib import Path

import pytest

from tests.faults.nursery import Nursery

pytestmark = pytest.mark.faults


def sleep_for_ever() -> None:
    print("asleep", flush=True)
    while True:
        time.sleep(60)


def test_children_die_with_a_killed_nursery(tmp_path: Path) -> None:
    """Whatever ends the nursery, kill -9 too, ends its children."""
    with Nursery() as nursery:
        child = nursery.start(sleep_for_ever, tmp_path / "output.txt")
        child.wait_for("asleep")
        watch = os.pidfd_open(child.pid)
        os.kill(nursery.pid, signal.SIGKILL)
        ended, _, _ = select.select([watch], [], [], 10)
        os.close(watch)

    assert ended
