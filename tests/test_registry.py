"""Names of things, and what is said when there is no such thing."""

from typing import Any

import pytest

from backbeat import activations, initializers, losses, optimizers, regularizers
from backbeat.errors import ArgumentError, UnknownNameError
from backbeat.registry import Registry, nearest

COLOURS = Registry("colour", {"red": 1, "green": 2, "blue": 3})


def test_a_miss_names_the_nearest() -> None:
    """The error says what kind of thing was looked for, what is nearest, and what there is."""
    with pytest.raises(UnknownNameError) as near:
        COLOURS["gren"]
    with pytest.raises(UnknownNameError) as far:
        COLOURS["x"]

    known = "Known: blue, green, red."
    assert str(near.value) == f"colour 'gren' is not known; did you mean 'green'? {known}"
    assert str(far.value) == f"colour 'x' is not known. {known}"
    assert nearest("x", COLOURS) is None


def test_a_description_is_a_thing_and_its_arguments() -> None:
    """The name may be spelled otherwise, and the arguments be left out."""
    assert COLOURS.described({"class_name": "red", "config": {"dark": True}}) == (1, {"dark": True})
    assert COLOURS.described({"class_name": "Blue", "config": None}, str.lower) == (3, {})


@pytest.mark.parametrize(
    ("get", "kind"),
    [
        (activations.get, "activation"),
        (initializers.get, "initializer"),
        (regularizers.get, "regularizer"),
        (losses.get, "loss"),
        (optimizers.get, "optimizer"),
    ],
)
def test_a_dict_that_describes_nothing(get: Any, kind: str) -> None:
    """A dict without a class is refused with what fits, wherever one may be given."""
    with pytest.raises(ArgumentError) as caught:
        get({"l2": 0.01})

    assert str(caught.value) == (
        f"{kind} {{'l2': 0.01}} does not say what it is; give a name, an object, or a dict "
        "{'class_name': …, 'config': {…}}."
    )
