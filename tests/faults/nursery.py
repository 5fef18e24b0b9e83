"""Nursery: a process that has imported torch and started no thread, and forks one child per trial.

A child costs a few milliseconds, a new interpreter seconds; and a fork of a process with threads
may hang. So hundreds of trials, each in a process of its own that may be killed, fit into a test.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

INTERRUPTED = 130
PR_SET_PDEATHSIG = 1


class Child:
    """One trial: a forked process that runs one function."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self.nursery, self.pid, self.output = nursery, pid, output

    def send(self, number: int) -> None:
        """Send it a signal; it may be over already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Return when `text` stands in its output."""
        deadline = time.monotonic() + seconds
        while text not in self.output.read_text(errors="replace"):
            assert time.monotonic() < deadline, self.output.read_text(errors="replace")
            time.sleep(0.001)

    def wait(self, seconds: float = 30.0) -> int:
        """Its exit status, or minus the signal that ended it; it is killed if it takes longer."""
        return self.nursery.ask({"wait": self.pid, "seconds": seconds})


class Nursery:
    """Starts children; leave the `with` when they have all been waited for."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        return self

    @property
    def pid(self) -> int:
        """The process that the children are forks of."""
        return self._process.pid

    def __exit__(self, *raised: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def start(self, function: Any, output: Path, **arguments: Any) -> Child:
        """Run `function`, of a module, with plain `arguments`; what it prints goes to `output`."""
        output.touch()
        run = [function.__module__, function.__name__]
        pid = self.ask({"run": run, "arguments": arguments, "output": str(output)})
        return Child(self, pid, output)

    def ask(self, request: dict[str, Any]) -> int:
        """One request, one number."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def main() -> None:
    """What the nursery itself does: fork, and wait."""
    warm_up()
    alive: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            module = importlib.import_module(request["run"][0])
            assert thread_count() == 1
            nursery = os.getpid()
            pid = os.fork()
            if pid == 0:
                die_with(nursery)
                live(getattr(module, request["run"][1]), request)
            alive.add(pid)
            print(pid, flush=True)
        else:
            alive.remove(request["wait"])
            print(ended(request["wait"], request["seconds"]), flush=True)
    for pid in alive:
        ended(pid, 0)


def warm_up() -> None:
    """Let everything be imported now that is imported on first use, not by each child."""
    import torch

    from backbeat.layers import Dense
    from backbeat.models import Sequential

    torch.set_num_threads(1)
    model = Sequential([Dense(1, input_dim=1)])
    model.compile("adam", "mse")
    with tempfile.TemporaryDirectory() as folder:
        model.fit(torch.zeros(1, 1), torch.zeros(1, 1), verbose=0)
        model.save_weights(f"{folder}/warm.h5")
        model.save_weights(f"{folder}/warm.safetensors")
    # The first optimizer and the first schedule of torch's import much more of it.
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter])
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    parameter.square().sum().backward()
    optimizer.step()
    schedule.step()


def die_with(parent: int) -> None:
    """Let this process be killed when its parent ends, by whatever: else it might run for ever."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def live(function: Any, request: dict[str, Any]) -> None:
    """The child's whole life; never returns."""
    status = 0
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        function(**request["arguments"])
    except KeyboardInterrupt:
        traceback.print_exc()
        status = INTERRUPTED
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def ended(pid: int, seconds: float) -> int:
    """How `pid` ended; it is killed after `seconds`."""
    watch = os.pidfd_open(pid)
    if not select.select([watch], [], [], seconds)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(watch)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


if __name__ == "__main__":
    main()
