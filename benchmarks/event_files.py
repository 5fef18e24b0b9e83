"""What does a value for TensorBoard cost, in the thread that trains and in all?

Each contender writes scalars, histograms of a million numbers and histograms of a thousand, in a
process of its own, in turns. Then backbeat writes to a disk that takes its time: how much memory
does that need, and how long does a call take?
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

# What is written, and how often in one round.
WORK = {"scalar": 5000, "1M histogram": 10, "1,000 histogram": 200}
# The writer, and the environment of benchmarks/_venvs.py that it is found in.
CONTENDERS = {
    "backbeat": "",
    "backbeat again": "",
    "torch.utils.tensorboard": "",
    "tensorboardX": "tensorboardx",
    "tensorboardX, crc32c": "tensorboardx-crc32c",
    "tf.summary": "keras",
}
GOALS = "goals: scalar 0.5 and 2.5; 1M histogram 300 and 3500; 1,000 histogram 60 in all"


# In a process for each contender


def backbeat_writer(directory: str) -> tuple[Any, Any, Any]:
    from backbeat.event_files import EventFileWriter

    writer = EventFileWriter(directory)
    return writer.scalar, writer.histogram, writer.close


def torch_writer(directory: str) -> tuple[Any, Any, Any]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(directory)
    return writer.add_scalar, writer.add_histogram, writer.close


def tensorboardx_writer(directory: str) -> tuple[Any, Any, Any]:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(directory)
    return writer.add_scalar, writer.add_histogram, writer.close


def tensorflow_writer(directory: str) -> tuple[Any, Any, Any]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    writer = tf.summary.create_file_writer(directory)

    def scalar(tag: str, value: float, step: int) -> None:
        with writer.as_default():
            tf.summary.scalar(tag, value, step)

    def histogram(tag: str, values: Any, step: int) -> None:
        with writer.as_default():
            tf.summary.histogram(tag, values, step)

    return scalar, histogram, writer.close


WRITERS: Mapping[str, Callable[[str], tuple[Any, Any, Any]]] = {
    "backbeat": backbeat_writer,
    "torch": torch_writer,
    "tensorboardX": tensorboardx_writer,
    "tf": tensorflow_writer,
}


def work() -> None:
    """Do one round for each line that comes in, and answer with what it took."""
    values = np.random.default_rng(0).normal(0, 0.05, 1_000_000).astype(np.float32)
    inputs = {"scalar": 0.125, "1M histogram": values, "1,000 histogram": values[:1000].copy()}
    for line in sys.stdin:
        writer, what = json.loads(line)
        with tempfile.TemporaryDirectory() as directory:
            answer = one_round(WRITERS[writer](directory), inputs[what], what)
        print(json.dumps(answer), flush=True)


def one_round(writer: tuple[Any, Any, Any], value: Any, what: str) -> dict[str, float]:
    """Microseconds for each call: by the clock and of work in this thread, and of work in all."""
    scalar, histogram, close = writer
    write, times = scalar if what == "scalar" else histogram, WORK[what]
    for step in range(times):  # does not count: threads, files, memory, as in a first epoch
        write("tag", value, step)
    time.sleep(1.2)  # more than a second, after which everybody has written
    wall, mine, all_ = time.perf_counter(), time.thread_time(), time.process_time()
    for step in range(times, 2 * times):
        write("tag", value, step)
    wall, mine = time.perf_counter() - wall, time.thread_time() - mine
    close()
    spent = {"wall": wall, "calling": mine, "all": time.process_time() - all_}
    return {name: seconds / times * 1e6 for name, seconds in spent.items()}


# In the process that compares them


class Contender:
    """A process that waits for its turn."""

    def __init__(self, name: str, interpreter: str) -> None:
        self.writer = next(key for key in WRITERS if name.startswith(key))
        command = [interpreter, "-W", "ignore", __file__, "--work"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def turn(self, what: str) -> dict[str, float]:
        """One round; raises ValueError if the process could not do it."""
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([self.writer, what]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def present() -> dict[str, Contender]:
    """The contenders that can be had here; says which cannot."""
    from _venvs import python

    found: dict[str, Contender] = {}
    for name, environment in CONTENDERS.items():
        interpreter = python(environment) if environment else sys.executable
        if interpreter is None:
            print(f"{name}: left out; make it with python benchmarks/_venvs.py {environment}")
            continue
        contender = Contender(name, str(interpreter))
        try:
            contender.turn("scalar")  # does not count: imports
        except (ValueError, BrokenPipeError):
            print(f"{name}: left out; it cannot be imported")
            contender.end()
        else:
            found[name] = contender
    return found


def compare(rounds: int) -> None:
    """Print one table for each kind of work."""
    contenders = present()
    names = list(contenders)
    for what, times in WORK.items():
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for turn in range(rounds + 1):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                taken[name].append(contenders[name].turn(what))
        print(f"\n{what}, µs each; {rounds} rounds of {times}, medians")
        print(f"{'':<26}{'calling: wall':>14}{'CPU':>10}{'in all: CPU':>13}{'x backbeat':>12}")
        for name in names:
            print_row(name, taken[name][1:], taken["backbeat"][1:])
    for contender in contenders.values():
        contender.end()
    print(f"\n{GOALS}")


def print_row(name: str, mine: list[dict[str, float]], ours: list[dict[str, float]]) -> None:
    """The medians of one contender, and its work over backbeat's in the same round."""
    figures = [median(each[key] for each in mine) for key in ("wall", "calling", "all")]
    ratio = median(a["all"] / b["all"] for a, b in zip(mine, ours, strict=True))
    print(f"{name:<26}{figures[0]:>14.2f}{figures[1]:>10.2f}{figures[2]:>13.2f}{ratio:>12.2f}")


def write_to_a_slow_disk(seconds_each: float, histograms: int) -> None:
    """Print what it takes to write when the disk needs so many seconds for each write."""
    from backbeat import files
    from backbeat.event_files import EventFileWriter

    class SlowDisk(files.Disk):
        def write(self, descriptor: int, data: memoryview) -> int:
            time.sleep(seconds_each)
            return super().write(descriptor, data)

    files.disk.current = SlowDisk()
    values = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest = 0.0
    with tempfile.TemporaryDirectory() as directory:
        writer = EventFileWriter(Path(directory), close_seconds=0.1)
        for step in range(histograms):
            started = time.perf_counter()
            writer.histogram("kernel", values, step)
            longest = max(longest, time.perf_counter() - started)
            for part in range(5000):
                writer.scalar("loss", 0.125, 5000 * step + part)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        dropped = dict(writer.report.dropped)
        files.disk.current = files.Disk()
        writer.close(60)
    offered = histograms * (values.nbytes + 5000 * 150) / 2**20
    print(
        f"\nA disk that needs {seconds_each:g} s for each write; {offered:.0f} MiB offered at once"
    )
    print(f"memory grew by {(after - before) / 1024:.0f} MiB; longest call {longest * 1e3:.1f} ms")
    print(
        f"dropped: {dropped or 'nothing'}, of {5000 * histograms} scalars, {histograms} histograms"
    )


def main() -> None:
    """Print the tables, or work for the process that does."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--quick", action="store_true", help="does it all run?")
    arguments.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parsed = arguments.parse_args()
    if parsed.work:
        work()
        return
    from _interleaved import machine

    compare(1 if parsed.quick else parsed.rounds)
    write_to_a_slow_disk(seconds_each=0.5, histograms=20 if parsed.quick else 200)
    print(machine())


if __name__ == "__main__":
    main()
