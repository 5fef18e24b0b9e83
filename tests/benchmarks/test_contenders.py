"""A contender is only timed if it trains."""

import pytest
import throughput
from _field import FIELD


class Learning:
    """A worker whose loss falls by a given amount."""

    def __init__(self, name: str, fall: float) -> None:
        self.entry = next(entry for entry in FIELD if entry.name == name)
        self.fall = fall

    def ask(self, what: str, **order: object) -> dict[str, float]:
        return {"before": 2.3, "after": 2.3 - self.fall}


def test_contender_that_does_not_train_is_refused():
    """One whose loss hardly falls beside that of the first loop stops the benchmark."""
    workers = {"raw": Learning("raw", 0.4), "backbeat": Learning("backbeat", 0.05)}

    with pytest.raises(SystemExit, match="backbeat does not train mlp: the loss went 2.30 → 2.25"):
        throughput.check_training(workers, ["mlp"], 20)


def test_contenders_that_train_are_written_down():
    """What the loss did stands in the results."""
    workers = {"raw": Learning("raw", 0.4), "backbeat": Learning("backbeat", 0.2)}

    rows = throughput.check_training(workers, ["mlp"], 20)

    assert [(row["learns"], round(row["after"], 2)) for row in rows] == [
        ("raw", 1.9),
        ("backbeat", 2.1),
    ]
