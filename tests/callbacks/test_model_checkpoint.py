from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.errors import ArgumentError, BackbeatWarning, CheckpointError
from backbeat.files import Disk
from backbeat.hooks import CallbackList, Plan
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


def test_nothing_was_ever_the_best(tmp_path: Path) -> None:
    """Nothing is on the disk then, which is said while the model is in memory still."""
    checkpoint = ModelCheckpoint(tmp_path / "w.txt", save_best_only=True, period=2)
    with pytest.warns(BackbeatWarning) as caught:
        play(checkpoint, losses(float("nan"), float("nan")))
    play(checkpoint, losses(0.5))  # no epoch was due

    assert [str(each.message) for each in caught] == [
        "ModelCheckpoint kept no best model: val_loss was a finite number in no epoch. The last "
        "one is still in memory: save it with model.save(path)."
    ]


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


def test_an_address_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that pathlib spoilt is noticed, rather than saved to a directory called `s3:`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=r"was an address before pathlib made a path of it"):
        ModelCheckpoint(Path("s3://bucket/w.h5"))

    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["best_path", "last_path", "save_on_exception"])
def test_a_fixed_name_that_the_template_could_give(name: str) -> None:
    """Else a later save would overwrite the best one, or remove it to make room."""
    keywords: Any = {name: "run/w.3.h5"}
    with pytest.raises(ArgumentError) as caught:
        ModelCheckpoint(Path("run") / "w.{epoch}.h5", keep_last=1, **keywords)

    assert str(caught.value) == (
        f"ModelCheckpoint: 'run/w.{{epoch}}.h5' could give another save the name "
        f"{name}='run/w.3.h5', and so overwrite or remove it. Give {name} a name of its own."
    )


@pytest.mark.parametrize("best", ["w.best.h5", "w.h5", "b/w.3.h5", "w.last-1.h5"])
def test_fixed_names_that_no_number_makes(best: str) -> None:
    """These are accepted."""
    assert ModelCheckpoint("w.{epoch}.h5", best_path=best).best_path == best


def test_the_best_is_never_removed(tmp_path: Path) -> None:
    """Not even where a logged text gave an earlier save its name."""
    epochs: list[Any] = [{"val_loss": 1.0, "tag": "first"}, {"val_loss": 0.5, "tag": "second"}]
    best = tmp_path / "w.first"
    template = os.fspath(tmp_path / "w.{tag}")
    with pytest.raises(ArgumentError):  # of another suffix
        ModelCheckpoint(template, keep_last=1, best_path=best)
    template, best = template + ".txt", tmp_path / "w.first.txt"
    play([Clock(), ModelCheckpoint(template, keep_last=1, best_path=best)], epochs)

    assert names(tmp_path) == ["w.first.txt", "w.second.txt"]
    assert best.read_bytes() == (tmp_path / "w.second.txt").read_bytes()


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


# As often as you like


BATCHES = [{"loss": 1.0}] * 4


def test_every_so_many_steps(tmp_path: Path) -> None:
    """In the middle of epochs; `batch` and `step` count from 1."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}-{step}-{loss:.0f}", every=3)
    play(checkpoint, losses(1, 1), batches=BATCHES)

    assert names(tmp_path) == ["1-3-3-1", "2-2-6-1"]


def test_several_intervals(tmp_path: Path) -> None:
    """A save when any of them is full."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{step}", every=["epoch", "3 samples"])
    play(checkpoint, losses(1, 1), batches=BATCHES)

    assert names(tmp_path) == ["1-3", "1-4", "2-6", "2-8"]


