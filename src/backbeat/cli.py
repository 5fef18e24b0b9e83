"""The command line: `backbeat curves` shows what was logged, without a browser."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from backbeat import __version__
from backbeat.event_files.curves import Curve, read_curves, runs_below

__all__ = ["main"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_NOT_FINITE = "×"
_LONGEST_LINE = 32
_MORE_IS_BETTER = re.compile(r"acc|auc|precision|recall|f1|iou|score|reward|cosine", re.IGNORECASE)
_LESS_IS_BETTER = re.compile(
    r"loss|err|mse|mae|mape|msle|rmse|perplexity|entropy|hinge|diverg", re.IGNORECASE
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, or 1 when nothing can be shown.

    `arguments` are those of the command line by default. Wrong ones end the program with status 2.
    """
    stdout: Any = sys.stdout
    if hasattr(stdout, "reconfigure"):
        # A terminal that knows only ASCII shows question marks, which is better than no figures.
        stdout.reconfigure(errors="replace")
    parsed = _parser().parse_args(arguments)
    return parsed.command(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backbeat", description="Look at training runs.")
    parser.add_argument("--version", action="version", version=f"backbeat {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    curves = commands.add_parser(
        "curves",
        help="last and best values of every logged scalar, with its curve",
        description="Print the last and the best value of every scalar in TensorBoard's event "
        "files, and its curve. Best is the largest value of tags like accuracy and the smallest "
        "of tags like loss; others have none. × marks values that are not finite.",
    )
    curves.add_argument("logdir", metavar="LOGDIR", help="as given to TensorBoard(log_dir=...)")
    curves.add_argument("--json", action="store_true", help="print all values, as JSON")
    curves.set_defaults(command=_curves)
    return parser


def _curves(arguments: argparse.Namespace) -> int:
    directory = Path(arguments.logdir)
    complaint = _missing(directory)
    curves = [] if complaint else read_curves(directory)
    if not complaint and not curves:
        complaint = f"there are event files in {directory}, but no scalars in them yet."
    if complaint:
        print(f"backbeat curves: {complaint}", file=sys.stderr)
        return 1
    return _printed(_as_json(curves) if arguments.json else _as_text(curves))


def _printed(text: str) -> int:
    """Print `text` to its last byte; the exit status."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # as when piped into `head`
        _give_up_stdout()
    except OSError as error:
        _give_up_stdout()
        print(f"backbeat: stdout cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _give_up_stdout() -> None:
    # Python would complain once more when it flushes at the end.
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _missing(directory: Path) -> str:
    """What is wrong with `directory`; empty if there are event files."""
    advice = "Give the directory that TensorBoard(log_dir=...) writes to."
    if not directory.exists():
        return f"there is no directory {directory}. {advice}"
    if not directory.is_dir():
        return f"{directory} is a file. {advice}"
    if not runs_below(directory):
        return f"there are no event files in or below {directory}. {advice}"
    return ""


# Text


def _as_text(curves: list[Curve]) -> str:
    blocks: list[str] = []
    for run, group in groupby(curves, lambda curve: curve.run):
        rows = [("", "steps", "last", "best", "")] + [_row(curve) for curve in group]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        # What does not fit beside the figures is left to the curve, but never less than 8 signs.
        room = shutil.get_terminal_size().columns - sum(widths) - 10
        lines = [_line(row, widths, room) for row in rows]
        blocks.append("\n".join([run, *lines]))
    return "\n\n".join(blocks)


def _row(curve: Curve) -> tuple[Any, ...]:
    best = _best(curve)
    shown = "" if best is None else f"{_short(curve.values[best])} at {curve.steps[best]}"
    return curve.tag, str(len(curve.steps)), _short(curve.values[-1]), shown, curve.values


def _line(row: tuple[Any, ...], widths: list[int], room: int) -> str:
    tag, count, last, best, values = row
    drawn = _sparkline(values, min(max(room, 8), _LONGEST_LINE)) if values else ""
    return (
        f"  {tag:<{widths[0]}}  {count:>{widths[1]}}  {last:>{widths[2]}}  {best:<{widths[3]}}  "
        f"{drawn}"
    ).rstrip()


def _short(value: float) -> str:
    return f"{value:.4g}"


def _sparkline(values: Sequence[float], width: int) -> str:
    """`values` as signs of growing height, at most `width` of them, each a mean."""
    parts = [_mean(part) for part in _parts(values, width)]
    finite = [part for part in parts if math.isfinite(part)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        _BLOCKS[round((part - low) * scale)] if math.isfinite(part) else _NOT_FINITE
        for part in parts
    )


def _parts(values: Sequence[float], count: int) -> list[Sequence[float]]:
    """`values` in `count` neighbouring parts of nearly the same length, or fewer of one each."""
    count = min(count, len(values))
    ends = [len(values) * number // count for number in range(count + 1)]
    return [values[start:end] for start, end in pairwise(ends)]


def _mean(values: Sequence[float]) -> float:
    # Divided before they are added, so that the sum of large numbers stays finite.
    return sum(value / len(values) for value in values)


def _best(curve: Curve) -> int | None:
    """The place of the best finite value; None if the tag does not tell what is better."""
    places = [place for place, value in enumerate(curve.values) if math.isfinite(value)]
    if not places:
        return None
    if _MORE_IS_BETTER.search(curve.tag):
        return max(places, key=curve.values.__getitem__)
    if _LESS_IS_BETTER.search(curve.tag):
        return min(places, key=curve.values.__getitem__)
    return None


# JSON


def _as_json(curves: list[Curve]) -> str:
    runs: dict[str, dict[str, Any]] = {}
    for curve in curves:
        best = _best(curve)
        runs.setdefault(curve.run, {})[curve.tag] = {
            "last": _point(curve, -1),
            "best": None if best is None else _point(curve, best),
            "steps": curve.steps,
            "values": [_finite(value) for value in curve.values],
        }
    return json.dumps({"runs": runs}, ensure_ascii=False, allow_nan=False)


def _point(curve: Curve, place: int) -> dict[str, Any]:
    return {"step": curve.steps[place], "value": _finite(curve.values[place])}


def _finite(value: float) -> float | str:
    """JSON has no word for what is not finite, so that is a text."""
    return value if math.isfinite(value) else str(value)
