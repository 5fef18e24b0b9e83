"""What each callback costs: always measured, on few enough batches to cost nothing itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cost", "CostTable", "next_sampled"]

_ALWAYS = 8
_EVERY = 64


def next_sampled(batch_count: int) -> int:
    """The number of the first batch of a run, from this one on, that is timed.

    These are the first 8, then 1 in 64.
    """
    if batch_count < _ALWAYS:
        return batch_count
    return -(-batch_count // _EVERY) * _EVERY


@dataclass
class Cost:
    """The time that one callback spent in one hook, in seconds."""

    callback: str
    hook: str
    calls: int = 0
    timed_calls: int = 0
    timed_seconds: float = 0.0
    is_expected: bool = False
    """Whether nobody need be told that it takes long: it saves as often as was asked."""
    slowest_seconds: float = 0.0

    def time(self, seconds: float) -> None:
        """Take in one timed call."""
        self.timed_calls += 1
        self.timed_seconds += seconds
        self.slowest_seconds = max(self.slowest_seconds, seconds)

    @property
    def seconds(self) -> float:
        """The time of all calls; an estimate where not every call was timed."""
        return self.mean_seconds * self.calls

    @property
    def mean_seconds(self) -> float:
        """The mean time of a call."""
        return self.timed_seconds / self.timed_calls if self.timed_calls else 0.0

    @property
    def usual_seconds(self) -> float:
        """The mean without the slowest call, which a busy machine may have held up; 0 at first."""
        others = self.timed_calls - 1
        return (self.timed_seconds - self.slowest_seconds) / others if others > 1 else 0.0

    @property
    def estimated(self) -> bool:
        """Whether `seconds` is an estimate."""
        return self.timed_calls < self.calls


class CostTable(list[Cost]):
    """One row per callback and hook; printing it shows the dearest first."""

    def __str__(self) -> str:
        rows = sorted((cost for cost in self if cost.calls), key=lambda cost: -cost.seconds)
        lines = [f"{'callback':<24}{'hook':<24}{'calls':>9}{'seconds':>12}"]
        lines += [
            f"{cost.callback:<24}{cost.hook:<24}{cost.calls:>9}"
            f"{'~' if cost.estimated else '':>2}{cost.seconds:>10.4f}"
            for cost in rows
        ]
        return "\n".join(lines)
