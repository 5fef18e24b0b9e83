"""Every writer of one file, crashed at every operation: the old or the new version is there.

Of generations only the worlds of one crash are here: what comes after a second one, and what CSV
files do, is tested beside this.
"""

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


def test_a_generation_and_the_one_before(tmp_path: Path) -> None:
    """In every world a whole generation is there, and once a commit has returned it is the new."""

    def check(folder: Path) -> None:
        assert GENERATION.read(folder) in ({OLD}, {NEW})

    count = check_every_crash(
        tmp_path,
        lambda folder: GENERATION.write(folder, NEW),
        check,
        prepare=lambda folder: GENERATION.write(folder, OLD),
        check_after=lambda folder: GENERATION.read(folder) == {NEW} or pytest.fail("not durable"),
        marker=GENERATION.marker,
    )

    assert count > 20
