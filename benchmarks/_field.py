"""Who takes part, in which environment, and the processes that they work in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _venvs

HERE = Path(__file__).resolve().parent

# The same for everybody. Fixed thresholds of glibc's malloc: they adapt otherwise, to what
# happened to be freed before, and large arrays come from fresh pages or not, as chance has it.
SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True)
class Entry:
    """One contender: its file in _contenders with `+variant`, and what it takes part in."""

    name: str
    worker: str
    venv: str | None = None
    env: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    one_core: bool = False
    bare: bool = True
    full: bool = True
    evaluates: bool = True
    predicts: bool = True
    models: tuple[str, ...] = ("softmax", "mlp", "cnn", "tiny")

    def interpreter(self) -> Path | None:
        """Its Python, or None if its environment could not be made."""
        return _venvs.python(self.venv) if self.venv else Path(sys.executable)

    def surroundings(self) -> dict[str, str]:
        """The variables of its process; _worker.py looks at the last one."""
        core = {"BENCHMARK_ONE_CORE": "1"} if self.one_core else {}
        return {**os.environ, **SURROUNDINGS, **self.env, **core}


def _raw(variant: str, **options: Any) -> Entry:
    options = {"full": False, "evaluates": False, "predicts": False} | options
    name = f"raw+{variant}" if variant else "raw"
    return Entry(name, name, **options)


FIELD = [
    _raw("", evaluates=True, predicts=True),
    _raw("shuffle"),
    _raw("fused", models=("mlp", "cnn")),  # torch has no fused RMSprop
    _raw("DataLoader", evaluates=True, predicts=True),
    Entry("by hand", "raw+by hand", bare=False, evaluates=False, predicts=False),
    Entry("backbeat", "backbeat"),
    Entry("keras-torch", "keras", "keras", {"KERAS_BACKEND": "torch"}),
    # Held to one core, as all others are by their threads: XLA takes every core that it sees.
    Entry("keras-jax", "keras", "keras", {"KERAS_BACKEND": "jax"}, one_core=True),
    Entry("lightning", "lightning", "lightning"),
    Entry("poutyne", "poutyne", "poutyne"),
    Entry("skorch", "skorch", "skorch", evaluates=False),
    Entry("hf-trainer", "transformers", "transformers"),
    Entry("ignite", "ignite", "ignite", predicts=False),
    Entry("fastai", "fastai", "fastai", evaluates=False),
]
NAMES = [entry.name for entry in FIELD]


class Worker:
    """The process of one contender."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        # A file and no pipe: progress bars on stderr are to be plain and never to wait.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(entry.interpreter()), str(HERE / "_worker.py"), entry.worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=entry.surroundings(),
        )

    def ask(self, what: str, **order: Any) -> dict[str, float]:
        """Have it do something; SystemExit with the end of its complaints if it cannot."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            self._errors.seek(0)
            raise SystemExit(f"{self.entry.name} failed:\n{self._errors.read()[-3000:]}")
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def chosen(names: Iterable[str] | None) -> list[Entry]:
    """The contenders of these names that are ready to start; a word about each that is not."""
    wanted = set(names or NAMES)
    ready: list[Entry] = []
    for entry in FIELD:
        if entry.name in wanted and entry.interpreter() is None:
            print(f"{entry.name} is left out: no environment (python benchmarks/_venvs.py)")
        elif entry.name in wanted:
            ready.append(entry)
    return ready


@contextmanager
def at_work(entries: Iterable[Entry]) -> Iterator[dict[str, Worker]]:
    """Start a process for each, and end them all."""
    workers: dict[str, Worker] = {}
    try:
        for entry in entries:
            workers[entry.name] = Worker(entry)
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def rotated(names: list[str], turn: int) -> list[str]:
    """A B C, then B C A, then C A B."""
    first = turn % max(len(names), 1)
    return names[first:] + names[:first]
