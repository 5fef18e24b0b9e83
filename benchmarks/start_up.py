"""How long until the first batch is trained?

From the start of the process to the end of a `fit` of one batch: the softmax model, bare, files in
the page cache. And what `import backbeat` adds to `import torch`, with all its rooms opened.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from _field import HERE, NAMES, SURROUNDINGS, Entry, chosen, rotated
from _results import Row, footer, save, table

FLOOR = "raw"
STAGES = ("import", "build", "fit", "all")

# What is imported, and printed is the seconds that the last of it took.
IMPORTS = {
    "import torch": "t = time.perf_counter(); import torch",
    "import backbeat, alone": "t = time.perf_counter(); import backbeat",
    "import backbeat after torch": "import torch; t = time.perf_counter(); import backbeat",
    "from backbeat.models import Sequential, after torch": (
        "import torch; t = time.perf_counter(); from backbeat.models import Sequential"
    ),
}


def first_batch(entry: Entry) -> Row:
    """Start a process and wait until it has trained a batch; seconds by stage."""
    with tempfile.TemporaryDirectory() as folder:
        script = [str(entry.interpreter()), str(HERE / "_first_batch.py"), entry.worker]
        done = subprocess.run(
            [*script, repr(time.monotonic()), folder],
            capture_output=True,
            check=False,
            text=True,
            env=entry.surroundings(),
        )
        stages = Path(folder, "stages.json")
        if not stages.exists():
            raise SystemExit(f"{entry.name} failed:\n{done.stderr[-3000:]}")
        return json.loads(stages.read_text(encoding="utf-8"))


def seconds_to_import(code: str) -> float:
    """What that import took in a fresh process."""
    code = f"import time; {code}; print(time.perf_counter() - t)"
    environment = {**os.environ, **SURROUNDINGS}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(entries: list[Entry], rounds: int, seconds: float) -> list[Row]:
    """Some rounds, and more while there is time."""
    by_name = {entry.name: entry for entry in entries if entry.bare and "+" not in entry.name}
    rows: list[Row] = []
    begin, turn = time.monotonic(), 0
    while turn <= rounds or time.monotonic() - begin < seconds:
        rows += [
            {"contender": name, "turn": turn, **first_batch(by_name[name])}
            for name in rotated(list(by_name), turn)
        ]
        rows += [
            {"import": what, "turn": turn, "all": seconds_to_import(IMPORTS[what])}
            for what in rotated(list(IMPORTS), turn)
        ]
        turn += 1
    return [row for row in rows if row["turn"]]  # the first round fills the page cache


def report(lines: list[Row]) -> str:
    """The Markdown tables."""
    head, *rows = lines
    runs = [row for row in rows if "contender" in row]
    names = dict.fromkeys(row["contender"] for row in runs)
    found = {
        name: {
            stage: median(row[stage] for row in runs if row["contender"] == name)
            for stage in STAGES
        }
        for name in names
    }
    body = [
        [
            f"**{name}**" if name == "backbeat" else name,
            *(f"{each[stage]:.2f}" for stage in STAGES),
            f"{each['all'] / found[FLOOR]['all']:.2f}",
        ]
        for name, each in sorted(found.items(), key=lambda item: item[1]["all"])
    ]
    heads = ["", "import s", "build s", "fit one batch s", "from process start s", "× raw"]
    imports = [
        [what, f"{median(row['all'] for row in rows if row.get('import') == what) * 1e3:.1f}"]
        for what in IMPORTS
    ]
    return "\n".join([table(heads, body), "", table(["", "ms"], imports), "", footer(head)])


def main() -> None:
    """Measure, save, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one round")
    arguments.add_argument("--minutes", type=float, default=2.0, help="go on until then")
    arguments.add_argument("--contenders", nargs="+", choices=NAMES)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    seconds = 0.0 if given.quick else given.minutes * 60
    rows = measure(chosen(given.contenders), 1 if given.quick else 2, seconds)
    print(report(save("start_up", rows)))


if __name__ == "__main__":
    main()
