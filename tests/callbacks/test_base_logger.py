from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import BaseLogger
from backbeat.hooks import Logs
from backbeat.testing import play


def epoch_of(logger: BaseLogger, *batches: dict[str, Any], **params: Any) -> dict[str, Any]:
    """The logs of an epoch of these batches."""
    logs: dict[str, Any] = {}
    logger.set_params(params)
    logger.on_epoch_begin(0)
    for batch, values in enumerate(batches):
        logger.on_batch_end(batch, values)
    logger.on_epoch_end(0, logs)
    return logs


def test_means_are_weighted_by_size() -> None:
    """A batch of three counts three times."""
    logs = epoch_of(BaseLogger(), {"size": 3, "loss": 1.0}, {"size": 1, "loss": 2.0})

    assert logs == {"loss": 1.25}
    assert type(logs["loss"]) is float


@pytest.mark.parametrize(
    "names", [["acc"], ("acc",), {"acc"}, "acc", iter(["acc"]), {"acc": 1}, np.array(["acc"])]
)
def test_stateful_metrics_keep_their_last_value(names: Iterable[str]) -> None:
    """They are given in any iterable; a text is one name."""
    logger = BaseLogger(stateful_metrics=names)
    logs = epoch_of(
        logger, {"size": 3, "loss": 1.0, "acc": 0.25}, {"size": 1, "loss": 2.0, "acc": 0.5}
    )

    assert logs == {"loss": 1.25, "acc": 0.5}


def test_only_known_metrics_are_averaged() -> None:
    """What callbacks add to a batch is theirs, where it is known what is measured."""
    batch = {"size": 1, "loss": 1.0, "mine": 7.0, "note": "hello"}

    assert epoch_of(BaseLogger(), batch, metrics=["loss", "val_loss"]) == {"loss": 1.0}
    assert epoch_of(BaseLogger(), batch) == {"loss": 1.0, "mine": 7.0}


def test_an_epoch_begins_anew() -> None:
    """The means of one epoch know nothing of the one before; the object stays the same."""
    logger = BaseLogger()
    averages = logger.averages
    epoch_of(logger, {"loss": 1.0})

    assert epoch_of(logger, {"loss": 3.0}) == {"loss": 3.0}
    assert logger.averages is averages


def test_what_is_there_was_given_on_purpose() -> None:
    """A value that somebody put into the epoch's logs is not overwritten."""
    logger = BaseLogger()
    logger.on_batch_end(0, {"loss": 1.0})
    logs: dict[str, Any] = {"loss": 0.5}
    logger.on_epoch_end(0, logs)

    assert logs == {"loss": 0.5}


def test_reads_a_device_once_per_epoch() -> None:
    """Late values are added up unread; one transfer brings all the means."""
    fetched: list[int] = []

    def fetch(values: list[Any]) -> list[float]:
        fetched.append(len(values))
        return [float(value) for value in values]

    logger = BaseLogger()
    logger.fetch = fetch
    batches = [Logs({"size": 1}, fetch=fetch), Logs({"size": 1}, fetch=fetch)]
    for logs, value in zip(batches, (1.0, 2.0), strict=True):
        logs.add_late({"loss": np.array(value), "acc": np.array(value)})

    assert epoch_of(logger, *batches) == {"loss": 1.5, "acc": 1.5}
    assert fetched == [2]


def test_a_stopped_epoch_has_the_mean_of_what_ran() -> None:
    """Batches that never ran have no part in the mean."""
    from backbeat.callbacks import History, TerminateOnNaN

    history = History()
    batches = [{"loss": 1.0}, {"loss": float("nan")}, {"loss": 2.0}]
    play([BaseLogger(), TerminateOnNaN(), history], [{}], batches=batches)

    assert str(history["loss"]) == "[nan]"
