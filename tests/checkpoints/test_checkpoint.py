"""Raw tensors, and which suffix means which format."""

from pathlib import Path

import numpy as np
import pytest

from backbeat.checkpoints import RawTensor, format_of
from backbeat.errors import ArgumentError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.h5", "hdf5"),
        ("/tmp/weights.hdf5", "hdf5"),
        (Path("a.WEIGHTS.H5"), "weights.h5"),
        ("weights.h5", "hdf5"),
        ("m.{epoch:02d}-{val_loss:.2f}.weights.h5", "weights.h5"),
        ("a.safetensors", "safetensors"),
    ],
)
def test_the_suffix_decides(path: str | Path, expected: str) -> None:
    """Each suffix names its format, in any case; `weights.h5` alone is an ordinary HDF5 file."""
    assert format_of(path) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("model.keras", "the .keras format belongs to Keras 3"),
        ("model.pt", "are usually pickles, which can run code"),
        ("model.json", "the suffix '.json' names no format"),
        ("model", "there is no suffix"),
    ],
)
def test_other_suffixes_are_explained(path: str, reason: str) -> None:
    """Any other suffix is refused with the reason and with those that fit."""
    with pytest.raises(ArgumentError, match=rf"{reason}.*\.h5 or \.hdf5.*\.safetensors"):
        format_of(path)


def test_an_array_and_back() -> None:
    """Bytes lie row by row, little-endian, whatever the array was."""
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    raw = RawTensor.of(array)

    assert (raw.dtype, raw.shape) == ("int32", (3, 2))
    assert bytes(raw.data)[:8] == b"\x00\0\0\0\x03\0\0\0"
    assert np.array_equal(raw.array(), array)


def test_bfloat16_as_an_array() -> None:
    """bfloat16, which NumPy lacks, is read as float32 of the same value."""
    raw = RawTensor("bfloat16", (3,), np.array([0x3F80, 0xC000, 0x7F80], "<u2").tobytes())

    assert raw.array().tolist() == [1.0, -2.0, float("inf")]


def test_a_type_that_numpy_lacks() -> None:
    """Other foreign types are refused with a way out."""
    with pytest.raises(ArgumentError, match="NumPy has no type float3"):
        RawTensor("float3", (1,), b"\0").array()
