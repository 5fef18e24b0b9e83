"""BackupAndRestore: what it saves, refuses, removes and says."""

import json
import re
import threading
import time
import warnings

import numpy as np
import pytest
import torch

from backbeat import Loop
from backbeat.callbacks import BackupAndRestore, Callback, EarlyStopping, LambdaCallback
from backbeat.checkpoints import background
from backbeat.checkpoints.background import Job
from backbeat.checkpoints.generation import manifest_of, read_state
from backbeat.errors import (
    ArgumentError,
    ArgumentTypeError,
    BackbeatWarning,
    CheckpointError,
    DirectoryInUseError,
    StateError,
)
from backbeat.files import Disk, lock_directory
from backbeat.layers import BatchNormalization, Dense
from backbeat.models import Sequential
from backbeat.testing import FakeHost, play

X = np.random.RandomState(0).rand(12, 3).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def new_model(units=1, optimizer="adam"):
    torch.manual_seed(0)
    model = Sequential([Dense(4, input_dim=3), BatchNormalization(), Dense(units)])
    model.compile(optimizer, "mse")
    return model


def fit(*callbacks, model=None, **settings):
    settings = {"batch_size": 4, "epochs": 3, "verbose": 0} | settings
    return (model or new_model()).fit(X, Y, callbacks=list(callbacks), **settings)


class Stop(Exception):  # noqa: N818 - it is no error here
    pass


class StopAt(Callback):
    """Ends the process, as it were, after a batch."""

    def __init__(self, batches):
        self.batches = batches

    def on_batch_end(self, batch, logs=None):
        self.batches -= 1
        if self.batches == 0:
            raise Stop


def interrupted(directory, batches, *callbacks, save_freq="epoch", **settings):
    with pytest.raises(Stop):
        fit(StopAt(batches), BackupAndRestore(directory, save_freq), *callbacks, **settings)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def state_in(directory):
    return json.loads((max(directory.glob("gen-*")) / "state.json").read_text())


def test_a_normal_end_removes_the_backup(tmp_path):
    """Nothing of it is left, and what is not its own stays."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    fit(BackupAndRestore(tmp_path / "run"))
    fit(BackupAndRestore(tmp_path / "mine"))

    assert not (tmp_path / "run").exists()
    assert names(tmp_path / "mine") == ["notes.txt"]


def test_it_is_kept_where_asked(tmp_path):
    """delete_checkpoint=False: the next start of the script finds nothing left to do."""
    first = fit(BackupAndRestore(tmp_path, delete_checkpoint=False))
    trained = []
    again = fit(
        BackupAndRestore(tmp_path, delete_checkpoint=False),
        LambdaCallback(on_batch_end=lambda batch, logs: trained.append(batch)),
    )

    assert names(tmp_path) == ["gen-000002", "gen-000003"]
    assert trained == []
    assert again.history == first.history


def test_more_epochs_go_on(tmp_path):
    """With a larger `epochs` a kept run is trained further, as if that had been asked at first."""
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False), epochs=2)
    longer = fit(BackupAndRestore(tmp_path), epochs=5)

    assert longer.history == fit(epochs=5).history


@pytest.mark.parametrize("epochs", [1, 2])
def test_fewer_epochs_are_refused(tmp_path, epochs):
    """They would end normally at once, and remove what is further on."""
    interrupted(tmp_path, 8, save_freq=1, epochs=3)
    before = names(tmp_path)

    with pytest.raises(CheckpointError) as caught:
        fit(BackupAndRestore(tmp_path), epochs=epochs)

    assert str(caught.value) == (
        "The backup stands after 2 epochs and 1 batches, but this run ends with "
        f"epochs={epochs}. Pass a larger epochs=, or give this run another backup_dir."
    )
    assert names(tmp_path) == before


def test_an_error_leaves_the_last_save(tmp_path):
    """A callback's error in mid-epoch saves nothing: nobody knows who had heard the batch."""
    interrupted(tmp_path, 5)

    assert names(tmp_path) == ["gen-000001"]
    assert state_in(tmp_path)["position"] == {
        "epoch": 1,
        "begun": False,
        "batches": 0,
        "part": 0,
        "epoch_logs": state_in(tmp_path)["position"]["epoch_logs"],
        "stop": None,
    }


