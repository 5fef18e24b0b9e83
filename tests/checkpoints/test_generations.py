"""Generations are there whole or not at all, and the newest good one is found."""

import os
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from backbeat.checkpoints.generations import Generations
from backbeat.errors import BackbeatWarning, CheckpointError, DirectoryInUseError


def state_of(version):
    """A state whose first and last part tell whether they belong together."""
    return {"first": np.full(50, version), "version": version, "last": np.full(50, version)}


def version_of(generation):
    """The version in a generation, which is the same in all of its parts."""
    state = generation.state
    versions = {*state["first"].tolist(), state["version"], *state["last"].tolist()}
    assert len(versions) == 1
    return versions.pop()


@pytest.fixture
def saved(tmp_path):
    generations = Generations(tmp_path / "run")
    generations.open()
    yield generations
    generations.close()


def names(saved):
    return sorted(path.name for path in saved.directory.iterdir() if path.name != ".lock")


def test_the_newest_is_found(saved):
    """What was committed last comes back, and its number counts the commits."""
    assert saved.newest() is None
    for version in (1, 2):
        saved.commit(state_of(version))
    newest = saved.newest()

    assert (newest.number, version_of(newest)) == (2, 2)
    assert newest.path == saved.directory / "gen-000002"


def test_at_least_two_stay(saved):
    """Older ones are removed once there are `keep` newer ones."""
    for version in range(1, 6):
        saved.commit(state_of(version))

    assert names(saved) == ["gen-000004", "gen-000005"]


def test_more_stay_where_asked(tmp_path):
    """`keep` says how many."""
    saved = Generations(tmp_path, keep=3)
    for version in range(1, 6):
        saved.commit(state_of(version))

    assert names(saved) == ["gen-000003", "gen-000004", "gen-000005"]


def test_the_number_decides_never_the_time(saved):
    """A copy or a wrong clock changes the times of files, not which one is the newest."""
    for version in (1, 2):
        saved.commit(state_of(version))
    later = time.time() + 3600
    os.utime(saved.directory / "gen-000001", (later, later))
    os.utime(saved.directory / "gen-000001" / "manifest.json", (later, later))

    assert version_of(saved.newest()) == 2


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "tensors.safetensors"])
@pytest.mark.parametrize("harm", ["flip", "cut", "grow", "missing", "link"])
def test_steps_back_from_damage(saved, name, harm):
    """A damaged generation is kept aside, with a warning, and the one before is used."""
    for version in (1, 2):
        saved.commit(state_of(version))
    damage(saved.directory / "gen-000002" / name, harm)

    with pytest.warns(BackbeatWarning, match="It is kept as gen-000002.corrupt") as warned:
        newest = saved.newest()

    assert version_of(newest) == 1
    assert names(saved) == ["gen-000001", "gen-000002.corrupt"]
    assert len(warned) == 1


def damage(file, harm):
    data = file.read_bytes()
    match harm:
        case "flip":
            file.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "grow":
            file.write_bytes(data + b" ")
        case "missing":
            file.unlink()
        case _:
            other = file.with_name("elsewhere")
            file.rename(other)
            file.symlink_to(other)


def test_every_flipped_byte_is_found(saved):
    """One changed bit anywhere in any file of the newest is found."""
    saved.commit(state_of(1))
    path = saved.commit(state_of(2))
    for file in sorted(path.iterdir()):
        data = file.read_bytes()
        for position in range(0, len(data), 7):
            flipped = bytearray(data)
            flipped[position] ^= 1 << position % 8
            file.write_bytes(flipped)
            with pytest.warns(BackbeatWarning, match="corrupt"):
                assert version_of(saved.newest()) == 1
            path.with_name("gen-000002.corrupt").rename(path)
        file.write_bytes(data)

    assert version_of(saved.newest()) == 2


def test_numbers_of_damaged_ones_are_not_used_again(saved):
    """A generation that was set aside stays what it is."""
    for version in (1, 2):
        saved.commit(state_of(version))
    damage(saved.directory / "gen-000002" / "state.json", "cut")
    with pytest.warns(BackbeatWarning):
        saved.newest()
    saved.commit(state_of(3))

    assert names(saved) == ["gen-000001", "gen-000002.corrupt", "gen-000003"]


def test_a_renamed_generation_is_not_trusted(saved):
    """The number in the manifest counts, so a directory under another name is set aside."""
    saved.commit(state_of(1))
    saved.commit(state_of(2)).rename(saved.directory / "gen-000009")

    with pytest.warns(BackbeatWarning, match="is that of another generation"):
        assert version_of(saved.newest()) == 1


