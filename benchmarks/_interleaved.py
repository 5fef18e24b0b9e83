"""What every benchmark here needs: contenders that take turns, and a line about the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import backbeat


@dataclass
class Stopwatch:
    """Seconds by the clock on the wall, of this process's work, and of this thread's."""

    wall: float = 0.0
    cpu: float = 0.0
    thread: float = 0.0

    def start(self) -> None:
        """Go on measuring."""
        self.wall -= time.perf_counter()
        self.cpu -= time.process_time()
        self.thread -= time.thread_time()

    def stop(self) -> None:
        """Pause."""
        self.thread += time.thread_time()
        self.cpu += time.process_time()
        self.wall += time.perf_counter()


@dataclass
class Timing:
    """The seconds that each repetition of one contender took."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    thread: list[float] = field(default_factory=list)

    def add(self, watch: Stopwatch) -> None:
        """Take in one repetition."""
        self.wall.append(watch.wall)
        self.cpu.append(watch.cpu)
        self.thread.append(watch.thread)

    def median(self, clock: str = "cpu") -> float:
        """The median repetition, in seconds."""
        return statistics.median(getattr(self, clock))

    def ratios(self, other: Timing, clock: str = "cpu") -> Spread:
        """This contender's time divided by `other`'s in the same round."""
        pairs = zip(getattr(self, clock), getattr(other, clock), strict=True)
        return Spread([mine / theirs for mine, theirs in pairs])

    def extra(self, other: Timing, clock: str = "cpu") -> Spread:
        """This contender's seconds minus `other`'s in the same round."""
        pairs = zip(getattr(self, clock), getattr(other, clock), strict=True)
        return Spread([mine - theirs for mine, theirs in pairs])


@dataclass
class Spread:
    """A figure as it came out in each round."""

    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Half of the rounds lie between these two."""
        low, _, high = statistics.quantiles(self.values, n=4)
        return low, high


def interleave(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time every contender once per round, in an order that rotates: A B C, B C A, C A B, ...

    Contenders of the same round meet the same weather, so compare them round by round. One that
    returns a Stopwatch has measured itself.
    """
    names = list(contenders)
    timings = {name: Timing() for name in names}
    for name in names:  # a round that does not count: caches, lazy imports, first allocations
        contenders[name]()
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            watch = Stopwatch()
            watch.start()
            own = contenders[name]()
            watch.stop()
            timings[name].add(own if isinstance(own, Stopwatch) else watch)
    return timings


def in_new_process(*arguments: str) -> Any:
    """Run a Python program with these arguments, and return what it prints as JSON."""
    command = [sys.executable, *arguments]
    printed = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(printed)


def machine() -> str:
    """The line that belongs under every table: versions, processor, cores, load."""
    versions = f"backbeat {backbeat.__version__}, torch {torch.__version__}"
    python = f"Python {platform.python_version()}"
    cores = f"{len(os.sched_getaffinity(0))} cores, {torch.get_num_threads()} torch thread"
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{versions}, {python}; {_processor()}, {cores}, {load}; {platform.system()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
