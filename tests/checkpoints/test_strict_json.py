"""JSON as it is defined, and no more: what two readers could read differently is refused."""

import math

import pytest

from backbeat.checkpoints.strict_json import from_json, from_text, to_json


@pytest.mark.parametrize("value", [{"a": [1, 0.1, None, True]}, "값", "\ud800", -0.0, 10**30])
def test_what_is_written_is_read_again(value):
    """Half a surrogate pair in a file name as well."""
    assert from_json(to_json(value)) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_numbers_that_json_has_not_are_not_written(value):
    """Python's own `NaN` is a text that other readers refuse."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(value)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_has_not_are_not_read(constant):
    """The error names them."""
    with pytest.raises(ValueError, match=f"^{constant} is not JSON$"):
        from_text(f'{{"loss": {constant}}}')


def test_a_name_that_is_there_twice_could_mean_either():
    """Deep inside as well."""
    with pytest.raises(ValueError, match="^a name is there twice$"):
        from_json(b'[{"a": {"b": 1, "b": 1}}]')


def test_bytes_that_are_no_text_are_refused():
    """A damaged file is not repaired by guessing."""
    with pytest.raises(ValueError, match="utf-8"):
        from_json(b'"\xff"')
