"""Strict JSON: no numbers that JSON has not, and no name twice in one object."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["from_json", "from_text", "to_json"]


def to_json(value: Any) -> bytes:
    """`value` in UTF-8, without spaces. Raises ValueError for numbers that are not finite."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def from_json(data: bytes) -> Any:
    """What `to_json` wrote. Raises ValueError or RecursionError for anything that is not strict."""
    return from_text(data.decode("utf-8", "surrogatepass"))


def from_text(text: str) -> Any:
    """The value that `text` is; raises as `from_json` does."""
    return json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; two equal names in one could mean either."""
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("a name is there twice")
    return unique


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
