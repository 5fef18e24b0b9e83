"""Report: what became of everything that was given to a writer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Report"]


@dataclass
class Report:
    """Counts; all zero but `written` when everything went well."""

    written: int = 0
    """Values that are in a file."""
    dropped: Counter[str] = field(default_factory=Counter[str])
    """Values given up, by kind ("scalars", "histograms", ...): no room, or nobody to write them."""
    unreadable: int = 0
    """Values that turned out to be no numbers, or that failed when they were read."""
    non_finite: int = 0
    """Numbers that were nan or infinite; among scalars they are written, elsewhere left out."""
    failures: int = 0
    """Times the disk refused; what was to be written then was kept, and tried again later."""
    unwritten: int = 0
    """Values that still waited when the time for closing was over."""
    error: str = ""
    """The last thing that went wrong, in words."""

    def complaint(self) -> str:
        """What a user should know, as one sentence; empty if nothing is lost."""
        lost = [f"{number} {kind}" for kind, number in sorted(self.dropped.items()) if number]
        if self.unwritten:
            lost.append(f"{self.unwritten} values that still waited at the end")
        if self.unreadable:
            lost.append(f"{self.unreadable} values that could not be read")
        if not lost:
            return ""
        reason = f": {self.error}" if self.error else "."
        return f"Not written to the event files: {', '.join(lost)}{reason}"
