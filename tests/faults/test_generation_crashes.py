"""Whatever a commit is interrupted by, the generation before it is there, whole."""

import contextlib
import errno
import os
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from backbeat import forks
from backbeat.checkpoints.generations import Generations
from backbeat.errors import BackbeatWarning, CheckpointError
from backbeat.files import Disk
from backbeat.files.locks import Lock
from tests.files.disks import DyingDisk, FailingDisk, Killed

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def state_of(version):
    return {"first": np.full(50, version), "version": version}


def version_of(generation):
    (version,) = {*generation.state["first"].tolist(), generation.state["version"]}
    return version


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def on_disk(monkeypatch):
    # A killed process loses nothing that it handed over; what power loss does is asked elsewhere.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def use(disk):
        monkeypatch.setattr("backbeat.files.disk.current", disk)
        return disk

    return use


def bury_the_dead():
    """The system closes what a dead process had open, which frees its lock."""
    for each in list(forks._watched):
        if isinstance(each, Lock):
            each._descriptor = None
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the one that listed them
            if descriptor.readlink().name.removesuffix(" (deleted)") == ".lock":
                os.close(int(descriptor.name))


def begin(directory, versions=3):
    """A run that has committed so that the next commit removes the oldest."""
    saved = Generations(directory)
    saved.open()
    for version in range(1, versions + 1):
        saved.commit(state_of(version))
    saved.close()


def recover(directory, version):
    """What the next process does: find the newest, go on from it, commit."""
    saved = Generations(directory)
    try:
        saved.open()
        found = version_of(saved.newest())
        saved.commit(state_of(version))
        saved.close()
    finally:
        bury_the_dead()
    return found


def test_killed_at_every_operation_and_again_while_recovering(tmp_path, on_disk):
    """Die at each operation of a commit, then at each of the recovery: nothing is lost or mixed."""
    second_deaths = 0
    for first in count(1):
        for second in count(1):
            directory = tmp_path / f"{first}-{second}"
            on_disk(Disk())
            begin(directory)
            was_killed = dies(on_disk(DyingDisk(first)), commit_fourth, directory)
            died_again = dies(on_disk(DyingDisk(second)), recover, directory, 5)
            on_disk(Disk())
            found = recover(directory, 6)

            assert found in ((3, 4, 5) if was_killed else (4, 5))
            assert version_of(Generations(directory).newest()) == 6
            assert len(names(directory)) == 2
            second_deaths += died_again
            # All second deaths after every seventh first one: a thousand more trials say no more.
            if not died_again or first % 7:
                break
        if not was_killed:
            break

    assert first > 20
    assert second_deaths > 100


def commit_fourth(directory):
    saved = Generations(directory)
    try:
        saved.open()
        saved.commit(state_of(4))
        saved.close()
    finally:
        bury_the_dead()


def dies(disk, act, *arguments):
    try:
        act(*arguments)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failed_commit_leaves_the_earlier_ones(tmp_path, on_disk, code):
    """Whichever operation fails, the newest before it loads, and the next commit succeeds."""
    for number in count(1):
        directory = tmp_path / str(number)
        begin(directory)
        disk = on_disk(FailingDisk(number, code))
        saved = Generations(directory)
        failure = None
        try:
            saved.commit(state_of(4))
        except (CheckpointError, BackbeatWarning) as error:
            failure = error
        on_disk(Disk())
        found = version_of(saved.newest())

        # A warning is only that an old one could not be removed.
        assert found == (3 if isinstance(failure, CheckpointError) else 4) or failure.errno == code
        saved.commit(state_of(5))
        assert version_of(saved.newest()) == 5
        if len(disk.operations) < number:
            break

    assert number > 20
