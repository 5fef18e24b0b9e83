"""Saves that fail: the old file stays, nothing is left beside it, and the model can go on."""

import errno
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backbeat import files
from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.errors import BackbeatWarning, CheckpointError
from backbeat.layers import Dense
from backbeat.models import Sequential, load_model
from tests.files.disks import DyingDisk, FailingDisk, Killed, RecordingDisk, names

X, Y = np.ones((8, 4), "float32"), np.ones((8, 2), "float32")
NAMES = ["m.h5", "m.weights.h5", "m.safetensors"]


def model(width: int = 2) -> Sequential:
    made = Sequential([Dense(width, input_dim=4), Dense(2)])
    made.compile("adam", "mse")
    return made


def operations(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What one overwriting save asks of the disk."""
    disk = RecordingDisk()
    with monkeypatch.context() as patch:
        patch.setattr(files.disk, "current", disk)
        model().save(path)
    return disk.operations


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """Whichever operation fails: whole old or whole new, one error that teaches, no leftovers."""
    old, path = model(), tmp_path / name
    old.save(path)
    before = path.read_bytes()
    for number, operation in enumerate(operations(path, monkeypatch), 1):
        path.write_bytes(before)
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", FailingDisk(number, code))
            with pytest.raises(CheckpointError, match="cannot be written") as raised:
                model().save(path)

        assert raised.value.errno == code
        # Only making the new name durable comes after the old one is gone.
        assert (path.read_bytes() == before) == (operation != "fsync_directory")
        assert names(tmp_path) == [name]
        old.load_weights(path)


def test_a_dying_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any operation, the path holds a complete model, the old one or the new."""
    path = tmp_path / "m.h5"
    old, new = model(), model()
    new.set_weights([array + 1 for array in old.get_weights()])
    old.save(path)
    before = path.read_bytes()
    found, number, is_alive = set(), 0, False
    while not is_alive:
        path.write_bytes(before)
        number += 1
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", DyingDisk(number))
            try:
                new.save(path)
                is_alive = True
            except Killed:
                pass
        loaded = load_model(path).get_weights()[0]
        found.add(
            next(n for n, m in (("old", old), ("new", new)) if (loaded == m.get_weights()[0]).all())
        )

    assert number > 5
    assert found == {"old", "new"}


def test_training_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that fails once warns; the next one is there, and so are the same weights."""
    trained, alone = model(), model()
    alone.set_weights(trained.get_weights())
    saving = ModelCheckpoint(tmp_path / "m{epoch}.h5")
    saves = iter([True, False, False])

    class Filling(files.Disk):
        def fsync(self, descriptor: int) -> None:
            is_rehearsal = threading.current_thread() is threading.main_thread()
            if not is_rehearsal and next(saves):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().fsync(descriptor)

    monkeypatch.setattr(files.disk, "current", Filling())
    with pytest.warns(BackbeatWarning, match=r"m1\.h5.*No space left on device"):
        trained.fit(X, Y, epochs=3, verbose=0, shuffle=False, callbacks=[saving])
    alone.fit(X, Y, epochs=3, verbose=0, shuffle=False)

    assert names(tmp_path) == ["m2.h5", "m3.h5"]
    for one, other in zip(trained.get_weights(), alone.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs needs root and the right to mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_really_full(small_disk: Path, name: str) -> None:
    """The error says that the disk is full; the old file is whole, nothing else is there."""
    path = small_disk / name
    small, large = model(), model(50_000)
    small.save(path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="The disk is full") as raised:
        large.save(path)

    assert raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == before
    assert names(small_disk) == [name]


def test_a_disk_that_fills_up_while_training(small_disk: Path) -> None:
    """Meanwhile the old file loads and training goes on; when there is room, saving succeeds."""
    path, seen = small_disk / "m.h5", dict[int, float]()

    class Ballast(Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            ballast = small_disk / "ballast"
            if epoch == 1:
                size = files.free_bytes(small_disk)
                ballast.write_bytes(bytes(size))
            elif epoch == 4:
                ballast.unlink()
            if path.exists():
                seen[epoch] = float(load_model(path).get_weights()[0].sum())

    trained = model(500)
    saving = ModelCheckpoint(path, background=False)
    with pytest.warns(BackbeatWarning, match="could not save .*No space left on device"):
        history = trained.fit(X, Y, epochs=6, verbose=0, callbacks=[saving, Ballast()])

    assert history.epoch == list(range(6))
    assert seen[1] == seen[2] == seen[3] == seen[4] != seen[5]
    assert float(load_model(path).get_weights()[0].sum()) == trained.get_weights()[0].sum()
    assert names(small_disk) == ["m.h5"]


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    """A directory of the file's name is told as one, when saving and when loading."""
    (tmp_path / "m.h5").mkdir()
    for act in (model().save, model().save_weights, model().load_weights, load_model):
        with pytest.raises(CheckpointError, match="is a directory"):
            act(tmp_path / "m.h5")


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Saving to a link replaces what it points at."""
    (tmp_path / "real").mkdir()
    (tmp_path / "m.h5").symlink_to(tmp_path / "real" / "m.h5")
    model().save(tmp_path / "m.h5")

    assert (tmp_path / "m.h5").is_symlink()
    assert names(tmp_path / "real") == ["m.h5"]
