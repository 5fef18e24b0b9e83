"""The header of a safetensors file: as strict as the package itself, before anything is read."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize

from backbeat.checkpoints.tensor_header import CODES, read_header

WIDTHS = {"F32": 4, "I64": 8, "BOOL": 1}


def packed(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def ours(file: bytes) -> bool:
    """Whether the header is accepted."""
    try:
        read_header(io.BytesIO(file), len(file))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


def theirs(file: bytes) -> bool:
    """Whether the safetensors package accepts the file."""
    try:
        deserialize(file)
    except (SafetensorError, ValueError):
        return False
    return True


def test_what_a_header_says() -> None:
    """Types, shapes, places and texts."""
    entry = {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}
    file = packed({"__metadata__": {"epoch": "3"}, "x": entry}, bytes(8))
    header = read_header(io.BytesIO(file), len(file))

    assert header.metadata == {"epoch": "3"}
    assert (header.tensors["x"].dtype, header.tensors["x"].shape) == ("float32", (2, 1))
    assert (header.tensors["x"].begin, header.tensors["x"].end, header.data_bytes) == (0, 8, 8)


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from([*WIDTHS, "X9"]),
                "shape": st.lists(st.integers(-1, 3), max_size=3),
                "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2),
            }
        ),
        max_size=3,
    ),
    st.integers(0, 48),
)
def test_never_laxer_than_the_package(header: dict[str, object], size: int) -> None:
    """Whatever the package refuses is refused here too."""
    file = packed(header, bytes(size))

    assert theirs(file) or not ours(file)


@given(st.lists(st.tuples(st.sampled_from(list(WIDTHS)), st.integers(0, 3)), max_size=5))
def test_sound_files_are_accepted(tensors: list[tuple[str, int]]) -> None:
    """Files as they should be are accepted by both."""
    begin, header = 0, {}
    for number, (code, size) in enumerate(tensors):
        end = begin + WIDTHS[code] * size
        header[str(number)] = {"dtype": code, "shape": [size], "data_offsets": [begin, end]}
        begin = end
    file = packed(header, bytes(begin))

    assert theirs(file)
    assert ours(file)


@pytest.mark.parametrize("code", CODES.values())
def test_every_type_has_the_packages_width(code: str) -> None:
    """The bytes that a type takes are those that the package reckons with."""
    accepted = [
        size
        for size in range(1, 17)
        if ours(
            packed({"x": {"dtype": code, "shape": [1], "data_offsets": [0, size]}}, bytes(size))
        )
    ]

    entry = {"dtype": code, "shape": [1], "data_offsets": [0, accepted[0]]}
    assert len(accepted) == 1
    assert theirs(packed({"x": entry}, bytes(accepted[0])))
