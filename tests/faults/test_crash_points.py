"""Every writer, crashed at every operation: the old or the new version is there.

What a CSV file does when it is resumed by a callback is tested beside this.
"""

import os
import secrets
from pathlib import Path

import pytest

from tests.faults.worlds import check_every_crash, crash_everywhere
from tests.faults.writers import GENERATION, SINGLE_FILES, Writer, leftovers

pytestmark = pytest.mark.faults

OLD, NEW, NEXT = 1, 2, 3
EVERY_WRITER = pytest.mark.parametrize("writer", SINGLE_FILES.values(), ids=lambda each: each.name)


@EVERY_WRITER
def test_no_crash_and_no_power_failure_loses_a_version(tmp_path: Path, writer: Writer) -> None:
    """In every world, also of a second crash while the next save clears up, one version is there;
    once a save has returned it is that one.
    """

    def check(folder: Path) -> None:
        assert writer.read(folder) in ({OLD}, {NEW}, {NEXT})

    def check_after(folder: Path) -> None:
        assert writer.read(folder) in ({NEW}, {NEXT})

    count = check_every_crash(
        tmp_path,
        lambda folder: writer.write(folder, NEW),
        check,
        prepare=lambda folder: writer.write(folder, OLD),
        recover=lambda folder: writer.write(folder, NEXT),
        check_after=check_after,
        marker=writer.marker,
    )

    assert count > 20


@EVERY_WRITER
def test_the_first_version_is_there_or_not(tmp_path: Path, writer: Writer) -> None:
    """Where nothing was before, a crash leaves nothing or the whole file."""
    (tmp_path / "run").mkdir()
    crashes = crash_everywhere(
        tmp_path / "run", lambda: writer.write(tmp_path / "run", NEW), marker=writer.marker
    )
    for world in crashes.during - crashes.after:
        assert writer.read(world.build(tmp_path / "world")) in (set(), {NEW})
    for world in crashes.after:
        assert writer.read(world.build(tmp_path / "world")) == {NEW}


@EVERY_WRITER
def test_the_next_save_clears_up(tmp_path: Path, writer: Writer) -> None:
    """What a crash left beside the file is gone after the next save."""
    (tmp_path / "run").mkdir()
    writer.write(tmp_path / "run", OLD)
    crashes = crash_everywhere(
        tmp_path / "run", lambda: writer.write(tmp_path / "run", NEW), marker=writer.marker
    )
    dirty = 0
    for world in crashes.during:
        built = world.build(tmp_path / "world")
        dirty += bool(leftovers(built))
        writer.write(built, NEXT)

        assert not leftovers(built)
        assert writer.read(built) == {NEXT}
    assert dirty > 0


@pytest.mark.slow
def test_generations_and_a_crash_while_recovering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that removes the oldest, and from every tenth world the next one: wherever it is
    cut short a whole generation is there, and what was committed is.
    """
    assert crash_generations(tmp_path, monkeypatch, recover_from_every=10) > 500


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_generations_and_every_crash_while_recovering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same from all worlds."""
    count = crash_generations(tmp_path, monkeypatch, recover_from_every=1)
    print(f"generations: {count} worlds")

    assert count > 2000


def crash_generations(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, recover_from_every: int
) -> int:
    """The number of worlds."""
    # Worlds that differ in nothing else are one world.
    monkeypatch.setattr("backbeat.files.locks._me", lambda run: b"{}")
    names = Numbered()
    monkeypatch.setattr(secrets, "token_hex", names.token_hex)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # what it is for is in the worlds

    def commit(folder: Path) -> None:
        names.begin("a")
        GENERATION.write(folder, 4)

    def recover(folder: Path) -> None:
        names.begin("b")
        GENERATION.write(folder, 5)

    def check(folder: Path) -> None:
        assert GENERATION.read(folder) in ({3}, {4}, {5})

    def check_after(folder: Path) -> None:
        assert GENERATION.read(folder) in ({4}, {5})

    return check_every_crash(
        folder,
        commit,
        check,
        prepare=lambda folder: [GENERATION.write(folder, version) for version in (1, 2, 3)],
        recover=recover,
        check_after=check_after,
        marker=GENERATION.marker,
        recover_from_every=recover_from_every,
    )


class Numbered:
    """Names for what is unfinished, one after the other, the same in every run."""

    def __init__(self) -> None:
        self.begin("0")

    def begin(self, letter: str) -> None:
        self.letter, self.count = letter, 0

    def token_hex(self, size: int) -> str:
        self.count += 1
        return f"{self.letter}{self.count:0{2 * size - 1}x}"
