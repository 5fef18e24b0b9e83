"""How fast does everybody evaluate and predict?

The MLP of the other tables, in batches of 128: `evaluate` finds loss and accuracy, `predict`
returns all outputs. The time per batch is the slope between a call with 40 batches and one with
10, so what happens once per call is not in it.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from _field import NAMES, Entry, Worker, at_work, chosen, rotated
from _results import Row, footer, save, table
from _work import BATCH

TASKS = ("evaluate", "predict")
FEW, MANY = 10, 40
FLOOR = "raw"


def takes_part(entry: Entry, task: str) -> bool:
    """Has it a way to do that, and are its bare models built for it?"""
    return entry.evaluates if task == "evaluate" else entry.predicts


def measure(entries: list[Entry], model: str, rounds: int, seconds: float) -> list[Row]:
    """Some rounds, and more while there is time."""
    rows: list[Row] = []
    begin, turn = time.monotonic(), 0
    with at_work([entry for entry in entries if entry.evaluates or entry.predicts]) as workers:
        while turn <= rounds or time.monotonic() - begin < seconds:
            for task in TASKS:
                names = [name for name in workers if takes_part(workers[name].entry, task)]
                for name in rotated(names, turn):
                    row = timed(workers[name], task, model)
                    rows.append({"contender": name, "task": task, "turn": turn, **row})
            turn += 1
    return [row for row in rows if row["turn"]]  # the first round fills caches and compiles


def timed(worker: Worker, task: str, model: str) -> Row:
    """µs per batch by both clocks, of one repetition. Accuracy is a metric of the `full` models."""
    order = {"model": model, "steps": MANY, "full": task == "evaluate"}
    few = worker.ask(task, rows=FEW * BATCH, **order)
    many = worker.ask(task, rows=MANY * BATCH, **order)
    return {clock: (many[clock] - few[clock]) / (MANY - FEW) * 1e6 for clock in ("wall", "cpu")}


def report(lines: list[Row]) -> str:
    """The Markdown tables."""
    head, *rows = lines
    parts: list[str] = []
    for task in TASKS:
        names = dict.fromkeys(row["contender"] for row in rows if row["task"] == task)
        found = {name: _medians(rows, task, name) for name in names}
        base = found[FLOOR]
        body = [
            [
                f"**{name}**" if name == "backbeat" else name,
                *(f"{cpu:.0f}", f"{cpu / base[0]:.2f}", f"{wall:.0f}", f"{wall / base[1]:.2f}"),
            ]
            for name, (cpu, wall) in sorted(found.items(), key=lambda item: item[1])
        ]
        parts.append(table([task, "CPU µs/batch", "× raw", "wall µs/batch", "× raw"], body) + "\n")
    return "\n".join([*parts, footer(head)])


def _medians(rows: list[Row], task: str, name: str) -> tuple[float, float]:
    mine = [row for row in rows if row["task"] == task and row["contender"] == name]
    return median(row["cpu"] for row in mine), median(row["wall"] for row in mine)


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one round")
    arguments.add_argument("--minutes", type=float, default=1.2, help="go on until then")
    arguments.add_argument("--model", default="mlp", choices=["softmax", "mlp", "cnn", "tiny"])
    arguments.add_argument("--contenders", nargs="+", choices=NAMES)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    seconds = 0.0 if given.quick else given.minutes * 60
    rows = measure(chosen(given.contenders), given.model, 1 if given.quick else 3, seconds)
    print(report(save("evaluate_predict", rows)))


if __name__ == "__main__":
    main()
