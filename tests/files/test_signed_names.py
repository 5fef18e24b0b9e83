from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from backbeat.files import signed_names
from backbeat.files.signed_names import is_left_by_the_dead, signed_name


def name_of_a_dead_process(name: str) -> str:
    """As a process signed it that is gone."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, signed_name(name).encode())
        os._exit(0)
    os.waitpid(child, 0)
    signed = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)
    return signed


def test_of_the_living_and_of_the_dead() -> None:
    """Only what a dead process made of the same name is left."""
    dead, living = name_of_a_dead_process("w.h5"), signed_name("w.h5")

    assert is_left_by_the_dead(dead, "w.h5")
    assert not is_left_by_the_dead(living, "w.h5")
    assert not is_left_by_the_dead(dead, "v.h5")
    assert not is_left_by_the_dead(dead, "w")


def test_no_two_are_alike() -> None:
    """And all are hidden, and short however long the name is."""
    names = {signed_name("w" * 250) for _ in range(100)}

    assert len(names) == 100
    assert all(name.startswith(".w") and len(name) < 120 for name in names)


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.removeprefix("."),
        lambda name: name + "x",
        lambda name: name.replace("-", "-0x"),
        lambda name: ".w.h5.0123456789abcdef.tmp",
        lambda name: "w.h5",
    ],
)
def test_names_of_others(change: Callable[[str], str]) -> None:
    """What is not signed exactly so is not ours."""
    assert not is_left_by_the_dead(change(name_of_a_dead_process("w.h5")), "w.h5")


@pytest.mark.parametrize("whose", ["boot_id", "number_space"])
@pytest.mark.parametrize("there", ["elsewhere", ""])
def test_another_machine_or_container(
    monkeypatch: pytest.MonkeyPatch, whose: str, there: str
) -> None:
    """Nobody can tell from here whether its process is alive; nor where numbers mean nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(signed_names, whose, lambda: there)
        signed = name_of_a_dead_process("w.h5")
        told_there = is_left_by_the_dead(signed, "w.h5")

    assert not is_left_by_the_dead(signed, "w.h5")
    assert told_there is bool(there)
