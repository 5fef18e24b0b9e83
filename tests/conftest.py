"""What every test gets: a known start, and a look afterwards at what it left running or open."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read once, when Keras is imported by the parity tests.
os.environ.setdefault("KERAS_BACKEND", "torch")
# For programs that tests run: several threads each, on few cores, take many times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hypothesis import settings

from backbeat.layers.naming import reset_names

OPEN_FILES = Path("/proc/self/fd")
GRACE_SECONDS = 2.0
LONG = os.environ.get("BACKBEAT_LONG") == "1"
NO_SKIP = os.environ.get("BACKBEAT_NO_SKIP") == "1"

torch.set_num_threads(1)

# The same examples in every run, however slow the machine is at the moment.
settings.register_profile("house", deadline=None, derandomize=True, database=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def known_start() -> None:
    """Every test starts with the same random numbers and with layer names counted from 1."""
    random.seed(0)
    np.random.seed(0)  # code under test may draw from the global generator
    torch.manual_seed(0)
    reset_names()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that leaves a thread running or a file open fails, and says which one."""
    threads, files = running_threads(), open_files()
    yield
    # A failed test holds its frames, and with them whatever it had open.
    if getattr(request.node, "has_failed", False):
        return
    left = wait_until_gone(threads, files)
    if left:
        pytest.fail(f"the test left behind: {', '.join(left)}", pytrace=False)


def wait_until_gone(threads: set[threading.Thread], files: set[str]) -> list[str]:
    """What is there now and was not before; threads get a moment, garbage gets collected."""
    deadline = time.monotonic() + GRACE_SECONDS
    while left := named(running_threads() - threads, open_files() - files):
        if time.monotonic() > deadline:
            return left
        gc.collect()
        time.sleep(0.01)
    return []


def named(threads: set[threading.Thread], files: set[str]) -> list[str]:
    return [f"thread {thread.name!r}" for thread in threads] + [f"file {name}" for name in files]


def running_threads() -> set[threading.Thread]:
    return {thread for thread in _own_threads() if thread.is_alive()}


def open_files() -> set[str]:
    """The ordinary files that this process holds open; none where the system does not tell."""
    if not OPEN_FILES.is_dir():
        return set()
    names = map(read_link, OPEN_FILES.iterdir())
    return {name for name in names if is_ordinary(name)}


def read_link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:  # closed meanwhile: the listing's own descriptor always is
        return ""


def is_ordinary(name: str) -> bool:
    # Pipes and sockets have no path; libraries keep modules and devices open for good.
    beneath = (sys.prefix, sys.base_prefix, "/dev/", "/proc/", "/sys/", "/memfd:")
    return name.startswith("/") and not name.startswith(beneath)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only under BACKBEAT_LONG=1 the tests marked `long` are run."""
    left_out = [item for item in items if item.get_closest_marker("long") and not LONG]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Remember a failure for the fixtures; under BACKBEAT_NO_SKIP=1 a skip is one."""
    report = yield
    if call.when == "call":
        item.has_failed = report.failed  # type: ignore[attr-defined]
    expected = hasattr(report, "wasxfail") or item.get_closest_marker("gpu") is not None
    if report.skipped and not expected:
        refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """The same for a file that skips itself as a whole."""
    report = yield
    if report.skipped:
        refuse_skip(report)
    return report


def refuse_skip(report: Any) -> None:
    if NO_SKIP:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"BACKBEAT_NO_SKIP=1, so this may not be skipped: {reason}"


def _own_threads() -> list[threading.Thread]:
    """All threads but those of the pool that torch.compile keeps for its next compilation."""
    return [each for each in threading.enumerate() if "ThreadPoolExecutor" not in each.name]
