"""A fresh process up to its first trained batch: `_first_batch.py CONTENDER BEGAN FOLDER`.

BEGAN is the parent's clock just before it started this process; the clock is the system's. The
seconds of each stage go into FOLDER/stages.json.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

ready = time.monotonic()

import numpy  # noqa: E402, F401
from _work import Work  # noqa: E402


def main() -> None:
    """Write down how long each stage took."""
    began = float(sys.argv[2])
    if os.environ.get("BENCHMARK_ONE_CORE"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    file, _, variant = sys.argv[1].partition("+")
    make = importlib.import_module(f"_contenders.{file}").VARIANTS[variant]
    imported = time.monotonic()
    contender = make(Work("softmax", steps=1), False, Path(sys.argv[3]))
    built = time.monotonic()
    contender.fit(1)
    trained = time.monotonic()
    stages = {
        "python": ready - began,
        "import": imported - ready,
        "build": built - imported,
        "fit": trained - built,
        "all": trained - began,
    }
    Path(sys.argv[3], "stages.json").write_text(json.dumps(stages), encoding="utf-8")
    os._exit(0)


if __name__ == "__main__":
    main()
