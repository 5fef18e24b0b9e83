from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from backbeat.hooks import Averages, Later, Logs


class Fetcher:
    """Counts how often a device was read."""

    def __init__(self) -> None:
        self.reads: list[list[Any]] = []

    def __call__(self, values: list[Any]) -> list[float]:
        self.reads.append(values)
        return [float(value) for value in values]


@pytest.fixture
def fetch() -> Fetcher:
    return Fetcher()


@pytest.fixture
def logs(fetch: Fetcher) -> Logs:
    logs = Logs({"batch": 3, "size": 4}, fetch=fetch)
    logs.add_late({"loss": "0.5", "acc": "0.25"})
    return logs


WHOLE = {"batch": 3, "size": 4, "loss": 0.5, "acc": 0.25}


def test_asking_reads_nothing(logs: Logs, fetch: Fetcher) -> None:
    """What is in it and how much, and what was never late."""
    assert "loss" in logs
    assert len(logs) == 4
    assert list(logs) == list(WHOLE)
    assert list(logs.keys()) == list(WHOLE)
    assert logs["size"] == 4
    assert logs.get("missing", 7) == 7
    assert bool(logs)

    assert fetch.reads == []


@pytest.mark.parametrize(
    "read",
    [
        lambda logs: {"loss": logs["loss"]},
        lambda logs: {"loss": logs.get("loss")},
        lambda logs: {"loss": logs.pop("loss")},
        lambda logs: {"loss": logs.setdefault("loss", 7)},
    ],
)
def test_reading_one_reads_all_at_once(
    logs: Logs, fetch: Fetcher, read: Callable[[Logs], dict[str, Any]]
) -> None:
    """One transfer, however many values are waiting and however often they are read."""
    assert read(logs) == {"loss": 0.5}
    assert logs["acc"] == 0.25

    assert fetch.reads == [["0.5", "0.25"]]


@pytest.mark.parametrize(
    "whole",
    [
        dict,
        lambda logs: {**logs},
        lambda logs: dict(logs.items()),
        lambda logs: dict(zip(logs.keys(), logs.values(), strict=True)),
        Logs.copy,
        lambda logs: logs | {},
        lambda logs: json.loads(json.dumps(dict(logs))),
        lambda logs: pickle.loads(pickle.dumps(logs)),
        lambda logs: {name: logs[name] for name in logs},
        lambda logs: dict(sorted(logs.items())),
        lambda logs: {}.__or__(logs.copy()),
    ],
)
def test_every_way_out_gives_plain_floats(
    logs: Logs, fetch: Fetcher, whole: Callable[[Logs], dict[str, Any]]
) -> None:
    """No way to copy it hands out a value unread."""
    copied = whole(logs)

    assert copied == WHOLE
    assert len(fetch.reads) == 1


def test_updating_another_dict_gives_floats(logs: Logs) -> None:
    """dict.update(logs) too."""
    other: dict[str, Any] = {}
    other.update(logs)

    assert other == WHOLE


def test_it_is_writable(logs: Logs, fetch: Fetcher) -> None:
    """What a callback writes stays, late or not, and is not read from the device later."""
    logs["loss"] = 9.0
    logs["mine"] = "text"

    assert logs["loss"] == 9.0
    assert logs["acc"] == 0.25
    assert logs["loss"] == 9.0
    assert fetch.reads == [["0.25"]]


def test_everything_a_dict_can_do(logs: Logs) -> None:
    """Comparing, deleting, merging, showing."""
    assert logs == WHOLE
    assert repr(logs) == repr(WHOLE)
    del logs["acc"]
    logs.update(loss=1.0)
    logs |= {"more": 2.0}
    assert logs == {"batch": 3, "size": 4, "loss": 1.0, "more": 2.0}
    assert logs.popitem() == ("more", 2.0)


class Held:
    """Two values on the host."""

    device = "cpu"

    def __init__(self) -> None:
        self.known: list[float] = []

    def value(self, index: int) -> float:
        return (0.5, 0.25)[index]

    def is_awaited(self, index: int) -> bool:
        return False


def test_a_value_that_travels_with_others_is_on_its_device_too() -> None:
    """Until somebody reads it; one that has no device is given as it is."""
    far, near = Later(Held(), 0, on_device="tensor"), Later(Held(), 1)
    logs = Logs(fetch=lambda values: [float(value) for value in values])
    logs.add_late({"loss": far, "accuracy": near})
    unread = logs.device("loss"), logs.device("accuracy")
    read = logs["loss"], logs.device("loss")

    assert unread == ("tensor", near)
    assert read == (0.5, 0.5)


def test_the_value_on_its_device(logs: Logs, fetch: Fetcher) -> None:
    """Unread, for whoever can do without a float."""
    assert logs.device("loss") == "0.5"
    assert logs.device("size") == 4
    assert fetch.reads == []
    with pytest.raises(KeyError):
        logs.device("missing")


def test_a_missing_name_is_a_key_error(logs: Logs) -> None:
    """As in any dict."""
    with pytest.raises(KeyError):
        logs["missing"]


def test_the_mean_of_the_epoch(fetch: Fetcher) -> None:
    """Up to the last batch that ended."""
    means = Averages()
    means.add({"loss": 1.0})
    logs = Logs({"loss": 7.0}, fetch=fetch, means=means)

    assert logs.mean("loss") == 1.0
    with pytest.raises(KeyError):
        logs.mean("acc")
    with pytest.raises(KeyError):
        Logs().mean("loss")


def test_late_values_may_come_in_parts(fetch: Fetcher) -> None:
    """What was read stays read; what comes after it is read later."""
    logs = Logs(fetch=fetch)
    logs.add_late({"loss": "1"})
    assert logs["loss"] == 1.0
    logs.add_late({"acc": "2"})

    assert logs["acc"] == 2.0
    assert fetch.reads == [["1"], ["2"]]
