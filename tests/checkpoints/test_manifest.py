"""A manifest says what belongs to a generation, and is refused if it was changed."""

import json

import pytest

from backbeat.checkpoints.manifest import (
    MANIFEST,
    FileDigest,
    Manifest,
    read_manifest,
    write_manifest,
)
from backbeat.errors import CheckpointCorruptError, CheckpointError

ONE = Manifest(3, True, {"state.json": FileDigest(2, "ab" * 32)})


def test_comes_back(tmp_path):
    """What was written is what is read."""
    write_manifest(tmp_path, ONE)

    assert read_manifest(tmp_path) == ONE


def test_every_flipped_bit_is_found(tmp_path):
    """A manifest with a single bit changed is corrupt, whichever it is."""
    write_manifest(tmp_path, ONE)
    file = tmp_path / MANIFEST
    data = file.read_bytes()

    for bit in range(0, 8 * len(data), 5):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(CheckpointCorruptError, match="is damaged"):
            read_manifest(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        Manifest(-1, True, ONE.files),
        Manifest(3, None, ONE.files),
        Manifest(3, True, {"state.json": FileDigest(None, "ab" * 32)}),
        Manifest(3, True, {"state.json": FileDigest(True, "ab" * 32)}),
        Manifest(3, True, {"state.json": FileDigest(2, 7)}),
    ],
)
def test_what_no_manifest_says(tmp_path, content):
    """Values of another kind are refused, even if the digest vouches for them."""
    write_manifest(tmp_path, content)

    with pytest.raises(CheckpointCorruptError, match="it says what no manifest says"):
        read_manifest(tmp_path)


def test_a_newer_format_is_refused_with_a_sentence(tmp_path, monkeypatch):
    """What a newer backbeat wrote is not guessed at, and not called damaged."""
    monkeypatch.setattr("backbeat.checkpoints.manifest._FORMAT", 2)
    write_manifest(tmp_path, ONE)
    monkeypatch.undo()

    with pytest.raises(CheckpointError) as caught:
        read_manifest(tmp_path)

    assert type(caught.value) is CheckpointError
    assert str(caught.value) == (
        f"{tmp_path} was written by a newer backbeat: its format is 2, this version reads up to "
        "1. Upgrade with pip install -U backbeat, or give another directory."
    )


def test_is_strict_json(tmp_path):
    """Any tool can read it."""
    write_manifest(tmp_path, ONE)
    content = json.loads((tmp_path / MANIFEST).read_text())

    assert content["number"] == 3
    assert content["files"]["state.json"] == {"size": 2, "sha256": "ab" * 32}
