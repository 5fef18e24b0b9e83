from __future__ import annotations

from typing import Any

import pytest

from backbeat.callbacks._retention import Retention

VALUES = [("a", 0.5), ("b", 0.1), ("c", 0.9), ("d", None), ("e", 0.3)]


def left(values: list[tuple[str, float | None]] = VALUES, **keywords: Any) -> set[str]:
    """What stays of files that are written one after the other."""
    retention = Retention(**{"keep_last": None, "keep_best": None, "direction": "min", **keywords})
    there: set[str] = set()
    for name, value in values:
        there.add(name)
        there.difference_update(retention.add(name, value))
    return there


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, "abcde"),
        ({"keep_last": 1}, "e"),
        ({"keep_last": 3}, "cde"),
        ({"keep_best": 1}, "be"),
        ({"keep_best": 2}, "be"),
        ({"keep_last": 2, "keep_best": 1}, "bde"),
        ({"keep_last": 1, "keep_best": 1, "direction": "max"}, "ce"),
        ({"keep_last": 9}, "abcde"),
    ],
)
def test_who_stays(keywords: Any, expected: str) -> None:
    """The last ones and the best ones; the one just written always."""
    assert "".join(sorted(left(**keywords))) == expected


def test_a_name_that_is_written_again() -> None:
    """It counts once, with its new value and as the newest."""
    assert left([("a", 0.1), ("b", 0.2), ("a", 0.9), ("c", 0.3)], keep_last=2) == {"a", "c"}
    assert left([("a", 0.1), ("b", 0.2), ("a", 0.9), ("b", 0.2)], keep_best=1) == {"b"}


def test_planning_changes_nothing() -> None:
    """A save that fails leaves everything as it was."""
    retention = Retention(keep_last=1, keep_best=None, direction="min")
    retention.add("a", None)

    assert retention.plan("b", None) == retention.plan("b", None) == ["a"]
    assert retention.state() == [["a", None]]


@pytest.mark.parametrize(("value", "wanted"), [(0.4, True), (0.5, False), (0.6, False)])
def test_what_is_not_worth_writing(value: float, wanted: bool) -> None:
    """With `keep_best` alone only what would be among the best."""
    retention = Retention(keep_last=None, keep_best=2, direction="min")
    retention.load_state([["a", 0.1], ["b", 0.5]])

    assert retention.wants(value) == wanted
    assert not retention.wants(None)
    assert Retention(keep_last=1, keep_best=2, direction="min").wants(None)
