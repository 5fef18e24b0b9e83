"""The process of one contender: `_worker.py CONTENDER`, then one order per line on stdin.

An order is JSON, as `{"do": "fit", "model": "mlp", "full": false, "epochs": 4}`, and so is the
answer: seconds by the wall and of the whole process. What a framework prints goes to a file.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _work import Work, cross_entropy


class Workshop:
    """Builds what it is asked for, once, and times what it does."""

    def __init__(self, contender: str, folder: Path) -> None:
        file, _, variant = contender.partition("+")
        module = importlib.import_module(f"_contenders.{file.replace('-', '_')}")
        self._make = module.VARIANTS[variant]
        self._folder = folder
        self._built: dict[tuple[Any, ...], Any] = {}

    def _contender(self, order: dict[str, Any]) -> Any:
        key = order["model"], order.get("steps", 0), order.get("full", False)
        if key not in self._built:
            folder = self._folder / "-".join(map(str, key))
            folder.mkdir(parents=True)
            self._built[key] = self._make(Work(key[0], key[1]), key[2], folder)
        return self._built[key]

    def fit(self, order: dict[str, Any]) -> dict[str, float]:
        """Time some epochs."""
        contender = self._contender(order)
        return timed(lambda: contender.fit(order["epochs"]))

    def evaluate(self, order: dict[str, Any]) -> dict[str, float]:
        """Time an evaluation of some rows."""
        contender = self._contender(order)
        return timed(lambda: contender.evaluate(order["rows"]))

    def predict(self, order: dict[str, Any]) -> dict[str, float]:
        """Time a prediction for some rows."""
        contender = self._contender(order)
        return timed(lambda: contender.predict(order["rows"]))

    def learn(self, order: dict[str, Any]) -> dict[str, float]:
        """Does it train? The loss before and after some epochs at a rate that learns."""
        work = Work(order["model"], order.get("steps", 0), learning=True)
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            contender = self._make(work, order.get("full", False), Path(folder))
            before = cross_entropy(contender.logits(), work.arrays[1])
            contender.fit(order["epochs"])
            return {"before": before, "after": cross_entropy(contender.logits(), work.arrays[1])}


def timed(task: Callable[[], object]) -> dict[str, float]:
    """Seconds that it took, by the clock and of all threads of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    task()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main() -> None:
    """Answer orders until there are no more."""
    if os.environ.get("BENCHMARK_ONE_CORE"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answers = os.fdopen(os.dup(1), "w")
    scratch = tempfile.TemporaryDirectory(prefix="backbeat-", ignore_cleanup_errors=True)
    with scratch as folder:
        os.chdir(folder)
        with Path("printed.txt").open("w", encoding="utf-8") as printed:
            os.dup2(printed.fileno(), 1)
            workshop = Workshop(sys.argv[1], Path(folder))
            for line in sys.stdin:
                order = json.loads(line)
                answer = getattr(workshop, order["do"])(order)
                print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # some frameworks wait here for threads that never end


if __name__ == "__main__":
    main()
