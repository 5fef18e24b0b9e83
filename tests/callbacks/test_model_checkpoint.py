from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.errors import ArgumentError, BackbeatWarning, CheckpointError
from backbeat.hooks import Plan
from backbeat.testing import FakeHost, HookRecorder, play


class Flaky(FakeHost):
    """Its disk is full in the epochs named."""

    def __init__(self, *bad: int) -> None:
        super().__init__()
        self.bad = bad
        self.epoch = 0

    def save(self, path: Any) -> None:
        if self.epoch in self.bad:
            raise CheckpointError(f"{Path(path).name} cannot be written: the disk is full.")
        super().save(path)


class Clock(Callback):
    """Tells the host which epoch it is; its end comes as epoch -1."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.epoch = epoch
        self.model.weights["w"] = np.array(epoch)

    def on_train_end(self, logs: Any = None) -> None:
        self.model.epoch = -1


def losses(*values: float) -> list[dict[str, float]]:
    return [{"loss": value, "val_loss": value} for value in values]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_saves_every_epoch_under_its_name(tmp_path: Path) -> None:
    """The epoch counts from 1; missing directories are created."""
    template = os.fspath(tmp_path / "a" / "b" / "w.{epoch:02d}-{val_loss:.2f}.txt")
    play(ModelCheckpoint(template), losses(1, 0.5))

    assert names(tmp_path / "a" / "b") == ["w.01-1.00.txt", "w.02-0.50.txt"]


@pytest.mark.parametrize("kind", [str, Path])
def test_the_model_is_given_the_kind_of_path_that_was_passed(tmp_path: Path, kind: Any) -> None:
    """Somebody's own `save` may count on a text, or on a Path."""
    seen: list[type] = []

    class Own(FakeHost):
        def save(self, path: Any) -> None:
            seen.append(str if isinstance(path, str) else Path)

    play(ModelCheckpoint(kind(tmp_path / "w.txt")), losses(1), host=Own())

    assert seen == [kind]


def test_save_weights_only_calls_the_other_method(tmp_path: Path) -> None:
    """The choice between save and save_weights."""
    seen: list[str] = []

    class Own(FakeHost):
        def save(self, path: Any) -> None:
            seen.append("save")

        def save_weights(self, path: Any) -> None:
            seen.append("save_weights")

    for only in (False, True):
        play(ModelCheckpoint(tmp_path / "w", save_weights_only=only), losses(1), host=Own())

    assert seen == ["save", "save_weights"]


def test_only_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only an improvement is saved; what is printed is what the seed's system prints."""
    path = os.fspath(tmp_path / "w.txt")
    checkpoint = ModelCheckpoint(path, verbose=1, save_best_only=True)
    host = play([Clock(), checkpoint], losses(1, 2, 0.5))

    assert len(host.saved) == 2
    assert Path(path).read_text() == "w 2\n"
    assert checkpoint.best == 0.5
    assert capsys.readouterr().out == (
        f"\nEpoch 00001: val_loss improved from inf to 1.00000, saving model to {path}\n"
        "\nEpoch 00002: val_loss did not improve from 1.00000\n"
        f"\nEpoch 00003: val_loss improved from 1.00000 to 0.50000, saving model to {path}\n"
    )


def test_verbose_without_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each save."""
    play(ModelCheckpoint(tmp_path / "w.txt", verbose=1), losses(1))

    assert capsys.readouterr().out == f"\nEpoch 00001: saving model to {tmp_path / 'w.txt'}\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_never_the_best(tmp_path: Path, value: float) -> None:
    """Not even as the first value."""
    checkpoint = ModelCheckpoint(tmp_path / "w.txt", save_best_only=True)
    host = play(checkpoint, losses(value, 0.5, value, 0.4))

    assert len(host.saved) == 2
    assert checkpoint.best == 0.4


def test_a_threshold_to_begin_with(tmp_path: Path) -> None:
    """Nothing worse than an earlier result is saved."""
    checkpoint = ModelCheckpoint(
        tmp_path / "w.txt", save_best_only=True, initial_value_threshold=0.5
    )

    assert len(play(checkpoint, losses(1, 0.6, 0.4)).saved) == 1


def test_the_best_begins_anew_with_each_run(tmp_path: Path) -> None:
    """A second run is not measured by the first."""
    checkpoint = ModelCheckpoint(tmp_path / "w.txt", save_best_only=True)
    play(checkpoint, losses(0.1))

    assert len(play(checkpoint, losses(0.5)).saved) == 1


@pytest.mark.parametrize(
    ("initial_epoch", "known", "expected"),
    [(0, False, ["2", "4"]), (1, True, ["3", "5"]), (1, False, ["3", "5"])],
)
def test_period_counts_from_the_initial_epoch(
    tmp_path: Path, initial_epoch: int, known: bool, expected: list[str]
) -> None:
    """By the index of the epoch, so a second run counts like the first."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", period=2)
    params = {"initial_epoch": initial_epoch} if known else {}
    for _ in range(2):
        play(checkpoint, losses(1, 1, 1, 1, 1), initial_epoch=initial_epoch, params=params)

    assert names(tmp_path) == expected


