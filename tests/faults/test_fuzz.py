"""Fuzz: mutated files are refused or loaded; no crash, no half-loaded model, no foreign code."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backbeat.callbacks._csv_file import CsvFile
from backbeat.callbacks._csv_rows import cell, end_of_whole_rows, row_count
from backbeat.checkpoints.manifest import FileDigest, read_manifest, write_manifest
from backbeat.models import load_model
from tests.faults import mutations
from tests.faults.damage import try_all
from tests.faults.make_corpus import MARKER, model
from tests.faults.test_bit_flips import generation_with, newest
from tests.faults.test_corpus import state_of
from tests.faults.writers import write_generation

pytestmark = pytest.mark.faults

Load = Callable[[Path], object]
SECONDS = float(os.environ.get("BACKBEAT_FUZZ_SECONDS", "600"))
BATCH = 100

Made = tuple[Path, Load]
"""A whole file, and what reads it, or a damaged one under its name."""


def model_file(name: str) -> Callable[[Path], Made]:
    """A file of a model; what cannot be loaded must leave the model as it was."""

    def make(folder: Path) -> Made:
        made = model()
        path, kept = folder / name, folder / "kept"
        made.save(path)
        load_model(path) if name.endswith("m.h5") else made.load(path)
        before = state_of(made)

        def load(damaged: Path) -> None:
            if name == "described.h5":
                load_model(damaged)
                return
            try:
                made.load(damaged)
            except Exception:
                assert state_of(made) == before, "a failed load changed the model"
                raise
            made.load(kept.with_suffix("".join(damaged.suffixes)))

        shutil.copy(path, kept.with_suffix("".join(path.suffixes)))
        return path, load

    return make


def manifest(folder: Path) -> Made:
    """A generation's manifest: the generation is as it was written, or not used."""
    write_generation(folder, 7)
    (path,) = folder.rglob("manifest.json")
    expected = generation_with(path)

    def load(damaged: Path) -> None:
        # Whether its weights are finite is the manifest's own word.
        assert generation_with(damaged)[1:] == expected[1:], "a generation was misread"

    return path, load


def state(folder: Path) -> Made:
    """A generation's state, with a manifest that vouches for it, as a forger would write it."""
    write_generation(folder, 7)
    (path,) = folder.rglob("state.json")
    whole = read_manifest(path.parent)

    def load(damaged: Path) -> None:
        data = damaged.read_bytes()
        digest = FileDigest(len(data), hashlib.sha256(data).hexdigest())
        write_manifest(damaged.parent, replace(whole, files={**whole.files, damaged.name: digest}))
        newest(folder)

    return path, load


def csv_rows(folder: Path) -> Made:
    """A CSV file that a run goes on with, under a new column: every row that was whole stays."""
    path = folder / "log.csv"
    write(path, goes_on=False)

    def load(damaged: Path) -> None:
        data = damaged.read_bytes()
        for earlier in folder.glob("*.orphan*"):
            earlier.unlink()
        write(damaged, goes_on=True)
        whole = data[: end_of_whole_rows(data, ",")].decode("utf-8-sig", "surrogateescape")
        after = damaged.read_bytes().decode("utf-8-sig", "surrogateescape")
        assert row_count(after, ",") == row_count(whole, ",") + 2
        for orphan in folder.glob("*.orphan*"):
            assert data.endswith(orphan.read_bytes())

    return path, load


def write(path: Path, *, goes_on: bool) -> None:
    file = CsvFile(path, ",", goes_on=goes_on)
    for note in ("a", 'b,"c"\nd'):
        file.write([{"epoch": "1", "loss": "0.5", f"note{goes_on}": cell(note, ",", safe=False)}])
    file.close()


TARGETS: dict[str, tuple[mutations.Mutation, Callable[[Path], Made]]] = {
    "header": (mutations.safetensors_header, model_file("w.safetensors")),
    "safetensors": (mutations.any_bytes, model_file("w.safetensors")),
    "structure": (mutations.hdf5_structure, model_file("m.h5")),
    "description": (mutations.hdf5_structure, model_file("described.h5")),
    "hdf5": (mutations.any_bytes, model_file("m.h5")),
    "weights.h5": (mutations.hdf5_structure, model_file("w.weights.h5")),
    "manifest": (mutations.manifest, manifest),
    "state": (mutations.json_text, state),
    "csv": (mutations.csv_text, csv_rows),
}
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)


def fuzz(folder: Path, target: str, seconds: float, seed: int) -> Counter[str]:
    """Try mutations until the time is over; what became of them."""
    mutate, make = TARGETS[target]
    path, read = make(folder)
    whole = path.read_bytes()

    def load(damaged: Path) -> None:
        warnings.simplefilter("ignore")
        read(damaged)

    counts: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        start = counts.total()

        def damage(number: int, start: int = start) -> bytes:
            return mutate(whole, np.random.default_rng((seed, start + number)))

        counts += try_all(path, damage, BATCH, read=load, seconds=1)
    print(f"{target}: {counts.total()} mutations in {seconds:.0f} s, {dict(counts)}")
    assert not (folder / MARKER).exists()
    return counts


@EVERY_TARGET
def test_a_moment_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A slice of the long run: everything mutated is refused in words, or loaded whole."""
    monkeypatch.chdir(tmp_path)
    counts = fuzz(tmp_path, target, 1.5, seed=0)

    # A CSV file is only text: a run goes on with whatever there is.
    assert counts["noticed" if target != "csv" else "harmless"] > 0


@pytest.mark.long
@pytest.mark.timeout(7200)
@EVERY_TARGET
def test_for_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """The long run; BACKBEAT_FUZZ_SECONDS says how long all targets take together."""
    monkeypatch.chdir(tmp_path)
    counts = fuzz(tmp_path, target, SECONDS / len(TARGETS), seed=time.time_ns() % (1 << 32))

    assert counts["noticed" if target != "csv" else "harmless"] > 0