def test_what_is_judged_waits_for_its_value(tmp_path: Path) -> None:
    """Due in the middle of an epoch, saved at its end if it is better."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{val_loss}", every=6, save_best_only=True)
    play(checkpoint, losses(0.5, 0.7, 0.4, 0.3), batches=BATCHES)

    assert names(tmp_path) == ["2-0.7", "3-0.4"]


def test_a_value_that_comes_too_late_for_the_name(tmp_path: Path) -> None:
    """Said before training."""
    checkpoint = ModelCheckpoint(tmp_path / "{val_loss}", every=3)
    with pytest.raises(ArgumentError, match="known only at the end of an epoch, but every=3"):
        play(checkpoint, losses(1), batches=BATCHES)


def test_batches_are_heard_only_where_they_count(tmp_path: Path) -> None:
    """Not by a checkpoint of epochs."""
    for keywords, hears in (({}, False), ({"every": "2 epochs"}, False), ({"every": 2}, True)):
        checkpoint = ModelCheckpoint(tmp_path / "w", **keywords)

        assert CallbackList([checkpoint]).answers("on_train_batch_end") == hears


# What stays


def test_the_last_ones_and_the_best_ones(tmp_path: Path) -> None:
    """And what this run did not write, whatever it is called."""
    (tmp_path / "0-0.0").write_text("mine")
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{val_loss}", keep_last=1, keep_best=2)
    play(checkpoint, losses(0.5, 0.1, 0.9, 0.3, 0.8))

    assert names(tmp_path) == ["0-0.0", "2-0.1", "4-0.3", "5-0.8"]


def test_only_the_best_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What would not stay is not written at all."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", keep_best=2, verbose=1)
    host = play(checkpoint, losses(0.5, 0.1, 0.9, 0.3))

    assert names(tmp_path) == ["2", "4"]
    assert len(host.saved) == 3
    assert "Epoch 00003: val_loss did not improve from 0.10000" in capsys.readouterr().out


def test_nothing_is_removed_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The save fails, so the one before stays."""
    host = Flaky(1)
    with pytest.warns(BackbeatWarning, match="could not save"):
        play([Clock(), ModelCheckpoint(tmp_path / "{epoch}", keep_last=1)], losses(1, 1), host=host)

    assert names(tmp_path) == ["2"]

    folder, host = tmp_path / "other", Flaky(1, -1)
    with pytest.warns(BackbeatWarning, match="could not save"), pytest.raises(CheckpointError):
        play([Clock(), ModelCheckpoint(folder / "{epoch}", keep_last=1)], losses(1, 1), host=host)

    assert names(folder) == ["1"]


def test_what_cannot_be_removed(tmp_path: Path) -> None:
    """One warning; the new file is there."""
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}", keep_last=1)

    class Hindering(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                (tmp_path / "1").unlink()
                (tmp_path / "1").mkdir()

    class Slow(FakeHost):
        """Saves in line, so that the first file is there when it is hindered."""

        def save(self, path: Any) -> None:
            super().save(path)

    with pytest.warns(BackbeatWarning, match="an earlier file could not be removed"):
        play([Hindering(), checkpoint], losses(1, 1), host=Slow())

    assert names(tmp_path) == ["1", "2"]


@pytest.mark.parametrize("in_line", [False, True])
def test_fixed_names(tmp_path: Path, in_line: bool) -> None:
    """The best and the last are found under their names, also when their files made room."""
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}.txt",
        keep_last=1,
        best_path=tmp_path / "best.txt",
        last_path=tmp_path / "sub" / "last.txt",
        background=not in_line,
    )
    told: list[str] = []
    checkpoint.announce = lambda path: told.append(path.name)
    play([Clock(), checkpoint], losses(0.5, 0.1, 0.9))

    assert names(tmp_path) == ["3.txt", "best.txt", "sub"]
    assert (tmp_path / "best.txt").read_text() == "w 1\n"
    assert (tmp_path / "sub" / "last.txt").read_text() == "w 2\n"
    assert told[-2:] == ["3.txt", "last.txt"]
    assert told.count("best.txt") == 2


@pytest.mark.parametrize("other", ["filepath", "last_path", "save_on_exception"])
def test_the_best_has_a_name_of_its_own(other: str) -> None:
    """Where any other save has the same name the best one would be lost."""
    arguments = {"filepath": "{epoch}.h5", "best_path": "./best.h5"} | {other: "best.h5"}

    with pytest.raises(ArgumentError) as caught:
        ModelCheckpoint(**cast(Any, arguments))

    assert str(caught.value) == (
        f"ModelCheckpoint: best_path and {other} are both 'best.h5', so the best save would be "
        "overwritten by others. Give best_path a name of its own."
    )


