"""Trials: something done in a forked child that may crash, hang, be killed or run out of memory.

A fork of a process that has imported everything takes milliseconds, so hundreds of trials fit.
"""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import subprocess
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Trial:
    """How a child ended."""

    result: Any
    """What the action returned, as JSON; None if it did not come to that."""
    error: str | None
    """The traceback of what it raised."""
    signal: int | None
    """What it died of: SIGSEGV of a crash, SIGKILL of a kill or a timeout."""

    @property
    def ended(self) -> bool:
        """Whether the action returned by itself."""
        return self.error is None and self.signal is None


def in_child(action: Callable[[], Any], *, seconds: float = 30, memory: int | None = None) -> Trial:
    """Do `action` in a fork; `memory` are the bytes that it may add to what there is."""
    reading, writing = os.pipe()
    pid = _fork()
    if pid == 0:
        _child(action, writing, memory)
    os.close(writing)
    data = _read(reading, pid, time.monotonic() + seconds)
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    told = json.loads(data) if data and died is None else {}
    return Trial(told.get("result"), told.get("error"), died)


def _fork() -> int:
    with warnings.catch_warnings():
        # The child does one thing and ends; the threads of the test runner do not concern it.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _child(action: Callable[[], Any], writing: int, memory: int | None) -> None:
    told: dict[str, Any] = {}
    try:
        if memory is not None:
            limit_memory(memory)
        told["result"] = action()
    except BaseException:
        told["error"] = traceback.format_exc()[-4000:]
    finally:
        os.write(writing, json.dumps(told).encode())
        os._exit(0)


def limit_memory(more: int) -> None:
    """Let this process take no more than `more` bytes beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read(reading: int, pid: int, deadline: float) -> bytes:
    """All that the child tells; it is killed at the deadline."""
    data = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            return b""
        piece = os.read(reading, 1 << 16)
        if not piece:
            return data
        data += piece


@contextmanager
def stopped_child(action: Callable[[], Any]) -> Any:
    """A fork that waits for SIGCONT before it does `action`; yields its number."""
    pid = _fork()
    if pid == 0:
        try:
            os.kill(os.getpid(), signal.SIGSTOP)
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    yield pid


def calls_of(action: Callable[[], Any], log: Path) -> list[tuple[str, int]]:
    """The system calls of `action` in order, each with how often it has come until then."""
    assert _traced(action, ["-o", str(log), "-e", "signal=none"]) == 0
    counts: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    for line in log.read_text().splitlines():
        called = re.match(r"(?:\d+ +)?([a-z]\w*)\(", line)
        if called:
            counts[called[1]] += 1
            found.append((called[1], counts[called[1]]))
    return found


def killed_at(action: Callable[[], Any], call: str, number: int, kill: str = "SIGKILL") -> bool:
    """Do `action` in a fork that gets `kill` when it makes `call` for the `number`-th time.

    False if it did not come to that.
    """
    inject = f"inject={call}:signal={kill}:when={number}"
    status = _traced(action, ["-o", os.devnull, "-e", f"trace={call}", "-e", inject])
    assert status == 0 or os.WIFSIGNALED(status), "the action failed by itself"
    return os.WIFSIGNALED(status)


def _traced(action: Callable[[], Any], options: list[str]) -> int:
    """Do `action` in a fork under strace; how the fork ended."""
    with stopped_child(action) as pid:
        command = ["strace", "-qq", "-f", "-p", str(pid), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text():
                if tracer.poll() is not None:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    assert tracer.stderr is not None
                    raise OSError(f"strace: {tracer.stderr.read().decode()}")
                time.sleep(0.001)
            os.kill(pid, signal.SIGCONT)
            _, status = os.waitpid(pid, 0)
            tracer.wait()
    return status
