"""Runs every benchmark, one after the other: about 20 minutes, or 3 with --quick.

The environments of the contenders are made first, which takes long once. What the programs print
is kept in .benchmarks/results. With --write it goes into both READMEs, with the picture.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import _venvs
from _field import HERE, SURROUNDINGS
from _results import folder
from report import PRINTED, QUESTIONS

# What they are told when it has to be quick, as far as they know it.
QUICKLY = {
    "loop": ["--processes", "1", "--rounds", "1"],
    "dispatch": ["--rounds", "2"],
    "whereabouts": [],
    "dense_kernels": [],
}


def ask(question: str, options: list[str]) -> bool:
    """Run one program, show what it prints and keep it; was it content?"""
    print(f"\n== {question}", flush=True)
    begin = time.monotonic()
    command = [sys.executable, str(HERE / f"{question}.py"), *options]
    environment = {**os.environ, **SURROUNDINGS, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        with (folder() / f"{question}.txt").open("w", encoding="utf-8") as kept:
            for line in running.stdout:
                print(line, end="", flush=True)
                kept.write(line)
    print(f"({time.monotonic() - begin:.0f} s)", flush=True)
    return running.returncode == 0


def main() -> None:
    """All questions, or those that are named."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("questions", nargs="*", default=[*QUESTIONS, *PRINTED])
    arguments.add_argument("--quick", action="store_true", help="does it all run?")
    arguments.add_argument("--write", action="store_true", help="into the READMEs")
    given = arguments.parse_args()
    folder().mkdir(parents=True, exist_ok=True)
    for name in _venvs.CONTENDERS:
        problem = _venvs.make(name)
        if problem:
            print(f"{name} is left out: {problem}", flush=True)
    there = [each for each in given.questions if (HERE / f"{each}.py").exists()]
    quickly = [QUICKLY.get(each, ["--quick"]) if given.quick else [] for each in there]
    failed = [each for each, how in zip(there, quickly, strict=True) if not ask(each, how)]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")
    if given.write:
        subprocess.run([sys.executable, str(HERE / "report.py"), "--write"], check=True)


if __name__ == "__main__":
    main()
