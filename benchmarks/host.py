"""What does the host do for a batch, against the loop by hand?

A small model on a GPU waits for the host, which starts one kernel after the other. So this counts
what `gpu.py` times there: torch's operations, calls of Python and of built-in functions, in the
thread that trains. Counts are the same on every machine, however busy, so they need no GPU; but on
a CPU `fit` reads the values of each batch at once, which it puts off on a GPU. Views make no kernel
and reads wait for one. What is counted is by how much longer epochs add to it, per batch.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from _results import Row, footer, save, table
from _work import Work
from gpu import Fit, by_hand, ours
from torch.utils._python_dispatch import TorchDispatchMode

KINDS = ("kernels", "views", "reads", "Python", "built-in")
# 1 batch in 64 is timed, and values are put off by up to 128.
SHORT, LONG = 128, 384


class Operations(TorchDispatchMode):
    """Counts what reaches torch's kernels, the backward pass included."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "aten":
            self.counts[kind_of(func)] += 1
        return func(*args, **(kwargs or {}))


def kind_of(operation: Any) -> str:
    """Whether it computes, looks at memory that is there, or hands a number to Python."""
    if "_local_scalar_dense" in operation.name():
        return "reads"
    returned = [each.alias_info for each in operation._schema.returns]
    is_view = any(alias is not None and not alias.is_write for alias in returned)
    return "views" if is_view or operation.name().startswith("aten::empty") else "kernels"


@contextmanager
def calls(counts: Counter[str]) -> Generator[None]:
    """Count the calls of this thread within it."""

    def note(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            counts["Python" if event == "call" else "built-in"] += 1

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def per_batch(fit: Fit) -> dict[str, float]:
    """How often each kind happens in a batch."""
    counted: list[Counter[str]] = []
    for batches in (SHORT, LONG):
        counts = Counter[str]()
        for counter in (Operations(counts), calls(counts)):
            fit(1, 2)  # what happens only the first time
            with counter:
                fit(1, batches)
        counted.append(counts)
    short, long = counted
    return {kind: (long[kind] - short[kind]) / (LONG - SHORT) for kind in KINDS}


def measure(device: str) -> list[Row]:
    """The counts of everybody."""
    work = Work("mlp", steps=LONG)
    with tempfile.TemporaryDirectory() as name:
        contenders: dict[str, Callable[[], Fit]] = {
            "by hand": lambda: by_hand(work, device),
            "bare": lambda: ours(work, device),
            "full": lambda: ours(work, device, Path(name)),
        }
        return [{"contender": each, **per_batch(make())} for each, make in contenders.items()]


def report(lines: list[Row]) -> str:
    """The Markdown table."""
    head, *rows = lines
    body = [[row["contender"], *(f"{row[kind]:.1f}" for kind in KINDS)] for row in rows]
    heads = ["kernels", "views", "values read", "calls of Python", "calls of built-ins"]
    return "\n".join([table([f"per batch, {head['device']}", *heads], body), "", footer(head)])


def main() -> None:
    """Count, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="as usual: it takes seconds")
    arguments.parse_args()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(report(save("host", measure(device), device=device)))


if __name__ == "__main__":
    main()