def test_a_fixed_name_of_another_format(tmp_path: Path) -> None:
    """It would not hold what it says."""
    with pytest.raises(ArgumentError, match="its suffix must be the same"):
        ModelCheckpoint("{epoch}.h5", best_path="best.safetensors")
    with pytest.raises(ArgumentError, match="its suffix must be the same"):
        ModelCheckpoint("{epoch}.h5", last_path="last.weights.h5")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"every": 5, "period": 2}, "every=5 takes the place of period=2"),
        ({"every": []}, "every is an empty list"),
        ({"every": 0}, "every is a number of steps of at least 1"),
        ({"every": ""}, "every is 'epoch', a number of steps"),
        ({"keep_last": 0}, "keep_last is a number of at least 1"),
        ({"when_busy": "never"}, "when_busy is 'wait' or 'skip'; got 'never'"),
    ],
)
def test_arguments_that_do_not_fit(keywords: Any, message: str) -> None:
    """Said at once."""
    with pytest.raises(ArgumentError, match=message):
        ModelCheckpoint("w.h5", **keywords)


# Ends and beginnings


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_the_state_in_which_an_error_ended_it(tmp_path: Path, error: BaseException) -> None:
    """In a file of its own, so that nothing good is overwritten."""
    checkpoint = ModelCheckpoint(tmp_path / "w", save_on_exception=tmp_path / "crash")
    host = FakeHost()

    class Changing(Callback):
        def on_exception(self, error: BaseException) -> None:
            self.model.weights["w"] = np.array(7)

    play([Changing(), checkpoint], losses(1), host=host, error=error)

    assert (tmp_path / "w").read_text() == "w 0.0\n"
    assert (tmp_path / "crash").read_text() == "w 7\n"


def test_no_such_file_after_a_normal_end(tmp_path: Path) -> None:
    """Nor one of a rehearsal."""
    play(ModelCheckpoint(tmp_path / "w", save_on_exception=tmp_path / "crash"), losses(1))

    assert names(tmp_path) == ["w"]


def test_the_rehearsal(tmp_path: Path) -> None:
    """Its size and time; the target's name does not come into being by it."""
    checkpoint = ModelCheckpoint(tmp_path / "sub" / "w.txt")
    play(checkpoint, [], host=FakeHost({"w": [1.0] * 100}))

    assert checkpoint.rehearsal is not None
    assert checkpoint.rehearsal.size > 100
    assert checkpoint.rehearsal.seconds > 0
    assert names(tmp_path) == []


def test_a_full_disk_shows_in_the_rehearsal(tmp_path: Path, monkeypatch: Any) -> None:
    """Before training; nothing is left."""

    class Full(Disk):
        def write(self, descriptor: int, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("backbeat.files.disk.current", Full())
    recorder = HookRecorder()
    with pytest.raises(CheckpointError, match="as a rehearsal shows: .*The disk is full"):
        play([ModelCheckpoint(tmp_path / "w.txt"), recorder], losses(1))

    assert recorder.calls == []
    assert names(tmp_path) == []


def test_little_room(tmp_path: Path, monkeypatch: Any) -> None:
    """One warning before training; another one only for larger files."""

    class Small(Disk):
        def free_bytes(self, path: Path) -> int:
            return 100_000

    class Growing(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.weights["w"] = np.zeros([10_000, 10_000, 12_000][epoch])

    monkeypatch.setattr("backbeat.files.disk.current", Small())
    with pytest.warns(BackbeatWarning, match="has little room") as caught:
        play(
            [Growing(), ModelCheckpoint(tmp_path / "w")],
            losses(1, 1, 1),
            host=FakeHost({"w": np.zeros(10_000)}),
        )

    assert len(caught) == 2
    assert str(caught[0].message) == (
        f"ModelCheckpoint has little room for {tmp_path / 'w'}: 0.1 MB are free, one save takes "
        "0.1 MB, and twice as much while it replaces an older one."
    )


def test_counts_and_files_go_on(tmp_path: Path) -> None:
    """A resumed run counts its steps on, and lets the earlier files make room."""
    first = ModelCheckpoint(tmp_path / "{step}", every=3, keep_last=2)
    play(first, losses(1), batches=BATCHES)
    state = json.loads(json.dumps(first.state_dict()))
    second = ModelCheckpoint(tmp_path / "{step}", every=3, keep_last=2)

    class Resuming(Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                second.load_state_dict(state)

    play([second, Resuming()], losses(1, 1), batches=BATCHES, initial_epoch=1)

    assert names(tmp_path) == ["12", "9"]
