"""Where does the time of an epoch go?

One epoch of the softmax model, `bare` and `full` as in throughput.py, under cProfile, which sees
the thread that trains. The profiler makes Python code look slower than it is and leaves kernels
alone, so the shares of ours are upper bounds; what they are good for is their order. Then, without
a profiler, what the hooks of each callback take by the clock, as `history.cost` tells.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import torch
from _contenders.backbeat import Backbeat
from _interleaved import machine
from _work import Work

from backbeat.hooks.cost import CostTable

EPOCHS, TIMED_EPOCHS = 4, 40


def place_of(filename: str, function: str) -> str:
    """The room that a function belongs to; torch's kernels are in no file."""
    if filename == "~":
        return "kernels and built-ins" if "torch" in function or "method" in function else "Python"
    parts = Path(filename).parts
    if "backbeat" in parts:
        rooms = parts[parts.index("backbeat") + 1 :]
        # Of the callbacks each by itself.
        depth = 2 if rooms[0] == "callbacks" and len(rooms) > 1 else 1
        return f"backbeat.{'.'.join(rooms[:depth]).removesuffix('.py')}"
    return "torch, in Python" if "torch" in parts else "Python"


def report(name: str, profile: cProfile.Profile, batches: int) -> None:
    """Print the microseconds of a batch by room, those of the fit's two ends included."""
    seconds: Counter[str] = Counter()
    calls = 0
    for (filename, _, function), (_, count, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        seconds[place_of(filename, function)] += own
        calls += 0 if filename == "~" else count
    whole = sum(seconds.values())
    spent = f"{whole / batches * 1e6:.0f} µs and {calls / batches:.0f} calls of Python per batch"
    print(f"\n{name}: {spent}, profiled")
    for room, own in seconds.most_common():
        if own > whole / 500:
            print(f"{room:<34}{own / batches * 1e6:>8.1f}{own / whole:>8.1%}")


def report_costs(cost: CostTable, batches: int) -> None:
    """Print what each callback takes: once in an epoch, and for each batch."""
    epoch: Counter[str] = Counter()
    batch: Counter[str] = Counter()
    for each in cost:
        if each.calls and each.hook.startswith("on_epoch"):
            epoch[each.callback] += each.mean_seconds
        elif each.calls and "batch" in each.hook:
            # A checkpoint hears batches only while one of its saves is on its way.
            share = each.calls / (TIMED_EPOCHS * batches)
            batch[each.callback] += (each.usual_seconds or each.mean_seconds) * share
    print("\nfull, by the clock         µs per epoch   per batch    in all, per batch")
    for name in sorted({*epoch, *batch}, key=lambda name: -epoch[name] / batches - batch[name]):
        figures = [each * 1e6 for each in (epoch[name], batch[name])]
        in_all = figures[0] / batches + figures[1]
        print(f"{name:<27}{figures[0]:>12.0f}{figures[1]:>12.2f}{in_all:>21.2f}")


def main() -> None:
    """Print the three tables."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = Work("softmax")
    for name, full in (("bare", False), ("full", True)):
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            contender = Backbeat(work, full, Path(folder))
            contender.fit(1)
            profile = cProfile.Profile(time.thread_time)
            profile.enable()
            contender.fit(EPOCHS)
            profile.disable()
            if full:
                contender.fit(TIMED_EPOCHS)
        report(name, profile, EPOCHS * work.batches)
        if full:
            report_costs(contender.model.history.cost, work.batches)
    print(machine())


if __name__ == "__main__":
    main()
