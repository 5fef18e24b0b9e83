"""Fuzz: mutated files are refused or loaded; no crash, no half-loaded model, no foreign code."""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backbeat.models import load_model
from tests.faults import mutations
from tests.faults.damage import try_all
from tests.faults.make_corpus import MARKER, model
from tests.faults.test_corpus import state_of

pytestmark = pytest.mark.faults

Load = Callable[[Path], object]
SECONDS = float(os.environ.get("BACKBEAT_FUZZ_SECONDS", "600"))
BATCH = 100

TARGETS: dict[str, tuple[mutations.Mutation, str]] = {
    "header": (mutations.safetensors_header, "w.safetensors"),
    "safetensors": (mutations.any_bytes, "w.safetensors"),
    "structure": (mutations.hdf5_structure, "m.h5"),
    "description": (mutations.hdf5_structure, "described.h5"),
    "hdf5": (mutations.any_bytes, "m.h5"),
    "weights.h5": (mutations.hdf5_structure, "w.weights.h5"),
}
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)


def fuzz(folder: Path, target: str, seconds: float, seed: int) -> Counter[str]:
    """Try mutations until the time is over; what became of them."""
    mutate, name = TARGETS[target]
    made = model()
    path, kept = folder / name, folder / "kept"
    made.save(path)
    whole = path.read_bytes()
    load_model(path) if name.endswith("m.h5") else made.load(path)
    before = state_of(made)

    def load(damaged: Path) -> object:
        warnings.simplefilter("ignore")
        if name == "described.h5":
            load_model(damaged)
            return None
        try:
            made.load(damaged)
        except Exception:
            assert state_of(made) == before, "a failed load changed the model"
            raise
        made.load(kept.with_suffix("".join(damaged.suffixes)))
        return None

    path.rename(kept.with_suffix("".join(path.suffixes)))
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

    assert counts["noticed"] > 0


@pytest.mark.long
@pytest.mark.timeout(7200)
@EVERY_TARGET
def test_for_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """The long run; BACKBEAT_FUZZ_SECONDS says how long all targets take together."""
    monkeypatch.chdir(tmp_path)
    counts = fuzz(tmp_path, target, SECONDS / len(TARGETS), seed=time.time_ns() % (1 << 32))

    assert counts["noticed"] > 0
