from __future__ import annotations

import numpy as np
import pytest

from backbeat.callbacks._template import Template
from backbeat.errors import ArgumentError


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("w.h5", "w.h5"),
        ("w.{epoch:02d}-{val_loss:.2f}.h5", "w.04-0.25.h5"),
        ("{epoch}/{note}.h5", "4/best.h5"),
        ("{{epoch}}-{epoch}", "{epoch}-4"),
        ("{val_loss!s}", "0.25"),
        ("{array:.1f}", "0.5"),
    ],
)
def test_fill(text: str, filled: str) -> None:
    """The epoch counts from 1; any logged value may stand in it, whatever kind of number it is."""
    logs = {"val_loss": 0.25, "note": "best", "array": np.array(0.5), "epoch": 99}

    assert Template(text).fill(3, logs) == filled


@pytest.mark.parametrize(
    "text",
    ["{epoch.__class__}", "{logs[0]}", "{}", "{0}", "{epoch:{width}}", "{epoch", "epoch}"],
)
def test_only_names_are_places(text: str) -> None:
    """Attributes, indices, places without a name and nested ones are refused at once."""
    with pytest.raises(ArgumentError):
        Template(text)


def test_the_refusal_teaches() -> None:
    """What was given, what fits."""
    with pytest.raises(ArgumentError) as caught:
        Template("{epoch.real:02d}")

    assert str(caught.value) == (
        "'{epoch.real:02d}': in braces stands the name of a logged value or 'epoch', with a "
        "format if you like, as in {epoch:02d}; got {epoch.real:02d}."
    )


def test_a_missing_name_teaches() -> None:
    """The nearest name is offered."""
    with pytest.raises(ArgumentError) as caught:
        Template("{val_acc}").fill(0, {"loss": 1.0, "val_accuracy": 0.5})

    assert str(caught.value) == (
        "'{val_acc}' needs 'val_acc', which is not logged. Did you mean {val_accuracy}? "
        "There are: epoch, loss, val_accuracy."
    )


def test_a_format_that_does_not_fit_teaches() -> None:
    """Before training, with a number in the place of every name."""
    with pytest.raises(ArgumentError, match="cannot be filled in"):
        Template("{loss:d}").check(frozenset({"loss"}))


def test_an_example_is_always_there() -> None:
    """Where the file might go, for a first look at its directory."""
    assert Template("run/{epoch}-{loss:.1f}.h5").example() == "run/1-0.5.h5"
    assert Template("run/{note:>9s}.h5").example() == "run/"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("../../etc", "a-______etc.h5"), ("x/y\\z", "a-x_y_z.h5"), ("a\0b", "a-a_b.h5")],
)
def test_no_value_leads_elsewhere(value: str, expected: str) -> None:
    """A logged text stays a part of the name."""
    assert Template("a-{note}.h5").fill(0, {"note": value}) == expected


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
def test_names_that_become_too_long(suffix: str) -> None:
    """By what is filled in: cut, with a digest, still of the same format; others stay."""
    template = Template("dir-{loss:.0f}/" + "b" * 210 + "/{loss:.1f}" + suffix)
    one, other = (template.fill(0, {"loss": value}) for value in (1e300, 2e300))
    folder, given, name = one.split("/")

    assert len(folder) <= 200
    assert given == "b" * 210
    assert len(name) <= 200
    assert name.endswith(suffix)
    assert name.startswith("1000000")
    assert one != other
