"""From whatever holds callbacks to a row of them."""

from __future__ import annotations

from typing import Any

import pytest

from backbeat.callbacks import Callback
from backbeat.errors import ArgumentTypeError
from backbeat.hooks.flattening import flat

ONE, TWO, THREE = Callback(), Callback(), Callback()


@pytest.mark.parametrize(
    "nested",
    [
        [ONE, TWO, THREE],
        (ONE, [TWO, None, (THREE,)]),
        [None, iter([ONE, TWO]), THREE],
        {"a": ONE, "b": TWO, "c": THREE}.values(),
    ],
)
def test_any_nesting_is_one_row(nested: Any) -> None:
    """Lists, tuples, generators and views, within each other too; the order stays."""
    assert list(flat(nested)) == [ONE, TWO, THREE]


@pytest.mark.parametrize("given", [ONE, None])
def test_one_or_none(given: Any) -> None:
    """A single callback needs no list; None is nobody."""
    assert list(flat(given)) == ([] if given is None else [given])


@pytest.mark.parametrize("given", ["CSVLogger", {"csv": ONE}])
def test_text_and_dicts_are_refused(given: Any) -> None:
    """What they would be taken for is letters and keys."""
    for nested in (given, [given]):
        with pytest.raises(ArgumentTypeError) as caught:
            list(flat(nested))

        assert str(caught.value) == (
            f"callbacks is {given!r}; pass a callback or a list of callbacks."
        )


def test_a_callback_that_can_be_iterated_is_one() -> None:
    """What it holds is its own affair."""

    class Losses(Callback):
        def __iter__(self) -> Any:
            return iter([1.0, 2.0])

    losses = Losses()

    assert list(flat([losses])) == [losses]
