"""safetensors: every type travels, every byte is checked, and the package itself reads it."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from backbeat import files
from backbeat.checkpoints import RawTensor, read_tensors, write_tensors
from backbeat.checkpoints.tensor_header import Place
from backbeat.errors import ArgumentError, CheckpointCorruptError, CheckpointError
from tests.files.disks import FailingDisk, names

TENSORS = {
    "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "half": np.ones(3, np.float16),
    "steps": np.array(7, np.int64),
    "flags": np.array([True, False, True]),
    "nothing": np.zeros((0, 2), np.float64),
    "phase": np.array([1 + 2j], np.complex64),
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Names, types, shapes, values and texts come back, verified."""
    write_tensors(tmp_path / "a.safetensors", TENSORS, {"epoch": "3", "글": "값"})
    saved = read_tensors(tmp_path / "a.safetensors")

    assert saved.verified
    assert saved.metadata == {"epoch": "3", "글": "값"}
    assert saved.tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        found = saved.tensors[name].array()
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert np.array_equal(found, array)


def test_bfloat16_travels(tmp_path: Path) -> None:
    """A type that NumPy lacks goes through bit for bit, to us and to torch."""
    values = torch.tensor([1.0, -2.5, float("inf")], dtype=torch.bfloat16)
    raw = RawTensor("bfloat16", (3,), values.view(torch.uint8).numpy().tobytes())
    write_tensors(tmp_path / "a.safetensors", {"x": raw})

    assert read_tensors(tmp_path / "a.safetensors").tensors["x"].data == raw.data
    assert torch.equal(safetensors.torch.load_file(tmp_path / "a.safetensors")["x"], values)


def test_the_package_reads_ours(tmp_path: Path) -> None:
    """Our files are ordinary safetensors files, whose tensors begin at their own width."""
    write_tensors(tmp_path / "a.safetensors", TENSORS)
    found = safetensors.torch.load_file(tmp_path / "a.safetensors")

    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        name: array.tolist() for name, array in TENSORS.items()
    }
    data = (tmp_path / "a.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    assert header["__metadata__"]["format"] == "pt"
    assert (8 + size) % 8 == 0
    for name, array in TENSORS.items():
        assert header[name]["data_offsets"][0] % array.dtype.itemsize == 0


def test_we_read_the_packages(tmp_path: Path) -> None:
    """Files of others, which bring no digests, are read and not called verified."""
    safetensors.numpy.save_file({"x": np.ones(2)}, tmp_path / "a.safetensors", {"format": "np"})
    saved = read_tensors(tmp_path / "a.safetensors")

    assert saved.tensors["x"].array().tolist() == [1.0, 1.0]
    assert saved.metadata == {"format": "np"}
    assert not saved.verified


def test_no_tensors_at_all(tmp_path: Path) -> None:
    """A model without weights gives a file too."""
    write_tensors(tmp_path / "a.safetensors", {})

    assert read_tensors(tmp_path / "a.safetensors").tensors == {}


def test_cut_short_anywhere(tmp_path: Path) -> None:
    """A file cut at any place is reported as damaged."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, TENSORS)
    data = path.read_bytes()
    for size in range(0, len(data), 7):
        path.write_bytes(data[:size])

        with pytest.raises(CheckpointCorruptError, match="cannot be read as safetensors"):
            read_tensors(path)


def test_a_file_of_a_later_version(tmp_path: Path) -> None:
    """A format that does not exist yet is refused in a sentence, and half of a mark is damage."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, TENSORS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"backbeat.format":"1"', b'"backbeat.format":"2"'))
    with pytest.raises(CheckpointError, match="has format '2', this backbeat reads '1'.*Update"):
        read_tensors(path)
    for part in (b"backbeat.format", b"backbeat.sha256"):
        path.write_bytes(data.replace(part, part.upper()))

        with pytest.raises(CheckpointCorruptError, match="its digests, or their version, are miss"):
            read_tensors(path)


def test_checked_before_memory_is_taken(tmp_path: Path) -> None:
    """What the caller says to the header comes before the data are read."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": np.zeros(3)})
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")

    def check(there: Mapping[str, Place]) -> None:
        raise ArgumentError(f"{there['x'].dtype} {there['x'].shape} is not wanted")

    with pytest.raises(ArgumentError, match=r"float64 \(3,\) is not wanted"):
        read_tensors(path, check=check)
    with pytest.raises(CheckpointCorruptError, match="'x' is not what was written"):
        read_tensors(path)


def test_the_damaged_tensor_is_named(tmp_path: Path) -> None:
    """A changed byte says which tensor it hit."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"layer.weight": TENSORS["layer.weight"]})
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    with pytest.raises(CheckpointCorruptError, match=r"'layer\.weight' is not what was written"):
        read_tensors(path)


def test_one_name_twice(tmp_path: Path) -> None:
    """A header that names a tensor twice could mean either of them."""
    entry = '"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}'
    header = f"{{{entry},{entry}}}".encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")

    with pytest.raises(CheckpointCorruptError, match="cannot be read as safetensors"):
        read_tensors(tmp_path / "a.safetensors")


def test_a_type_the_format_lacks(tmp_path: Path) -> None:
    """A type that cannot be stored is refused by the tensor's name; no file appears."""
    with pytest.raises(ArgumentError, match="'x' is complex128, which safetensors cannot hold"):
        write_tensors(tmp_path / "a.safetensors", {"x": np.ones(1, np.complex128)})

    assert names(tmp_path) == []


def test_the_old_file_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the old file as it was, and nothing beside it."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"x": np.ones(2)})
    monkeypatch.setattr(files.disk, "current", FailingDisk(3))
    with pytest.raises(CheckpointError, match="The disk is full"):
        write_tensors(path, {"x": np.zeros(2)})

    assert read_tensors(path).tensors["x"].array().tolist() == [1.0, 1.0]
    assert names(tmp_path) == ["a.safetensors"]


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is told from a damaged one."""
    with pytest.raises(CheckpointError, match=r"there is no file .*a\.safetensors"):
        read_tensors(tmp_path / "a.safetensors")