def test_finite_weights_come_first(saved):
    """A generation whose weights are not finite is not resumed while there is a finite one."""
    saved.commit(state_of(1))
    for version in (2, 3, 4):
        saved.commit(state_of(version), is_finite=False)
    expected = f"{saved.directory}: generation 1 is used, because the weights of the newer ones"

    with pytest.warns(BackbeatWarning, match=re.escape(expected)):
        newest = saved.newest()

    assert (version_of(newest), newest.is_finite) == (1, True)
    assert names(saved) == ["gen-000001", "gen-000003", "gen-000004"]


def test_the_last_finite_one_is_remembered_across_runs(saved):
    """Another process, which did not write it, keeps it too."""
    saved.commit(state_of(1))
    saved.commit(state_of(2), is_finite=False)
    again = Generations(saved.directory)
    for version in (3, 4):
        again.commit(state_of(version), is_finite=False)

    assert names(saved) == ["gen-000001", "gen-000003", "gen-000004"]


def test_without_any_finite_one_the_newest_is_used(saved):
    """Better than to begin anew without a word."""
    saved.commit(state_of(1), is_finite=False)

    with pytest.warns(BackbeatWarning, match="generation 1 holds weights that are not finite"):
        assert version_of(saved.newest()) == 1


def test_what_is_not_ours_stays(saved):
    """Files and directories of others are neither read nor removed."""
    stranger = saved.directory / "gen-7"
    stranger.mkdir()
    (saved.directory / "gen-000001").write_text("a file")
    (saved.directory / "notes.txt").write_text("mine")
    first = saved.commit(state_of(1))
    (first / "note.txt").write_text("why this one is interesting")
    for version in (2, 3, 4):
        saved.commit(state_of(version))
    saved.discard()

    assert names(saved) == ["gen-000001", "gen-000002", "gen-7", "notes.txt"]
    assert (first / "note.txt").exists()


def test_discard_leaves_nothing(saved):
    """After a normal end neither the generations nor an empty directory remain."""
    saved.commit(state_of(1))
    saved.discard()

    assert not saved.directory.exists()


def test_only_one_run_at_a_time(saved):
    """A second run in the same directory is refused before it does anything."""
    with pytest.raises(DirectoryInUseError, match="Give this run a directory of its own"):
        Generations(saved.directory).open()

    saved.close()
    other = Generations(saved.directory)
    other.open()
    other.close()


@pytest.mark.faults
def test_the_lock_of_a_killed_run_is_free(tmp_path):
    """After kill -9 the next run may write at once."""
    code = (
        "import sys, os, signal\n"
        "from backbeat.checkpoints.generations import Generations\n"
        "Generations(sys.argv[1]).open('one')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    saved = Generations(tmp_path)
    saved.open()
    saved.close()

    assert killed.returncode == -9


def test_a_removed_directory_is_made_again(saved):
    """Somebody may remove the directory while training; the next commit is there again."""
    saved.commit(state_of(1)).parent.rename(saved.directory.with_name("moved"))
    saved.commit(state_of(2))

    assert version_of(saved.newest()) == 2


def test_a_removed_directory_that_another_run_has_taken(saved):
    """It is not written to, and what is in it stays, until that run has ended."""
    saved.commit(state_of(1))
    shutil.rmtree(saved.directory)
    other = Generations(saved.directory)
    other.open("the other")
    other.commit(state_of(2))
    with pytest.raises(DirectoryInUseError, match="in use by run 'the other'"):
        saved.commit(state_of(3))
    saved.discard()

    assert names(other) == ["gen-000001"]
    with pytest.raises(DirectoryInUseError):
        Generations(saved.directory).open()
    other.close()


def test_a_removed_directory_is_locked_again(saved):
    """The next run in it is told."""
    shutil.rmtree(saved.directory)
    saved.commit(state_of(1))

    with pytest.raises(DirectoryInUseError):
        Generations(saved.directory).open()


def test_what_is_not_plain_is_refused_and_nothing_written(saved):
    """The error names the key, and the generations are as they were."""
    saved.commit(state_of(1))
    with pytest.raises(TypeError, match=r"^callbacks\['Mine'\] is "):
        saved.commit({"callbacks": {"Mine": {1}}})

    assert names(saved) == ["gen-000001"]


def test_a_newer_format_ends_the_search(saved, monkeypatch):
    """A generation of a newer backbeat is neither set aside nor passed over."""
    saved.commit(state_of(1))
    monkeypatch.setattr("backbeat.checkpoints.manifest._FORMAT", 2)
    saved.commit(state_of(2))
    monkeypatch.undo()

    with pytest.raises(CheckpointError, match="was written by a newer backbeat"):
        saved.newest()

    assert names(saved) == ["gen-000001", "gen-000002"]


def test_a_copy_verifies_or_is_refused(saved, tmp_path):
    """A generation never changes, so a copy of the directory is as good as the original."""
    for version in (1, 2):
        saved.commit(state_of(version))
    subprocess.run(["cp", "-r", saved.directory, tmp_path / "copy"], check=True)

    assert version_of(Generations(tmp_path / "copy").newest()) == 2
