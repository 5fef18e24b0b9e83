"""How long does a checkpoint of 100 million weights with Adam's state keep the training waiting?

Every contender has a process of its own. Beside each save a copy of the same bytes is measured,
into memory that is there: nobody can wait less and still have a copy. They take turns, `--rounds`
times, each time in the opposite order. `--python NAME=PATH` names
the interpreter of an environment that holds a contender; by default those of `_venvs.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from _interleaved import machine
from _venvs import python

HERE = Path(__file__).resolve().parent
# By the name that the table shows: the worker's function, and the environment that it needs.
CONTENDERS = {
    "a copy alone": ("copy_alone", ""),
    "backbeat": ("backbeat", ""),
    "backbeat, in line": ("backbeat_in_line", ""),
    "safetensors + fsync": ("safetensors", ""),
    "its digests alone": ("digests", ""),
    "backbeat, weights, in line": ("backbeat_safetensors", ""),
    "safetensors + fsync, weights": ("safetensors_weights", ""),
    "Lightning": ("lightning", "lightning"),
    "Lightning, async": ("lightning_async", "lightning"),
    "Keras (torch)": ("keras", "keras"),
}


def main() -> None:
    arguments = parser().parse_args()
    interpreters = dict(each.split("=", 1) for each in arguments.python)
    chosen = {
        name: interpreter
        for name, (function, environment) in CONTENDERS.items()
        if (not arguments.only or function in arguments.only)
        and (interpreter := installed(name, environment, interpreters))
    }
    found: dict[str, dict[str, Any]] = {}
    for number in range(arguments.rounds):
        for name in list(chosen)[:: -1 if number % 2 else 1]:
            width = "64" if arguments.quick else "3536"
            told = measured(str(chosen[name]), CONTENDERS[name][0], arguments.folder, width)
            found[name] = joined(found[name], told) if name in found else told
    print(f"{'':30}{'blocked ms':>11}{'copy ms':>9}{'x copy':>8}{'written ms':>12}{'extra':>8}")
    for name in chosen:
        print(row(name, found[name]))
    compare(found)
    print(machine())


def installed(name: str, environment: str, interpreters: dict[str, str]) -> Path | str | None:
    """The interpreter for a contender, or None, said, if there is none."""
    interpreter = interpreters.get(environment) or interpreter_of(environment)
    if interpreter is None:
        print(f"{name:30}{'not installed: python benchmarks/_venvs.py ' + environment:>40}")
    return interpreter


def joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """All the times, and the most memory."""
    times = {name: before[name] + now[name] for name in ("blocked", "copy", "written")}
    return {**now, **times, "extra": max(before["extra"], now["extra"])}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    made.add_argument("--only", action="append", default=[], metavar="FUNCTION")
    made.add_argument("--rounds", type=int, default=2, metavar="N")
    made.add_argument("--folder", default=str(HERE.parent), help="where the files go for a moment")
    made.add_argument("--quick", action="store_true", help="a tiny model, to try the program out")
    return made


def interpreter_of(environment: str) -> Path | None:
    return python(environment) if environment else Path(sys.executable)


def measured(interpreter: str, function: str, folder: str, width: str) -> dict[str, Any]:
    """What the worker found out; both arms of a contender use the same number of threads."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(os.cpu_count())}
    command = [interpreter, str(HERE / "_checkpoint_worker.py"), function, folder, width]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{function} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def row(name: str, found: dict[str, Any]) -> str:
    """`extra` is the most memory beyond what was there, in copies of the tensors."""
    blocked, copy, written = (milliseconds(found, key) for key in ("blocked", "copy", "written"))
    extra = found["extra"] / found["size"]
    times = f"{ratio(found):>8.2f}{written:>12.0f}{extra:>8.3f}"
    return f"{name:30}{blocked:>11.0f}{copy:>9.0f}{times}"


def milliseconds(found: dict[str, Any], key: str) -> float:
    return 1e3 * statistics.median(found[key])


def ratio(found: dict[str, Any]) -> float:
    """Blocked over copied, save by save."""
    pairs = zip(found["blocked"], found["copy"], strict=True)
    return statistics.median(blocked / copy for blocked, copy in pairs)


def compare(found: dict[str, dict[str, Any]]) -> None:
    """Each goal with what came out."""
    print()
    if "backbeat" in found:
        compare_in_background(found["backbeat"], found)
    compare_in_line(found)


def compare_in_background(ours: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    print(f"blocked / copy: {ratio(ours):.2f} (goal: at most 1.25)")
    for name, goal in (("Lightning", 0.1), ("Keras (torch)", 0.1), ("Lightning, async", 0.5)):
        if name in found:
            share = milliseconds(ours, "blocked") / milliseconds(found[name], "blocked")
            print(f"blocked / that of {name}: {share:.3f} (goal: at most {goal})")
    beyond = (ours["extra"] - ours["size"]) / 2**20
    print(
        f"extra memory: {ours['extra'] / ours['size']:.3f} copies (goal: at most 1), "
        f"{beyond:.1f} MiB beyond the copy"
    )


def compare_in_line(found: dict[str, dict[str, Any]]) -> None:
    pairs = (
        ("backbeat, in line", "safetensors + fsync", 1.0),
        ("backbeat, weights, in line", "safetensors + fsync, weights", 1 / 3),
    )
    for mine, theirs, part in pairs:
        if mine not in found or theirs not in found:
            continue
        ours, other = (milliseconds(found[name], "blocked") for name in (mine, theirs))
        print(f"{mine} / {theirs}: {ours / other:.2f}, its digests included")
        if "its digests alone" in found:
            digests = part * milliseconds(found["its digests alone"], "blocked")
            share = (ours - digests) / other
            print(f"{mine}, less digests / {theirs}: {share:.2f} (goal: at most 1.1)")


if __name__ == "__main__":
    main()