def test_every_n_batches(tmp_path):
    """A number counts batches over all epochs."""
    interrupted(tmp_path, 6, save_freq=2)

    assert names(tmp_path) == ["gen-000001", "gen-000002"]
    assert state_in(tmp_path)["position"]["batches"] == 1


@pytest.mark.parametrize(
    ("save_freq", "saves"),
    [("2 epochs", 2), ("8 samples", 6), (["epoch", "6 steps"], 6), ("1 h", 0), (4, 3)],
)
def test_other_moments(tmp_path, save_freq, saves):
    """Epochs, samples, time, and several together, as for ModelCheckpoint."""
    fit(BackupAndRestore(tmp_path, save_freq, delete_checkpoint=False), epochs=4)
    numbers = [int(name.removeprefix("gen-")) for name in names(tmp_path)]

    assert max(numbers, default=0) == saves


def test_a_run_saved_by_epochs_has_nothing_to_do_in_a_batch():
    """It is not even called."""
    assert "on_train_batch_end" not in vars(BackupAndRestore("run"))
    assert "on_train_batch_end" in vars(BackupAndRestore("run", 100))


def test_the_second_fit_begins_afresh(tmp_path):
    """fit, resume, fit: what was restored is used once."""
    interrupted(tmp_path, 5)
    backup, model = BackupAndRestore(tmp_path, delete_checkpoint=False), new_model()
    resumed = fit(backup, model=model)
    second = fit(backup, model=model)

    assert resumed.epoch == second.epoch == [0, 1, 2]
    assert second.history["loss"][0] < resumed.history["loss"][0]


def test_a_second_run_in_the_directory_is_refused(tmp_path):
    """Before anything is trained; afterwards the directory is free."""
    trained = []
    other = LambdaCallback(on_batch_end=lambda batch, logs: trained.append(batch))
    inner = LambdaCallback(on_epoch_end=lambda *_: fit(other, BackupAndRestore(tmp_path)))
    with pytest.raises(DirectoryInUseError, match="Give this run a directory of its own"):
        fit(BackupAndRestore(tmp_path), inner)

    assert trained == []
    fit(BackupAndRestore(tmp_path))


def test_the_directory_is_free_after_a_run_that_never_began(tmp_path):
    """An error of another callback before training does not hold the lock."""

    class Failing(Callback):
        def on_train_begin(self, logs=None):
            raise Stop

    backup = BackupAndRestore(tmp_path)
    with pytest.raises(Stop):
        fit(Failing(), backup)

    fit(BackupAndRestore(tmp_path))


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (new_model(units=2), "'2.weight' is float32 [1, 4] there and float32 [2, 4] here"),
        (new_model(optimizer="sgd"), "the optimizer is "),
    ],
)
def test_another_model_is_refused(tmp_path, other, difference):
    """Before anything is changed, naming the first difference."""
    interrupted(tmp_path, 5)
    before = [weight.copy() for weight in other.get_weights()]
    with pytest.raises(CheckpointError, match=re.escape(difference)) as caught:
        other.fit(X, X[:, :2], verbose=0, callbacks=[BackupAndRestore(tmp_path)])

    assert str(caught.value).startswith("The backup is that of another model or optimizer: ")
    assert all(map(np.array_equal, before, other.get_weights()))


@pytest.mark.parametrize("at", [0, 2])
def test_a_state_that_is_not_plain_is_an_error(tmp_path, at):
    """Before training, if it is known then, else at the save; the key is named."""

    class Mine(Callback):
        trained = 0

        def on_batch_end(self, batch, logs=None):
            self.trained += 1

        def state_dict(self):
            return {"seen": {"ids": {1, 2} if self.trained >= at else None}}

    mine = Mine()
    expected = r"^callbacks\['Mine'\]\['state'\]\['seen'\]\['ids'\] is '\{1, 2\}' \(set\)"
    with pytest.raises(ArgumentTypeError, match=expected):
        fit(mine, BackupAndRestore(tmp_path), epochs=1)

    assert mine.trained == (0 if at == 0 else 3)
    assert names(tmp_path) == []


def test_a_state_that_is_not_there_before_training(tmp_path):
    """A callback may have none until the first batch."""

    class Late(Callback):
        def on_batch_end(self, batch, logs=None):
            self.seen = batch

        def state_dict(self):
            return {"seen": self.seen}

    interrupted(tmp_path, 5, Late())

    assert state_in(tmp_path)["callbacks"]["Late"]["state"] == {"seen": 2}


