"""Golden vectors A.5: the calls of RemoteMonitor and the bytes of CSVLogger of Keras 2.3.1.

The exception of the design: iterables are quoted once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import CSVLogger, RemoteMonitor
from backbeat.testing import play


class Posts(list[tuple[tuple[Any, ...], dict[str, Any]]]):
    """Stands in for `requests.post` and keeps how it was called."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self.append((args, kwargs))


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> Posts:
    posts = Posts()
    monkeypatch.setattr("requests.post", posts)
    return posts


def test_the_form_call(posts: Posts) -> None:
    """By default a form is posted whose field holds the epoch and the logs, in their order."""
    logs = {"val_loss": 0.5, "val_accuracy": 0.25, "loss": 0.75, "accuracy": 0.125}
    RemoteMonitor().on_epoch_end(0, logs)

    ((args, kwargs),) = posts
    assert args == (
        "http://localhost:9000/publish/epoch/end/",
        {"data": json.dumps({"epoch": 0, **logs})},
    )
    assert kwargs["headers"] is None
    assert "json" not in kwargs


def test_the_json_call(posts: Posts) -> None:
    """With send_as_json the object itself is posted."""
    monitor = RemoteMonitor(root="http://h", path="/p", headers={"a": "b"}, send_as_json=True)
    monitor.on_epoch_end(0, {"loss": np.float32(0.5), "accuracy": np.array(0.25)})

    ((args, kwargs),) = posts
    assert args == ("http://h/p",)
    assert kwargs["headers"] == {"a": "b"}
    assert kwargs["json"] == {"epoch": 0, "loss": 0.5, "accuracy": 0.25}


def test_the_bytes_of_a_row(tmp_path: Path) -> None:
    """Every kind of value, with another separator."""
    logs = {
        "loss": 0.6832288503646851,
        "accuracy": 0.6,
        "arr": np.array([1.0, 2.0]),
        "l": [1, 2],
        "sc": np.float32(0.1),
        "s": 'he,l"lo',
        "z": np.array(3.0),
    }
    play(CSVLogger(tmp_path / "log.csv", separator=";"), [logs])

    assert (tmp_path / "log.csv").read_bytes() == (
        b"epoch;accuracy;arr;l;loss;s;sc;z\r\n"
        b'0;0.6;"[1.0, 2.0]";"[1, 2]";0.6832288503646851;"he,l""lo";0.1;3.0\r\n'
    )


def test_an_early_stop_leaves_gaps(tmp_path: Path) -> None:
    """An epoch that was stopped before its validation has NA in its place."""
    measured = {"loss": 0.5, "val_acc": 0.5, "val_loss": 0.5}
    play(CSVLogger(tmp_path / "log.csv"), [measured, {"loss": 0.25}])

    assert (tmp_path / "log.csv").read_bytes() == (
        b"epoch,loss,val_acc,val_loss\r\n0,0.5,0.5,0.5\r\n1,0.25,NA,NA\r\n"
    )
