from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import History, ReduceLROnPlateau
from backbeat.errors import BackbeatWarning
from backbeat.testing import FakeHost, play


def test_the_seeds_example_runs_without_validation() -> None:
    """One warning, and the training goes on with its rate."""
    reduce_lr = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
    with pytest.warns(BackbeatWarning, match="watches 'val_loss'") as caught:
        host = play(reduce_lr, [{"loss": 1.0}] * 20)

    assert len(caught) == 1
    assert host.rates == [0.1]


def test_logs_the_rate_of_the_epoch() -> None:
    """The one before the reduction; what is there already stays."""
    history = History()
    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1)
    play([plateau, history], [{"loss": 1.0}, {"loss": 1.0}, {"loss": 1.0, "lr": 7.0}])

    assert history["lr"] == [0.1, 0.1, 7.0]


def test_prints_the_reduction(capsys: pytest.CaptureFixture[str]) -> None:
    """As the seed's system does, with a blank line before it."""
    play(
        ReduceLROnPlateau("loss", patience=1, verbose=1),
        [{"loss": 1.0}] * 2,
        host=FakeHost(learning_rate=1.0),
    )

    assert capsys.readouterr().out == (
        "\nEpoch 00002: ReduceLROnPlateau reducing learning rate to 0.1.\n"
    )


def test_a_rate_in_single_precision_reaches_its_floor_once() -> None:
    """float32(0.001) is more than 0.001, but it is the floor."""

    class Single(FakeHost):
        @property
        def learning_rate(self) -> float:
            return float(np.float32(self.rates[-1]))

        @learning_rate.setter
        def learning_rate(self, value: float) -> None:
            self.rates.append(value)

    plateau = ReduceLROnPlateau("loss", patience=1, min_lr=0.001, cooldown=5)
    host = play(plateau, [{"loss": 1.0}] * 10, host=Single(learning_rate=0.001))

    assert host.rates == [0.001]
    assert plateau.cooldown_counter == 0


def test_a_rate_below_the_floor_is_not_raised() -> None:
    """It only ever reduces."""
    plateau = ReduceLROnPlateau("loss", patience=1, min_lr=0.5)
    host = play(plateau, [{"loss": 1.0}] * 5, host=FakeHost(learning_rate=0.1))

    assert host.rates == [0.1]


def test_min_delta_is_what_counts_as_better() -> None:
    """A smaller change is none."""
    values = [{"loss": value} for value in (1.0, 0.95, 0.9)]
    host = play(ReduceLROnPlateau("loss", patience=2, min_delta=0.2), values)

    assert len(host.rates) == 2


def test_epsilon_is_the_older_name() -> None:
    """It still works, and says so."""
    with pytest.warns(RuntimeWarning, match="`epsilon` argument is deprecated"):
        plateau = ReduceLROnPlateau(epsilon=0.5)

    assert plateau.min_delta == 0.5
    assert not hasattr(plateau, "epsilon")


def test_works_on_a_bare_optimizer() -> None:
    """An object with optimizer.lr is enough, without on_train_begin."""

    class Optimizer:
        lr = 1.0

    class Bare:
        optimizer = Optimizer()

    plateau = ReduceLROnPlateau("loss", factor=0.5, patience=1)
    plateau.model = Bare()
    logs: dict[str, Any] = {"loss": 1.0}
    plateau.on_epoch_end(0, dict(logs))
    plateau.on_epoch_end(1, logs)

    assert Bare.optimizer.lr == 0.5
    assert logs["lr"] == 1.0


def test_goes_on_where_it_was() -> None:
    """Waiting, best and cooldown continue in a resumed run."""
    first = ReduceLROnPlateau("loss", patience=3, cooldown=2)
    play(first, [{"loss": 1.0}] * 3)
    second, host = ReduceLROnPlateau("loss", patience=3, cooldown=2), FakeHost()
    second.set_model(host)
    second.on_train_begin()
    second.load_state_dict(first.state_dict())
    second.on_epoch_end(3, {"loss": 1.0})

    assert len(host.rates) == 2
    assert second.in_cooldown()
