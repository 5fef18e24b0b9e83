"""The texts of a run: what is trained and how, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

__all__ = ["ending", "table"]

_SETTINGS = ("epochs", "initial_epoch", "steps", "samples", "batch_size", "metrics")


def table(description: Mapping[str, str], params: Mapping[str, Any]) -> str:
    """What is known of a run, as a Markdown table."""
    settings = {name: params.get(name) for name in _SETTINGS}
    known = {name: _said(value) for name, value in settings.items() if value not in (None, [])}
    rows = {**description, **known}
    lines = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join(["| run | |", "|---|---|", *lines])


def _said(value: Any) -> str:
    return ", ".join(map(str, cast(list[Any], value))) if isinstance(value, list) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def ending(stopped: Any, error: BaseException | None = None) -> str:
    """How a run ended, in a sentence; `stopped` is what `history.stopped` holds."""
    if error is not None:
        return f"Ended by {type(error).__name__}: {error}"
    if stopped is None:
        return "Ended after its last epoch."
    where = f" in epoch {stopped.epoch}" if stopped.epoch is not None else ""
    return f"Stopped by {stopped.by}{where}: {stopped.reason}"
