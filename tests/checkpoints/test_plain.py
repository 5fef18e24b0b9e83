"""What a run holds goes into strict JSON and comes back as it was."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbeat.checkpoints.checkpoint import RawTensor
from backbeat.checkpoints.plain import pack, unpack
from backbeat.checkpoints.strict_json import from_json, to_json
from backbeat.errors import ArgumentTypeError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
    ),
    max_leaves=20,
)


def round_trip(value):
    tensors = {}
    return unpack(from_json(to_json(pack(value, "state", tensors))), tensors)


@given(PLAIN)
def test_everything_plain_comes_back(value):
    """Any nesting of plain values comes back equal and of the same types, nan included."""
    assert repr(round_trip(value)) == repr(value)


def test_a_dict_that_looks_special_comes_back():
    """A dict whose name is one of ours is not taken for what that stands for."""
    value = {"$float": "nan", "$tuple": [1]}

    assert round_trip(value) == value
    assert round_trip({"$float": "nan"}) == {"$float": "nan"}


def test_arrays_and_tensors_are_kept_beside_it():
    """Arrays and tensors leave the JSON, each under the place it stood at."""
    tensors = {}
    packed = pack({"a": np.arange(3), "t": RawTensor("bfloat16", (1,), b"\0\1")}, "s", tensors)
    again = unpack(packed, tensors)

    assert packed == {"a": {"$array": "s['a']"}, "t": {"$tensor": "s['t']"}}
    assert again["a"].tolist() == [0, 1, 2]
    assert again["t"] == RawTensor("bfloat16", (1,), b"\0\1")


def test_numpy_numbers_become_python_numbers():
    """What NumPy computes is a number like any other."""
    assert round_trip([np.float64(0.5), np.int32(3), np.float32(math.inf)]) == [0.5, 3, math.inf]


@pytest.mark.parametrize("value", [{1, 2}, object, b"bytes", np.array([None])])
def test_what_is_not_plain_is_refused_by_its_key(value):
    """The error says where the value stands, before anything is written."""
    with pytest.raises(ArgumentTypeError, match=r"^EarlyStopping\['best'\]\[1\] is "):
        pack({"best": [0, value]}, "EarlyStopping", {})


@pytest.mark.parametrize("text", [b'{"a": NaN}', b'{"a": 1, "a": 2}', b"{", b'{"$what": 1}'])
def test_what_was_never_written_is_refused(text):
    """Not strict JSON, or a sign that stands for nothing, is an error."""
    with pytest.raises(ValueError, match="."):
        unpack(from_json(text), {})