def test_period_goes_on_in_a_resumed_run(tmp_path: Path) -> None:
    """The first epoch that runs is not the one that it counts from."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", period=2)
    play(checkpoint, losses(1, 1), initial_epoch=3, params={"initial_epoch": 0})

    assert names(tmp_path) == ["4"]


# Failures


def test_a_failure_keeps_the_old_file_and_is_made_good(tmp_path: Path) -> None:
    """A warning, training goes on, the next save succeeds, nothing is raised at the end."""
    host = Flaky(1)
    with pytest.warns(BackbeatWarning) as caught:
        play([Clock(), ModelCheckpoint(tmp_path / "w.txt")], losses(1, 1, 1), host=host)

    assert [str(each.message) for each in caught] == [
        (
            f"ModelCheckpoint could not save {tmp_path / 'w.txt'}: w.txt cannot be written: the "
            "disk is full. What was saved before is as it was. It is tried again at the next save "
            "and when training ends."
        )
    ]
    assert (tmp_path / "w.txt").read_text() == "w 2\n"


def test_the_last_save_is_tried_again_at_the_end(tmp_path: Path) -> None:
    """The disk has room again: everything is there, and nothing is raised."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}")
    with pytest.warns(BackbeatWarning, match="could not save"):
        play([Clock(), checkpoint], losses(1, 1), host=Flaky(1))

    assert names(tmp_path) == ["1", "2"]


def test_what_fails_for_good_is_raised_at_the_end(tmp_path: Path) -> None:
    """After the last epoch, with the model still in memory, and everybody else told and closed."""
    recorder = HookRecorder("on_train_end", "close", "on_epoch_end")
    with (
        pytest.warns(BackbeatWarning, match="could not save"),
        pytest.raises(CheckpointError) as caught,
    ):
        play(
            [Clock(), ModelCheckpoint(tmp_path / "w.txt"), recorder],
            losses(1, 1),
            host=Flaky(0, 1, -1),
        )

    assert recorder.hooks == ["on_epoch_end", "on_epoch_end", "on_train_end", "close"]
    assert str(caught.value) == (
        f"ModelCheckpoint could not save {tmp_path / 'w.txt'}: w.txt cannot be written: the disk "
        "is full. The model is still in memory: save it elsewhere with model.save(path)."
    )
    assert isinstance(caught.value.__cause__, CheckpointError)


def test_a_best_that_could_not_be_saved_is_not_the_best(tmp_path: Path) -> None:
    """The next epoch that beats the last save is saved, though it is worse than what was lost."""
    checkpoint = ModelCheckpoint(tmp_path / "w.txt", save_best_only=True)
    with pytest.warns(BackbeatWarning, match="could not save"):
        play([Clock(), checkpoint], losses(1, 0.1, 0.5), host=Flaky(1))

    assert checkpoint.best == 0.5
    assert (tmp_path / "w.txt").read_text() == "w 2\n"


def test_a_name_that_is_missing_later_is_a_failure_like_any_other(tmp_path: Path) -> None:
    """A warning for the epoch without validation; the others are saved."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.1f}")
    plan = Plan(epoch_names=frozenset({"loss", "val_loss"}), complete=True)
    with pytest.warns(BackbeatWarning, match="needs 'val_loss', which is not logged"):
        play(checkpoint, [{"loss": 1.0}, *losses(1)[:1]], plan=plan)

    assert names(tmp_path) == ["2-1.0"]


# Before training


def test_a_name_that_never_comes_is_an_error_before_training(tmp_path: Path) -> None:
    """No epoch is trained for it."""
    checkpoint = ModelCheckpoint(tmp_path / "{val_los:.2f}.h5")
    plan = Plan(epoch_names=frozenset({"loss", "val_loss"}), complete=True)
    recorder = HookRecorder()
    with pytest.raises(ArgumentError, match=r"Did you mean \{val_loss\}\?"):
        play([checkpoint, recorder], losses(1), plan=plan)

    assert recorder.calls == []


def test_a_directory_that_cannot_be_written_is_an_error_before_training(tmp_path: Path) -> None:
    """A keeper that cannot keep anything says so at once."""
    (tmp_path / "file").write_text("not a directory")
    recorder = HookRecorder()
    with pytest.raises(CheckpointError, match="cannot be written"):
        play([ModelCheckpoint(tmp_path / "file" / "w.h5"), recorder], losses(1))

    assert recorder.calls == []


def test_the_look_at_the_directory_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor a directory."""
    play(ModelCheckpoint(tmp_path / "sub" / "{epoch}.h5"), [])

    assert names(tmp_path) == []


# With others


def test_tells_the_others_what_was_saved(tmp_path: Path) -> None:
    """Each complete save is announced; a failed one is not."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}")
    told: list[Path] = []
    checkpoint.announce = told.append
    with pytest.warns(BackbeatWarning, match="could not save"):
        play([Clock(), checkpoint], losses(1, 1, 1), host=Flaky(0))

    assert told == [tmp_path / "2", tmp_path / "3"]


def test_an_error_of_a_listener_is_not_a_failed_save(tmp_path: Path) -> None:
    """What another callback raises when it is told comes out as it is."""
    checkpoint = ModelCheckpoint(tmp_path / "w")

    def listen(path: Path) -> None:
        raise RuntimeError("boom")

    checkpoint.announce = listen
    with pytest.raises(RuntimeError, match="boom"):
        play(checkpoint, losses(1))


def test_goes_on_from_the_best_of_an_earlier_run(tmp_path: Path) -> None:
    """A resumed run does not overwrite the best file with something worse."""
    first = ModelCheckpoint(tmp_path / "w", save_best_only=True)
    play(first, losses(0.1))
    second, host = ModelCheckpoint(tmp_path / "w", save_best_only=True), FakeHost()
    second.set_model(host)
    second.on_train_begin()
    second.load_state_dict(first.state_dict())
    second.on_epoch_end(1, {"val_loss": 0.45})

    assert host.saved == []
