"""Damaged files, loaded in forked children: is each noticed, or else harmless?"""

from __future__ import annotations

import mmap
import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from backbeat.checkpoints import RawTensor, read_tensors, read_weights
from backbeat.checkpoints.checkpoint import LayerWeights, NamedArray
from backbeat.errors import BackbeatError
from tests.faults.trials import in_child

Damage = Callable[[int], bytes]
"""The damaged contents of trial number n."""


def everything_in(path: Path) -> Any:
    """All that is read from a file, to the last bit, in a form that can be compared."""
    if path.suffix == ".safetensors":
        saved = read_tensors(path)
        raw = {name: (t.dtype, t.shape, bytes(t.data)) for name, t in saved.tensors.items()}
        return raw, saved.metadata
    weights = read_weights(path)
    described = (weights.model_config, weights.training_config, weights.layout)
    optimizer = exact(weights.optimizer_weights or ())
    return flat(weights.layers), exact(weights.top_level), described, optimizer


def flat(layers: tuple[LayerWeights, ...]) -> list[Any]:
    listed = [(each.name, each.kind, exact(each.weights), flat(each.layers)) for each in layers]
    return sorted(listed, key=lambda each: each[1])


def exact(weights: tuple[NamedArray, ...]) -> list[Any]:
    tensors = [(name, RawTensor.of(array)) for name, array in weights]
    return [(name, t.dtype, t.shape, bytes(t.data)) for name, t in tensors]


def try_all(
    path: Path,
    damages: Damage,
    trials: int,
    *,
    expected: Any = None,
    seconds: float = 10,
    allowed: tuple[type[Exception], ...] = (BackbeatError,),
    read: Callable[[Path], Any] = everything_in,
) -> Counter[str]:
    """How many of the damaged files were `noticed`, `harmless`, or killed the reader (`crashed`).

    `harmless` means that `expected` was read; without it, that anything was. AssertionError if
    something else is read, if another error is raised, or if a trial takes too long or much memory.
    The damage that did it is then left at `path`.
    """
    progress = mmap.mmap(-1, 8)
    counts: Counter[str] = Counter()
    at = 0

    def action() -> dict[str, int]:
        found: Counter[str] = Counter()
        for number in range(at, trials):
            path.write_bytes(damages(number))
            progress[:8] = struct.pack("q", number)
            found[outcome(path, read, expected, allowed)] += 1
        return found

    while at < trials:
        trial = in_child(action, seconds=60 + seconds * (trials - at), memory=1 << 30)
        assert trial.error is None, trial.error
        if trial.signal is None:
            return counts + Counter(trial.result)
        assert trial.signal != signal.SIGKILL, "a damaged file takes too long"
        reached = struct.unpack("q", progress[:8])[0]
        counts["crashed"] += 1
        # What the child had counted is lost with it: those again, they did not crash.
        counts += Counter(retried(path, damages, range(at, reached), read, expected, allowed))
        at = reached + 1
    return counts


def retried(
    path: Path,
    damages: Damage,
    numbers: range,
    read: Callable[[Path], Any],
    expected: Any,
    allowed: tuple[type[Exception], ...],
) -> dict[str, int]:
    def action() -> dict[str, int]:
        found: Counter[str] = Counter()
        for number in numbers:
            path.write_bytes(damages(number))
            found[outcome(path, read, expected, allowed)] += 1
        return found

    trial = in_child(action, seconds=600)
    assert trial.ended, trial
    return trial.result


def outcome(
    path: Path,
    read: Callable[[Path], Any],
    expected: Any,
    allowed: tuple[type[Exception], ...],
) -> str:
    try:
        found = read(path)
    except allowed:
        return "noticed"
    assert expected is None or found == expected, f"{path} was misread without a word"
    return "harmless"


def flips(whole: bytes, seed: int) -> Damage:
    """One random bit turned over in each trial."""

    def damage(number: int) -> bytes:
        random = np.random.default_rng((seed, number))
        bit = int(random.integers(len(whole) * 8))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << (bit % 8)
        return bytes(damaged)

    return damage


def cuts(whole: bytes) -> Iterator[bytes]:
    """The file cut short at every length."""
    return (whole[:size] for size in range(len(whole)))
