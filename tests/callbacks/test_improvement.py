from __future__ import annotations

import math

import pytest

from backbeat.callbacks._improvement import is_better, worsened, worst


@pytest.mark.parametrize("direction", ["min", "max"])
def test_any_finite_value_is_better_than_the_worst(direction: str) -> None:
    """The first value that is a number becomes the best."""
    assert is_better(1e300, worst(direction), direction)  # type: ignore[arg-type]
    assert is_better(-1e300, worst(direction), direction)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_what_is_not_finite_is_never_better(value: float, direction: str) -> None:
    """Whichever way is better."""
    assert not is_better(value, worst(direction), direction)  # type: ignore[arg-type]
    assert not is_better(value, 0.0, direction)  # type: ignore[arg-type]


def test_better_is_strict() -> None:
    """The same is not better."""
    assert not is_better(1.0, 1.0, "min")
    assert not is_better(1.0, 1.0, "max")


def test_worsened_goes_the_other_way() -> None:
    """Worse is more where less is better."""
    assert worsened(1.0, 0.5, "min") == 1.5
    assert worsened(1.0, 0.5, "max") == 0.5
