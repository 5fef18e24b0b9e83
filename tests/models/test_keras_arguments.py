"""Arguments of Keras 2.3 that nothing here answers to."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from backbeat.errors import ArgumentError, ArgumentTypeError, BackbeatWarning
from backbeat.layers import Dense
from backbeat.models import Sequential

X, Y = np.ones((4, 2), dtype="float32"), np.ones((4, 1), dtype="float32")


def batches() -> Any:
    while True:
        yield X, Y


def compiled(*arguments: Any, **settings: Any) -> Sequential:
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse", *arguments, **settings)
    return model


@pytest.mark.parametrize(
    ("asked", "shown", "number"),
    [
        ({"workers": 4}, "workers=4", 4),
        ({"workers": 4, "use_multiprocessing": True}, "workers=4", 4),
        ({"use_multiprocessing": True}, "use_multiprocessing=True", 1),
    ],
)
def test_workers_are_explained(asked: dict[str, Any], shown: str, number: int) -> None:
    """Whoever asks for parallel loading hears once per call what to pass for it."""
    model = compiled()
    calls = [
        lambda: model.fit(X, Y, verbose=0, **asked),
        lambda: model.evaluate(X, Y, verbose=0, **asked),
        lambda: model.predict(X, **asked),
        lambda: model.fit_generator(batches(), 2, verbose=0, **asked),
        lambda: model.evaluate_generator(batches(), 2, **asked),
        lambda: model.predict_generator(batches(), 2, **asked),
    ]
    for call in calls:
        with pytest.warns(BackbeatWarning) as caught:
            call()

        assert [str(each.message) for each in caught] == [
            f"{shown} changes nothing: batches are drawn when they are needed. To load them in "
            f"parallel pass a torch.utils.data.DataLoader with num_workers={number}."
        ]


@pytest.mark.parametrize("workers", [0, 1])
def test_one_worker_is_what_there_is(workers: int) -> None:
    """Keras' defaults, and a queue of any size, are taken without a word, in Keras' order."""
    model = compiled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(
            X, Y, 2, 3, 0, None, 0.0, None, True, None, None, 1, None, None, 1, 20, workers, False
        )

    assert history.epoch == [1, 2]


def test_workers_are_a_number() -> None:
    """Anything else is told with the argument's name."""
    with pytest.raises(ArgumentTypeError, match="^workers='many' is a str; pass a whole number"):
        compiled().fit(X, Y, workers="many")
    with pytest.raises(ArgumentTypeError, match="^predict: use_multiprocessing is True or False"):
        compiled().predict(X, use_multiprocessing="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["temporal", ["temporal"], {"dense": "temporal"}])
def test_weights_by_step_are_refused(mode: Any) -> None:
    """To leave them out would train with other weights than those that were meant."""
    with pytest.raises(ArgumentError) as caught:
        compiled(sample_weight_mode=mode)

    assert str(caught.value) == (
        "sample_weight_mode='temporal' is not available: a weight belongs to a whole sample, shape "
        "(samples,). To weigh the steps of a sequence, put their weights into y and write the loss "
        "as a function of (y_true, y_pred)."
    )


def test_target_tensors_are_refused() -> None:
    """They are TensorFlow's; the error says where labels go."""
    with pytest.raises(ArgumentTypeError) as caught:
        compiled(target_tensors=[Y])

    assert str(caught.value) == (
        "target_tensors belongs to TensorFlow's graphs. Give the labels to fit: fit(x, y)."
    )


def test_compile_keeps_the_order_of_keras() -> None:
    """metrics, loss_weights, sample_weight_mode, weighted_metrics, target_tensors."""
    model = compiled(["mae"], [2.0], None, ["mse"], None)

    assert model.metrics_names == ["loss", "mae", "mse"]
