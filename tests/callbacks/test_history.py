from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from backbeat.callbacks import History
from backbeat.testing import play


def test_records_every_epoch() -> None:
    """The indices of the epochs, and a list for each name."""
    history = History()
    play(history, [{"loss": 1.0}, {"loss": 0.5, "val_loss": 0.75}], initial_epoch=3)

    assert history.epoch == [3, 4]
    assert history.history == {"loss": [1.0, 0.5], "val_loss": [0.75]}
    assert history["loss"] == [1.0, 0.5]


@pytest.mark.parametrize(
    "value", [1, np.float32(1), np.array(1.0), torch.tensor(1.0), np.int64(1), np.array([1.0])]
)
def test_numbers_become_floats(value: object) -> None:
    """Whatever kind of number was logged, a Python float is kept, so JSON takes it."""
    history = History()
    play(history, [{"value": value}])

    assert type(history["value"][0]) is float
    assert json.dumps(history.history) == '{"value": [1.0]}'


def test_other_values_are_kept_as_they_are() -> None:
    """A text or a list is no number."""
    values = {"text": "a", "list": [1, 2], "flag": True, "none": None}
    history = History()
    play(history, [values])

    assert history.history == {name: [value] for name, value in values.items()}


def test_begins_anew_with_each_run() -> None:
    """A second run does not continue the lists of the first."""
    history = History()
    play(history, [{"loss": 1.0}])
    play(history, [{"loss": 0.5}])

    assert history.history == {"loss": [0.5]}


def test_a_pickle_holds_no_model() -> None:
    """A history is stored without the model it came from."""
    history = History()
    play(history, [{"loss": 1.0}])
    twin = pickle.loads(pickle.dumps(history))

    assert twin.history == history.history
    assert twin.model is None
    assert history.model is not None


def test_before_any_run() -> None:
    """Everything is readable, and empty."""
    history = History()

    assert (history.epoch, history.history, history.stopped) == ([], {}, None)
    with pytest.raises(KeyError):
        history["loss"]
