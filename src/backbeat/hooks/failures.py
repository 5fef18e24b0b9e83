"""What becomes of an exception in a callback: its role decides."""

from __future__ import annotations

from collections import Counter
from typing import Any

from backbeat.warning import warn

__all__ = ["Failures", "with_notes"]


# So often in a row an observer may fail in a hook until it is left alone.
_MOST_IN_A_ROW = 10


class Failures(Counter[str]):
    """Counts the failures of observers, by callback and hook; everybody else's are raised."""

    def __init__(self) -> None:
        super().__init__()
        self._streaks: dict[tuple[int, str], tuple[int, int]] = {}
        self._given_up: set[str] = set()

    def handle(self, callback: Any, hook: str, error: BaseException, ring: int) -> bool:
        """Raise `error` with a note of where it came from, unless an observer only watched.

        An observer never ends a training: its first failure is a warning, all are counted. True
        if it failed in this hook ten times in a row, and is not to be called by it again.
        """
        place = f"{type(callback).__name__}.{hook}"
        if getattr(callback, "role", None) != "observer" or not isinstance(error, Exception):
            _note(error, f"raised in {place}")
            raise error
        self[place] += 1
        if self[place] == 1:
            warn(
                f"{place} failed: {type(error).__name__}: {str(error).rstrip('.')}. Training goes "
                "on without it; further failures of it are only counted."
            )
        return self._is_hopeless((id(callback), hook), place, ring)

    def _is_hopeless(self, key: tuple[int, str], place: str, ring: int) -> bool:
        last_ring, streak = self._streaks.get(key, (0, 0))
        streak = streak + 1 if last_ring == ring - 1 else 1
        self._streaks[key] = ring, streak
        if streak >= _MOST_IN_A_ROW:
            self._given_up.add(place)
        return streak >= _MOST_IN_A_ROW

    def told(self) -> list[str]:
        """What failed and how often, a line each."""
        return [
            f"{place} failed {'once' if count == 1 else f'{count} times'}"
            + (", and was not called again" if place in self._given_up else "")
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