@pytest.mark.parametrize(("free", "times"), [(1_000, 1), (8_000, 1), (1_000_000, 0)])
def test_little_room(tmp_path, monkeypatch, free, times):
    """One warning: before training, or when it is known what the optimizer takes."""

    class Small(Disk):
        def free_bytes(self, path):
            return free

    monkeypatch.setattr("backbeat.files.disk.current", Small())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = fit(BackupAndRestore(tmp_path))

    assert len(told) == times
    for each in told:
        assert re.fullmatch(
            rf"BackupAndRestore has little room in {tmp_path}: 0\.0 MB are free, one save takes "
            r"0\.0 MB, and up to 3 of them are there at a time\.",
            str(each.message),
        )
    assert history.troubles == []


def test_other_callbacks_are_said(tmp_path):
    """One warning lists whose state could not be given back, and who begins afresh."""
    interrupted(tmp_path, 5, EarlyStopping("loss", patience=9))
    expected = (
        "The backup and this run have different callbacks: EarlyStopping is no longer there; "
        "Counting is new and begins afresh."
    )

    class Counting(Callback):
        def state_dict(self):
            return {"count": 0}

    with pytest.warns(BackbeatWarning, match=re.escape(expected)):
        fit(Counting(), BackupAndRestore(tmp_path))


def test_another_environment_is_said(tmp_path):
    """One line says why the run may not be the same bit for bit."""
    interrupted(tmp_path, 5, batch_size=4)
    expected = (
        "The run goes on, but perhaps not bit for bit: the batch size was 4 and is 6; the number "
        "of steps was 3 and is 2."
    )

    with pytest.warns(BackbeatWarning, match=re.escape(expected)):
        fit(BackupAndRestore(tmp_path), batch_size=6)


