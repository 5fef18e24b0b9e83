"""What becomes of an exception in a callback: its role decides."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

from backbeat.errors import BackbeatWarning

__all__ = ["Failures", "with_notes"]


class Failures(Counter[str]):
    """Counts the failures of observers, by callback and hook; everybody else's are raised."""

    def handle(self, callback: Any, hook: str, error: BaseException) -> None:
        """Raise `error` with a note of where it came from, unless an observer only watched.

        An observer never ends a training: its first failure is a warning, all are counted.
        """
        place = f"{type(callback).__name__}.{hook}"
        if getattr(callback, "role", None) != "observer" or not isinstance(error, Exception):
            _note(error, f"raised in {place}")
            raise error
        self[place] += 1
        if self[place] == 1:
            warnings.warn(
                f"{place} failed: {type(error).__name__}: {error}. Training goes on without it; "
                "further failures of it are only counted.",
                BackbeatWarning,
                stacklevel=2,
            )

    def told(self) -> list[str]:
        """What failed and how often, a line each."""
        return [
            f"{place} failed {count} times" if count > 1 else f"{place} failed once"
            for place, count in self.items()
        ]


def with_notes(errors: list[BaseException]) -> BaseException:
    """The first of `errors`, with the others as its notes."""
    first = errors[0]
    for error in errors[1:]:
        if error is not first:
            places = getattr(error, "__notes__", ())
            _note(first, f"then {type(error).__name__}: {error} ({'; '.join(places)})")
    return first


def _note(error: BaseException, text: str) -> None:
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)
