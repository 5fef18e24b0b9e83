"""How fast does everybody train the same models?

`bare` trains and shows nothing. `full` has all the usual callbacks on: a progress bar, history,
CSV, early stopping and plateau that never act, the best weights saved each epoch, TensorBoard per
batch and per epoch, loss and accuracy. The time per batch is the slope between a fit of 4 epochs
and a fit of 1, so nothing that happens once per fit is in it. What the loss of each contender does
at a higher rate is checked first: whoever does not train is not timed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from statistics import median

import torch
from _field import NAMES, Entry, Worker, at_work, chosen, rotated
from _results import Row, footer, save, table
from _work import STEPS

SHORT, LONG = 1, 4
LEARNED = 20  # batches per epoch, when it is checked that the loss falls
TITLES = {
    "softmax": "Softmax regression 784-10, RMSprop, batch 128",
    "mlp": "MLP 784-256-256-10, Adam, batch 128",
    "cnn": "Small CNN (two convolutions), Adam, batch 128",
    "tiny": "8-10, RMSprop, batch 128: for trying things out",
}
FLOOR = "raw"


def cells(entries: list[Entry], models: Iterable[str]) -> dict[tuple[str, bool], list[str]]:
    """Who takes part, by model and by whether it is `full`."""
    return {
        (model, full): [
            entry.name
            for entry in entries
            if model in entry.models and (entry.full if full else entry.bare)
        ]
        for model in models
        for full in (False, True)
    }


def check_training(workers: dict[str, Worker], models: Iterable[str], steps: int) -> list[Row]:
    """Everybody's loss must fall, by a quarter at least of what it does in the first loop.

    Not by as much: Keras' RMSprop and torch's differ in their defaults, and so do first weights.
    """
    rows: list[Row] = []
    for model in models:
        least = 0.0
        for name, worker in workers.items():
            if model not in worker.entry.models:
                continue
            order = {"model": model, "full": not worker.entry.bare, "steps": max(steps, LEARNED)}
            found = worker.ask("learn", epochs=2, **order)
            fall = found["before"] - found["after"]
            least = least or fall / 4
            if fall < least:
                raise SystemExit(f"{name} does not train {model}: the loss went {_fall(found)}.")
            rows.append({"learns": name, "model": model, **found})
    return rows


def one_pass(
    entries: list[Entry], models: list[str], steps: int, rounds: int, seconds: float, check: bool
) -> list[Row]:
    """New processes for all; some rounds, and more while there is time."""
    rows: list[Row] = []
    parts = cells(entries, models)
    begin = time.monotonic()
    with at_work(entries) as workers:
        if check:
            tell("Does everybody train?")
            rows += check_training(workers, models, steps)
        if seconds:  # caches, compilation, first allocations; for who wants the truth
            tell("Warming up.")
            for (model, full), names in parts.items():
                for name in names:
                    workers[name].ask("fit", model=model, full=full, steps=steps, epochs=1)
        turn = 0
        while turn < rounds or time.monotonic() - begin < seconds:
            tell(f"Round {turn + 1}.")
            for (model, full), names in parts.items():
                for name in rotated(names, turn):
                    row = timed(workers[name], model=model, full=full, steps=steps)
                    rows.append({"contender": name, "model": model, "full": full, **row})
            turn += 1
    return rows


def tell(what: str) -> None:
    """For whoever waits at a terminal."""
    print(time.strftime("%H:%M:%S"), what, file=sys.stderr, flush=True)


def timed(worker: Worker, **order: object) -> Row:
    """µs per batch by both clocks, of one repetition."""
    short = worker.ask("fit", epochs=SHORT, **order)
    long = worker.ask("fit", epochs=LONG, **order)
    batches = (LONG - SHORT) * (order["steps"] or STEPS[str(order["model"])])
    return {clock: (long[clock] - short[clock]) / batches * 1e6 for clock in ("wall", "cpu")}


def summary(rows: list[Row], model: str, full: bool) -> dict[str, dict[str, float]]:
    """Medians by contender, fastest first: µs by both clocks, and times the floor's."""
    of: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("model") == model and row.get("full") is full:
            of.setdefault(row["contender"], []).append(row)
    floor = [row for row in rows if row.get("contender") == FLOOR and row["model"] == model]
    base = {clock: median(row[clock] for row in floor) for clock in ("wall", "cpu")}
    found = {
        name: {clock: median(row[clock] for row in mine) for clock in base}
        | {f"x {clock}": median(row[clock] for row in mine) / base[clock] for clock in base}
        | {"repetitions": len(mine)}
        for name, mine in of.items()
    }
    return dict(sorted(found.items(), key=lambda item: item[1]["cpu"]))


def report(lines: list[Row]) -> str:
    """The Markdown tables."""
    head, *rows = lines
    learned = {(row["learns"], row["model"]): row for row in rows if "learns" in row}
    parts: list[str] = []
    for model in head["models"]:
        for full in (False, True):
            found = summary(rows, model, full)
            if not found:
                continue
            body = [
                [
                    f"**{name}**" if name == "backbeat" else name,
                    f"{each['cpu']:.0f}",
                    f"{each['x cpu']:.2f}",
                    f"{each['wall']:.0f}",
                    f"{each['x wall']:.2f}",
                    _fall(learned.get((name, model))),
                ]
                for name, each in found.items()
            ]
            mode = "full" if full else "bare"
            count = min(each["repetitions"] for each in found.values())
            parts.append(f"{TITLES[model]}; **{mode}**, {count:.0f} repetitions\n")
            heads = [mode, "CPU µs/batch", "× raw", "wall µs/batch", "× raw", "learns"]
            parts.append(table(heads, body) + "\n")
    return "\n".join([*parts, footer(head)])


def _fall(row: Row | None) -> str:
    return f"{row['before']:.2f} → {row['after']:.2f}" if row else ""


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one round, short epochs")
    arguments.add_argument("--minutes", type=float, default=7.0, help="go on until then")
    arguments.add_argument("--models", nargs="+", choices=TITLES, default=["softmax", "mlp", "cnn"])
    arguments.add_argument("--contenders", nargs="+", choices=NAMES)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    entries, models = chosen(given.contenders), given.models
    passes, steps, rounds = (1, 5, 1) if given.quick else (2, 0, 2)
    seconds = 0.0 if given.quick else given.minutes * 60 / passes
    rows, lines = list[Row](), list[Row]()
    for number in range(passes):
        rows += one_pass(entries, models, steps, rounds, seconds, check=number == 0)
        lines = save("throughput", rows, models=models)
    print(report(lines))


if __name__ == "__main__":
    main()
