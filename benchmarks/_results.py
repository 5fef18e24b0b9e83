"""What was measured, as JSON lines in .benchmarks/results: one file per question."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _venvs
from _interleaved import machine

Row = dict[str, Any]


def folder() -> Path:
    """Where the results are."""
    return _venvs.ROOT / "results"


def save(question: str, rows: Iterable[Row], **head: Any) -> list[Row]:
    """Replace the results of one question; the first line says when, where and how."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    command = " ".join(["python", f"benchmarks/{question}.py", *sys.argv[1:]])
    lines = [{"date": now, "machine": machine(), "command": command, **head}, *rows]
    folder().mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder() / f"{question}.jsonl").write_text(text, encoding="utf-8")
    return lines


def load(question: str) -> list[Row] | None:
    """The lines of one question, or None if it was not asked."""
    path = folder() / f"{question}.jsonl"
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(heads: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; all but the first column to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def footer(head: Row) -> str:
    """The line under a table."""
    return f"`{head['command']}`, {head['date']}; {head['machine']}"