def test_not_finite_weights_are_not_resumed(tmp_path):
    """The newest save whose weights are finite is the one that is gone on with."""

    class Poison(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                self.model.set_weights([weight * np.nan for weight in self.model.get_weights()])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interrupted(tmp_path, 8, Poison())
    with pytest.warns(BackbeatWarning, match="generation 1 is used, because the weights of the"):
        history = fit(BackupAndRestore(tmp_path))

    assert history.history == fit().history


class Full(Disk):
    """A disk that is full while it is told to be."""

    is_full = False

    def write(self, descriptor, data):
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(descriptor, data)


def fill(disk, directory, epochs):
    """A callback that fills the disk at the ends of `epochs`, once earlier saves are done."""

    def at(epoch, logs):
        background.wait_for(directory)
        disk.is_full = epoch in epochs

    return LambdaCallback(on_epoch_end=at)


IN_LINE_OR_NOT = pytest.mark.parametrize("in_background", [True, False])


@IN_LINE_OR_NOT
def test_a_full_disk_is_a_warning_and_tried_again(tmp_path, monkeypatch, in_background):
    """Training goes on, the next save succeeds, and the run tells of it once more at its end."""
    disk = Full()
    monkeypatch.setattr("backbeat.files.disk.current", disk)
    backup = BackupAndRestore(tmp_path, delete_checkpoint=False, background=in_background)
    with pytest.warns(BackbeatWarning, match="The disk is full.*tried again at the next save"):
        history = fit(fill(disk, tmp_path, {1}), backup)

    assert names(tmp_path) == ["gen-000001", "gen-000002"]
    assert state_in(tmp_path)["position"]["epoch"] == 3
    assert history.troubles == [
        "BackupAndRestore: the run could not be saved once; a later save succeeded"
    ]


@IN_LINE_OR_NOT
def test_a_disk_that_stays_full_is_an_error_at_the_end(tmp_path, monkeypatch, in_background):
    """Only where the backup is to be kept: otherwise a normal end needs none. One warning."""
    disk = Full()
    monkeypatch.setattr("backbeat.files.disk.current", disk)
    with pytest.warns(BackbeatWarning, match="tried again") as warned:
        history = fit(
            fill(disk, tmp_path / "gone", range(9)),
            BackupAndRestore(tmp_path / "gone", background=in_background),
        )

    assert len(warned) == 1
    assert len(history.troubles) == 1
    assert "could not be saved 3 times; lastly: " in history.troubles[0]

    disk.is_full = False
    kept = BackupAndRestore(tmp_path, delete_checkpoint=False, background=in_background)
    with (
        pytest.warns(BackbeatWarning, match="tried again"),
        pytest.raises(CheckpointError, match="The model is still in memory"),
    ):
        fit(fill(disk, tmp_path, range(9)), kept)


class Held(Disk):
    """Lets no generation get its name before `gate` is open."""

    def __init__(self):
        self.gate, self.reached = threading.Event(), threading.Event()

    def replace(self, source, target):
        if target.name.startswith("gen-"):
            self.reached.set()
            assert self.gate.wait(30)
        super().replace(source, target)


@pytest.fixture
def held(monkeypatch):
    disk = Held()
    monkeypatch.setattr("backbeat.files.disk.current", disk)
    yield disk
    disk.gate.set()


def test_training_goes_on_while_it_is_written(tmp_path, held):
    """And what is written is the run as it stood, not as it stands by then."""
    before = []

    def in_epoch(batch, logs):
        if backup.model.optimizer.iterations == 5:
            assert held.reached.wait(30)
            before.extend(names(tmp_path))
            held.gate.set()

    backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
    history = fit(backup, LambdaCallback(on_batch_end=in_epoch), epochs=2)
    path = tmp_path / "gen-000001"
    first = read_state(path, manifest_of(path, 1))

    assert not [name for name in before if name.startswith("gen-")]
    assert first["position"]["epoch"] == 1
    assert first["callbacks"]["History"]["state"]["history"]["loss"] == history.history["loss"][:1]
    alone = new_model()
    fit(model=alone, epochs=1)
    assert first["weights"]["0.weight"].array().tolist() == alone.get_weights()[0].T.tolist()


def test_in_line_it_is_there_when_training_goes_on(tmp_path):
    """background=False writes before the next epoch begins."""
    seen = []
    looks = LambdaCallback(on_epoch_begin=lambda epoch, _: seen.append(names(tmp_path)[1:]))
    fit(BackupAndRestore(tmp_path, background=False), looks)

    assert seen == [[], ["gen-000001"], ["gen-000001", "gen-000002"]]


def test_the_next_save_waits(tmp_path, held):
    """Never two on their way: the memory of the first is used by the second."""
    waited = []

    def open_later():
        assert held.reached.wait(30)
        time.sleep(0.2)
        waited.append(names(tmp_path))
        held.gate.set()

    opener = threading.Thread(target=open_later)
    opener.start()
    began = []
    begins = LambdaCallback(on_epoch_begin=lambda epoch, _: began.append((epoch, bool(waited))))
    fit(BackupAndRestore(tmp_path, delete_checkpoint=False), begins)
    opener.join()

    assert began == [(0, False), (1, False), (2, True)]
    assert names(tmp_path) == ["gen-000002", "gen-000003"]


def test_ctrl_c_while_waiting_leaves_a_whole_save(tmp_path, held, monkeypatch):
    """The directory stays this run's until it is written; then the next run goes on from it."""

    def interrupted(job):
        raise KeyboardInterrupt

    class Impatient(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                monkeypatch.setattr(Job, "wait", interrupted)

    backup = BackupAndRestore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(backup, Impatient())
    monkeypatch.undo()
    monkeypatch.setattr("backbeat.files.disk.current", held)
    with pytest.raises(DirectoryInUseError):
        lock_directory(tmp_path)
    threading.Timer(0.2, held.gate.set).start()
    resumed = fit(BackupAndRestore(tmp_path, delete_checkpoint=False))

    assert resumed.history == fit().history
    # One from before Ctrl-C, one of its end, and two of the resumed run, which stay.
    assert names(tmp_path) == ["gen-000003", "gen-000004"]


def test_old_saves_that_cannot_be_removed_are_a_warning(tmp_path, monkeypatch):
    """The new one is safe."""

    class Sticky(Disk):
        def unlink(self, path):
            if path.parent.name.startswith(".backbeat-trash"):
                raise OSError(5, "Input/output error")
            super().unlink(path)

    monkeypatch.setattr("backbeat.files.disk.current", Sticky())
    with pytest.warns(BackbeatWarning, match="BackupAndRestore: .*gen-000001 could not be removed"):
        fit(BackupAndRestore(tmp_path, delete_checkpoint=False))

    assert {"gen-000002", "gen-000003"} <= set(names(tmp_path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n" * 300, "cannot be written: File name too long. The name is too long"),
        ("file", "cannot be written: Not a directory. A part of the path is a file"),
        ("file/below", "cannot be written: Not a directory. A part of the path is a file"),
    ],
)
def test_a_directory_that_cannot_be_is_refused_before_training(tmp_path, name, text):
    """With what is wrong and what to do."""
    (tmp_path / "file").write_text("mine")
    trained = []
    sees = LambdaCallback(on_batch_end=lambda batch, logs: trained.append(batch))
    with pytest.raises(CheckpointError, match=re.escape(text)):
        fit(sees, BackupAndRestore(tmp_path / name))

    assert trained == []
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("operation", ["open", "make_directory"])
def test_without_permission_it_is_refused_before_training(tmp_path, monkeypatch, operation):
    """Files and directories are tried out; afterwards the directory is free."""

    def denied(disk, path, *rest):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Disk, operation, denied)
    with pytest.raises(CheckpointError, match="You may not write there"):
        fit(BackupAndRestore(tmp_path / "run"))
    monkeypatch.undo()

    assert names(tmp_path / "run") == []
    fit(BackupAndRestore(tmp_path / "run"))


def test_further_things_belong_to_the_run(tmp_path):
    """`also`: a generator and a second optimizer go on where they were."""
    seen = []
    for batches in (5, None):
        torch.manual_seed(0)
        module, other = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        second = torch.optim.Adam(other.parameters())
        noise = np.random.default_rng(0)
        backup = BackupAndRestore(tmp_path, also={"noise": noise, "second": second})
        callbacks = [backup] if batches is None else [backup, StopAt(batches)]
        try:
            with Loop(module, optimizer, callbacks=callbacks, epochs=3) as loop:
                for epoch in loop.epochs():
                    for _ in loop.batches(range(3)):
                        other(torch.ones(3)).sum().backward()
                        second.step()
                        seen.append((epoch, loop.batch, noise.random()))
                steps = second.state[other.weight]["step"].item()
        except Stop:
            pass

    undisturbed = np.random.default_rng(0).random(9).tolist()
    assert steps == 9
    assert [value for _, _, value in seen[:5]] == undisturbed[:5]
    assert [value for _, _, value in seen[5:]] == undisturbed[3:]


def test_several_processes_are_refused(tmp_path, monkeypatch):
    """Before training: only one of them would go on at a restart. One alone is welcome."""
    monkeypatch.setenv("WORLD_SIZE", "1")
    fit(BackupAndRestore(tmp_path / "one"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StateError) as raised:
        fit(BackupAndRestore(tmp_path / "two"))

    assert str(raised.value) == (
        "BackupAndRestore would save only one of the 2 processes that train here (WORLD_SIZE), and "
        "a restart would let that one go on while the others begin anew. Leave it out, and save "
        "the model with ModelCheckpoint."
    )
    assert not (tmp_path / "two").exists()


def test_a_host_that_cannot_be_saved_is_refused(tmp_path):
    """Before training, with what can."""
    with pytest.raises(ArgumentTypeError) as caught:
        play(BackupAndRestore(tmp_path), [{"loss": 1.0}], host=FakeHost())

    assert str(caught.value) == (
        "BackupAndRestore cannot save a run of a FakeHost: use it in model.fit(...) or in "
        "backbeat.Loop(...)."
    )


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("",), ArgumentTypeError, "backup_dir is a str"),
        (("a", "soon"), ArgumentError, "BackupAndRestore: save_freq is 'epoch', a number of steps"),
        (("a", 0), ArgumentError, "save_freq is a number of steps of at least 1; got 0."),
    ],
)
def test_wrong_arguments(arguments, error, text):
    """Refused where they are written."""
    with pytest.raises(error, match=re.escape(text)):
        BackupAndRestore(*arguments)


def test_wrong_keywords():
    """Fewer than two saves could leave none; `also` needs names."""
    with pytest.raises(ArgumentError, match="keep is a number of at least 2; got 1"):
        BackupAndRestore("a", keep=1)
    with pytest.raises(ArgumentTypeError, match="also maps names to things"):
        BackupAndRestore("a", also=[1])


def test_outside_of_a_run():
    """Called by nobody who knows the run, it says where it belongs."""
    backup = BackupAndRestore("a", save_freq=2)
    for moment in (lambda: backup.on_epoch_end(0), lambda: backup.on_train_batch_end(0, {})):
        with pytest.raises(StateError, match=r"called outside of a run: pass it to model\.fit\("):
            moment()
    backup.close()
