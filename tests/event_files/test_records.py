"""Records: framed as TensorBoard reads them, and read up to the first that is not whole."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import (
    PyRecordReader_New,
    masked_crc32c,
)

from backbeat.event_files.records import framed, read_records

PAYLOADS = [b"first", b"", b"x" * 5000, bytes(range(256))]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@given(st.binary(max_size=2000))
def test_framing(payload: bytes) -> None:
    """Length, its checksum, payload, its checksum: the checksums are TensorBoard's."""
    length = struct.pack("<Q", len(payload))
    checksums = [struct.pack("<I", masked_crc32c(data)) for data in (length, payload)]

    assert framed(payload) == length + checksums[0] + payload + checksums[1]


def test_tensorboard_reads_them(tmp_path: Path) -> None:
    """TensorBoard's reader gets every payload back."""
    path = written(tmp_path / "a", b"".join(map(framed, PAYLOADS)))
    reader = PyRecordReader_New(str(path))
    found = []
    for _ in PAYLOADS:
        reader.GetNext()
        found.append(reader.record())

    assert found == PAYLOADS


def test_they_are_read_back(tmp_path: Path) -> None:
    """Every payload comes back, the empty one too."""
    path = written(tmp_path / "a", b"".join(map(framed, PAYLOADS)))

    assert list(read_records(path)) == PAYLOADS


def test_a_torn_tail_is_no_error(tmp_path: Path) -> None:
    """Cut anywhere, the file gives the records that are whole."""
    first, second = framed(b"first"), framed(b"second")
    for size in range(len(first) + len(second)):
        path = written(tmp_path / "a", (first + second)[:size])

        assert list(read_records(path)) == ([b"first"] if size >= len(first) else [])


@pytest.mark.parametrize("place", [0, 7, 8, 12, 14, 17])
def test_damage_ends_it(tmp_path: Path, place: int) -> None:
    """One changed byte, also in the length, ends the reading, and asks for no memory."""
    damaged = bytearray(framed(b"first"))
    damaged[place] ^= 0xFF
    path = written(tmp_path / "a", bytes(framed(b"zeroth") + damaged + framed(b"third")))

    assert list(read_records(path)) == [b"zeroth"]
