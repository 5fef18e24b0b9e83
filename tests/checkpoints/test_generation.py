"""A generation is read back as it was written, or not at all."""

import numpy as np
import pytest

from backbeat.checkpoints.generation import (
    FILES,
    Contents,
    manifest_of,
    read_state,
    write_generation,
)
from backbeat.errors import ArgumentTypeError, CheckpointCorruptError

STATE = {"epoch": 3, "best": float("inf"), "order": np.arange(4), "names": ("a", "b")}


def test_read_back(tmp_path):
    """The state, its number and whether it is finite; in exactly the files that belong to it."""
    path = tmp_path / "gen-000007"
    write_generation(path, 7, Contents.of(STATE, is_finite=False))
    manifest = manifest_of(path, 7)
    state = read_state(path, manifest)

    assert (manifest.number, manifest.is_finite) == (7, False)
    assert state.pop("order").tolist() == [0, 1, 2, 3]
    assert state == {"epoch": 3, "best": float("inf"), "names": ("a", "b")}
    assert {each.name for each in path.iterdir()} == FILES


def test_what_no_file_can_hold_is_found_before_anything_is_written():
    """By the name of its key."""
    with pytest.raises(ArgumentTypeError, match=r"^callbacks\['Mine'\] is "):
        Contents.of({"callbacks": {"Mine": {1}}})


def test_the_number_must_be_its_own(tmp_path):
    """A copy under another number is not taken for that generation."""
    write_generation(tmp_path / "gen-000007", 7, Contents.of(STATE))

    with pytest.raises(CheckpointCorruptError, match="is that of another generation"):
        manifest_of(tmp_path / "gen-000007", 8)


@pytest.mark.parametrize(
    "packed",
    [
        7,
        {"best": 7, "x": {"$float": "1e5e5"}},
        {"x": {"$tensor": "y"}},
        {"x": {"$pairs": [[[], 1]]}},
    ],
)
def test_a_state_that_was_made_by_somebody_else(tmp_path, packed):
    """What cannot be understood is an error of ours, however well the digests fit."""
    path = tmp_path / "gen-000001"
    write_generation(path, 1, Contents(packed, {}, is_finite=True))

    with pytest.raises(CheckpointCorruptError, match=r"state.json cannot be understood: "):
        read_state(path, manifest_of(path, 1))


@pytest.mark.parametrize("name", ["state.json", "tensors.safetensors"])
def test_one_changed_byte(tmp_path, name):
    """It is named, and nothing of the state is given."""
    path = tmp_path / "gen-000001"
    write_generation(path, 1, Contents.of(STATE))
    data = bytearray((path / name).read_bytes())
    data[-1] ^= 1
    (path / name).write_bytes(data)

    with pytest.raises(CheckpointCorruptError, match=f"{name} is not what was written"):
        read_state(path, manifest_of(path, 1))
