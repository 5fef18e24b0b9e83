"""A real TensorBoard server on loopback, and its data routes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"http://[\w.:\[\]]+/")
START_SECONDS = 60
LOAD_SECONDS = 30


class Server:
    """Asks a running server for data."""

    def __init__(self, address: str) -> None:
        self.address = address

    def raw(self, route: str, **query: Any) -> bytes:
        url = f"{self.address}data/{route}?{urllib.parse.urlencode(query)}"
        # Loopback only, never through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=20) as reply:
            return reply.read()

    def data(self, route: str, **query: Any) -> Any:
        return json.loads(self.raw(route, **query))

    def tags(self, plugin: str) -> dict[str, set[str]]:
        """The tags of each run that a plugin shows."""
        return {run: set(tags) for run, tags in self.data(f"plugin/{plugin}/tags").items()}

    def scalars(self, run: str, tag: str) -> list[tuple[int, float]]:
        """Steps and values; "NaN" and the infinities as floats."""
        points = self.data("plugin/scalars/scalars", run=run, tag=tag)
        return [(step, float(value)) for _, step, value in points]

    def wait_for(self, plugin: str, run: str, *tags: str) -> None:
        """Wait until the server has read what was written."""
        deadline = time.monotonic() + LOAD_SECONDS
        while not set(tags) <= (seen := self._tags_now(plugin).get(run, set())):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{plugin} shows {sorted(seen)} of {run!r}, not {sorted(tags)}")
            time.sleep(0.1)

    def _tags_now(self, plugin: str) -> dict[str, set[str]]:
        try:
            return self.tags(plugin)
        except urllib.error.HTTPError:  # before anything was read the plugin may not be there
            return {}


@contextlib.contextmanager
def serving(directory: Path, *, load_fast: bool) -> Iterator[Server]:
    """A server for the runs in `directory`; it is gone afterwards in any case."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(directory)]
    command += ["--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    command += [f"--load_fast={str(load_fast).lower()}"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # with the data server that it starts it can be ended as one
    )
    try:
        yield Server(_address(process))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it serves, which it says itself; a process that says nothing in time is ended."""
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    said: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            found = ADDRESS.search(line)
            if found and "TensorBoard" in line:
                _drain(process)
                return found[0]
    finally:
        timer.cancel()
        timer.join()
    raise RuntimeError(f"tensorboard did not start: {''.join(said)}")


def _drain(process: subprocess.Popen[str]) -> None:
    """Read on, so that the server never waits for a full pipe."""

    def read() -> None:
        with contextlib.suppress(ValueError):
            for _ in process.stderr or ():
                pass

    threading.Thread(target=read, name="tensorboard-stderr", daemon=True).start()
