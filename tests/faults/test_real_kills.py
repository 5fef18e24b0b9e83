"""Real kills: every writer, killed by the system at every single system call it makes."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.trials import calls_of, killed_at
from tests.faults.writers import WRITERS, Writer, leftovers

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt install strace"),
]
EVERY_WRITER = pytest.mark.parametrize("writer", WRITERS.values(), ids=lambda each: each.name)


def kill_everywhere(folder: Path, writer: Writer, kill: str) -> Counter[str]:
    """How often the old and the new version were there after a kill at each call of a save."""
    run, log = folder / "run", folder / "log"
    run.mkdir(exist_ok=True)
    writer.write(run, 1)
    counts: Counter[str] = Counter()
    for call, number in calls_of(lambda: writer.write(run, 2), log):
        writer.write(run, 1)
        killed = killed_at(lambda: writer.write(run, 2), call, number, kill)
        counts["killed"] += killed
        counts[{frozenset({1}): "old", frozenset({2}): "new"}[frozenset(writer.read(run))]] += 1
    writer.write(run, 3)

    assert writer.read(run) == {3}
    assert not leftovers(run)
    print(f"{writer.name}: {kill} at each of {counts['old'] + counts['new']} calls: {dict(counts)}")
    return counts


@EVERY_WRITER
def test_killed_at_every_system_call(tmp_path: Path, writer: Writer) -> None:
    """After kill -9 at any call the old or the new version is there; the next save clears up."""
    counts = kill_everywhere(tmp_path, writer, "SIGKILL")

    assert counts["killed"] >= 25
    assert counts["old"] >= 10
    assert counts["new"] >= 1


@pytest.mark.long
@pytest.mark.timeout(3600)
@EVERY_WRITER
@pytest.mark.parametrize("kill", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGTERM"])
def test_any_way_to_die(tmp_path: Path, writer: Writer, kill: str) -> None:
    """The same for crashes in native code, aborts and polite requests, ten times each."""
    for _ in range(10):
        assert kill_everywhere(tmp_path, writer, kill)["killed"] >= 25
