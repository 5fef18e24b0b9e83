"""ModelCheckpoint in a real fit that goes on while a thread writes."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbeat import files
from backbeat.callbacks import Callback, EarlyStopping, LambdaCallback, ModelCheckpoint
from backbeat.checkpoints import read_tensors
from backbeat.errors import BackbeatWarning, CheckpointError
from backbeat.layers import Dense
from backbeat.models import Model, Sequential, load_model
from backbeat.training.loop import Loop
from backbeat.training.staging import Staging
from tests.files.disks import names

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.rand(40, 8).astype("float32"), RANDOM.rand(40, 3).astype("float32")


class Gate(files.Disk):
    """A disk that brings nothing to safety before it is opened, or that fails then.

    Only for the thread in the background.
    """

    def __init__(self) -> None:
        self.lets_go = threading.Event()
        self.code = 0
        self.fsyncs = 0

    def fsync(self, descriptor: int) -> None:
        if threading.current_thread() is threading.main_thread():
            super().fsync(descriptor)
            return
        self.fsyncs += 1
        assert self.lets_go.wait(30)
        if self.code:
            raise OSError(self.code, os.strerror(self.code))
        super().fsync(descriptor)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(files.disk, "current", made)
    yield made
    made.lets_go.set()


def model() -> Sequential:
    torch.manual_seed(0)
    made = Sequential([Dense(6, "relu", input_dim=8), Dense(3)])
    made.compile("adam", "mse")
    return made


def fit(made: Any, *callbacks: Any, epochs: int = 3, **keywords: Any) -> Any:
    return made.fit(
        X, Y, batch_size=10, verbose=0, epochs=epochs, callbacks=list(callbacks), **keywords
    )


def at_epoch_end(**acts: Callable[[], object]) -> LambdaCallback:
    """Calls an act at the end of its epoch, named `e0`, `e1`, …, after the checkpoint."""
    return LambdaCallback(on_epoch_end=lambda epoch, logs: acts.get(f"e{epoch}", lambda: None)())


def saving_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "backbeat checkpoints"]


def wait_until_written() -> None:
    while saving_threads():
        time.sleep(0.001)


SUFFIXES = [".h5", ".weights.h5", ".safetensors"]


@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_saved_is_what_was_there(
    tmp_path: Path, gate: Gate, suffix: str, weights_only: bool
) -> None:
    """Training goes on for two epochs before the bytes of the first one may reach the disk."""
    path = tmp_path / f"m{suffix}"
    saving = ModelCheckpoint(path, save_weights_only=weights_only, period=3)
    made, then = model(), []
    fit(
        made,
        saving,
        at_epoch_end(
            e2=lambda: then.extend([*made.get_weights(), made.optimizer.iterations]),
            e4=lambda: then.append(names(tmp_path)) or gate.lets_go.set(),
        ),
        epochs=5,
    )
    *weights, iterations, there = then
    found = model()
    found.load_weights(path)

    assert path.name not in there
    for one, other in zip(found.get_weights(), weights, strict=True):
        assert np.array_equal(one, other)
    if suffix == ".h5" and not weights_only:
        assert load_model(path).optimizer.iterations == iterations == 12


def test_nothing_runs_after_fit(tmp_path: Path) -> None:
    """When fit returns all is written, and the thread is gone."""
    fit(model(), ModelCheckpoint(tmp_path / "{epoch}.h5"))

    assert saving_threads() == []
    assert names(tmp_path) == ["1.h5", "2.h5", "3.h5"]


def test_in_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`background=False` saves in the thread that trains."""
    who: set[threading.Thread] = set()

    class Watching(files.Disk):
        def fsync(self, descriptor: int) -> None:
            who.add(threading.current_thread())
            super().fsync(descriptor)

    monkeypatch.setattr(files.disk, "current", Watching())
    fit(model(), ModelCheckpoint(tmp_path / "m.h5", background=False))

    assert who == {threading.current_thread()}


def test_used_bare_it_saves_in_line(tmp_path: Path) -> None:
    """Without a run nobody would wait for the thread."""
    saving = ModelCheckpoint(tmp_path / "m.h5")
    saving.set_model(model())
    saving.on_epoch_end(0, {})

    assert names(tmp_path) == ["m.h5"]


@pytest.mark.parametrize("weights_only", [False, True])
def test_a_save_of_your_own_is_called_in_line(tmp_path: Path, weights_only: bool) -> None:
    """Overridden in a subclass, or replaced on the model."""
    who: list[threading.Thread] = []

    def note(*arguments: Any) -> None:
        who.append(threading.current_thread())

    class Own(Model):
        save = save_weights = note

    replaced = model()
    replaced.save = replaced.save_weights = note  # type: ignore[method-assign]
    subclass = Own(torch.nn.Linear(8, 3))
    subclass.compile("sgd", "mse")
    for made in (subclass, replaced):
        fit(made, ModelCheckpoint(tmp_path / "m", save_weights_only=weights_only), epochs=1)

    assert who == [threading.current_thread()] * 2


# One save after the other


def test_the_next_save_waits(tmp_path: Path, gate: Gate) -> None:
    """It needs the memory of the one before; all of them are there in the end."""
    threading.Timer(0.2, gate.lets_go.set).start()
    saving = ModelCheckpoint(tmp_path / "{epoch}.h5")
    fit(model(), saving)

    assert names(tmp_path) == ["1.h5", "2.h5", "3.h5"]
    assert saving.skipped == 0


def test_the_next_save_is_left_out(tmp_path: Path, gate: Gate) -> None:
    """Said once and counted; what the last epoch owes is saved when training ends."""
    saving = ModelCheckpoint(tmp_path / "{epoch}.h5", when_busy="skip")
    opening = LambdaCallback(on_train_end=lambda logs: gate.lets_go.set())
    with pytest.warns(BackbeatWarning) as caught:
        fit(model(), opening, saving, epochs=4)

    assert [str(each.message) for each in caught] == [
        f"ModelCheckpoint left out a save to {tmp_path / '{epoch}.h5'}: the one before is still "
        "being written. Further ones are only counted, in its attribute skipped; pass "
        "when_busy='wait' to wait instead."
    ]
    assert saving.skipped == 3
    assert names(tmp_path) == ["1.h5", "4.h5"]


def test_two_checkpoints_of_one_path(tmp_path: Path) -> None:
    """Written in the order in which they were decided on."""
    path, made = tmp_path / "m.safetensors", model()
    fit(made, ModelCheckpoint(path, save_best_only=True, monitor="loss"), ModelCheckpoint(path))
    found = model()
    found.load_weights(path)

    assert np.array_equal(found.get_weights()[0], made.get_weights()[0])


def test_reading_waits(tmp_path: Path, gate: Gate) -> None:
    """A callback that loads what was just saved gets just that."""
    path, found = tmp_path / "m.h5", model()
    made, equal = model(), []

    def load() -> None:
        threading.Timer(0.1, gate.lets_go.set).start()
        found.load_weights(path)
        equal.append(np.array_equal(found.get_weights()[0], made.get_weights()[0]))

    fit(made, ModelCheckpoint(path), at_epoch_end(e0=load), epochs=1)

    assert equal == [True]


# Telling the others


class Told(Callback):
    """Notes when, and in which thread, it hears of files, and whether they are there."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool, int]] = []
        self.batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1

    def on_checkpoint_saved(self, path: Path) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.heard.append((path.name, path.exists(), self.batches))


def test_the_others_hear_of_it_at_the_next_batch(tmp_path: Path, gate: Gate) -> None:
    """When it is on the disk, not before; in the thread that trains."""
    told, saving = Told(), ModelCheckpoint(tmp_path / "{epoch}.h5", period=2)
    opened_at: list[int] = []

    def open_gate(batch: int, logs: Any) -> None:
        if told.batches == 9:
            gate.lets_go.set()
            wait_until_written()
            opened_at.append(told.batches)

    fit(model(), LambdaCallback(on_batch_end=open_gate), saving, told, epochs=4)

    assert opened_at == [9]
    assert told.heard == [("2.h5", True, 9), ("4.h5", True, 16)]


def test_a_batch_pays_nothing_when_nothing_is_written(tmp_path: Path) -> None:
    """The checkpoint hears the end of batches only while one of its saves is on its way."""
    saving = ModelCheckpoint(tmp_path / "m.h5", period=2)
    hears: list[bool] = []
    watching = LambdaCallback(
        on_batch_begin=lambda batch, logs: wait_until_written(),
        on_batch_end=lambda batch, logs: hears.append("on_train_batch_end" in vars(saving)),
    )
    history = fit(model(), watching, saving, epochs=5)
    (cost,) = (each for each in history.cost if each.hook == "on_train_batch_end" and is_of(each))
    heard = [number for number, is_heard in enumerate(hears) if is_heard]

    assert len(hears) == 5 * 4
    assert heard == [2 * 4, 4 * 4]
    assert cost.calls == 2
    assert "on_train_batch_end" not in vars(saving)
    assert history.epoch == [0, 1, 2, 3, 4]


def is_of(cost: Any) -> bool:
    return cost.callback == "ModelCheckpoint"


# What goes wrong


def test_an_error_in_the_background(tmp_path: Path, gate: Gate) -> None:
    """A warning at the next boundary, the old file stays, the next trigger succeeds."""
    path, made = tmp_path / "m.h5", model()
    gate.lets_go.set()
    made.save(path)
    before = path.read_bytes()
    state: list[bytes] = []
    gate.code = errno.ENOSPC

    def heal(epoch: int, logs: Any) -> None:
        if saving_threads():
            wait_until_written()
            state.append(path.read_bytes())
            gate.code = 0

    saving, healing = ModelCheckpoint(path), LambdaCallback(on_epoch_begin=heal)
    with pytest.warns(BackbeatWarning, match=r"could not save .*m\.h5: .*No space left") as caught:
        fit(made, healing, saving, epochs=2)

    assert len(caught) == 1
    assert state == [before]
    assert names(tmp_path) == ["m.h5"]
    assert np.array_equal(load_model(path).get_weights()[0], made.get_weights()[0])


def test_an_error_for_good(tmp_path: Path, gate: Gate) -> None:
    """Raised when training ends, after another try."""
    gate.lets_go.set()
    gate.code = errno.EIO
    with (
        pytest.warns(BackbeatWarning, match="could not save"),
        pytest.raises(CheckpointError, match="The model is still in memory") as caught,
    ):
        fit(model(), ModelCheckpoint(tmp_path / "m.h5"))

    assert isinstance(caught.value.__cause__, CheckpointError)
    assert names(tmp_path) == []
    assert gate.fsyncs == 4


def test_a_best_that_was_lost_is_not_the_best(tmp_path: Path, gate: Gate) -> None:
    """As long as it is being written it counts; when it fails the best is the one before."""
    gate.lets_go.set()
    gate.code = errno.EIO
    saving = ModelCheckpoint(tmp_path / "m.h5", monitor="loss", save_best_only=True)
    bests: list[float] = []
    with pytest.warns(BackbeatWarning, match="could not save"), pytest.raises(CheckpointError):
        fit(model(), saving, at_epoch_end(e0=lambda: bests.append(saving.best)), epochs=1)

    assert np.isfinite(bests[0])
    assert saving.best == np.inf


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_no_memory_for_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """At whichever tensor: a failed save like any other, and the next one succeeds."""
    made, hold = model(), Staging.hold
    monkeypatch.setattr(Staging, "hold", hold)
    held: list[int] = []

    def count(self: Staging, tensor: Any, dtype: Any) -> Any:
        held.append(1)
        return hold(self, tensor, dtype)

    monkeypatch.setattr(Staging, "hold", count)
    fit(made, ModelCheckpoint(tmp_path / "m.h5"), epochs=1)
    before, tensors = (tmp_path / "m.h5").read_bytes(), 12
    # As many are held for the rehearsal, before.
    for number in range(tensors + 1, 2 * tensors + 1):
        held.clear()

        def fail(self: Staging, tensor: Any, dtype: Any, number: int = number) -> Any:
            held.append(1)
            if len(held) == number:
                raise kind("no memory")
            return hold(self, tensor, dtype)

        monkeypatch.setattr(Staging, "hold", fail)
        with pytest.warns(BackbeatWarning, match=r"could not save .*no memory"):
            fit(made, ModelCheckpoint(tmp_path / "m.h5"), epochs=1)

        assert (tmp_path / "m.h5").read_bytes() != before

    assert len(held) == 3 * tensors


# The ways out


class BoomError(Exception):
    pass


@pytest.mark.parametrize("error", [BoomError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["on_batch_begin", "on_epoch_begin", "on_train_end"])
def test_every_way_out_waits(
    tmp_path: Path, gate: Gate, where: str, error: type[BaseException]
) -> None:
    """Whatever ends the training, wherever: what was being written is whole, no thread is left."""

    def leave(*arguments: Any) -> None:
        if where == "on_train_end" or arguments[0] == 1 or saving._saver.is_pending:
            threading.Timer(0.1, gate.lets_go.set).start()
            raise error

    saving = ModelCheckpoint(tmp_path / "m.h5")
    with pytest.raises(error):
        fit(model(), LambdaCallback(**{where: leave}), saving, epochs=1 + (where != "on_train_end"))
    there = names(tmp_path)

    assert saving_threads() == []
    assert there == ([] if where == "on_batch_begin" and not gate.fsyncs else ["m.h5"])
    assert there == [] or load_model(tmp_path / "m.h5")


def test_a_stop_waits(tmp_path: Path, gate: Gate) -> None:
    """So does the end that a callback asked for."""
    threading.Timer(0.2, gate.lets_go.set).start()
    stop = EarlyStopping("loss", min_delta=100, patience=1)
    fit(model(), ModelCheckpoint(tmp_path / "m{epoch}.h5"), stop, epochs=9)

    assert names(tmp_path) == ["m1.h5", "m2.h5"]
    assert saving_threads() == []


def test_ctrl_c_while_waiting_ends_the_waiting(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for a second time; the file is old or new, never half."""
    waits: list[int] = []

    def interrupted(job: Any) -> None:
        waits.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr("backbeat.checkpoints.background.Job.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(model(), ModelCheckpoint(tmp_path / "m.h5"), epochs=1)
    gate.lets_go.set()
    wait_until_written()

    assert waits == [1]
    assert load_model(tmp_path / "m.h5")


# In other company


def test_a_program_that_goes_elsewhere(
    tmp_path: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name means what it meant when the save was due, wherever the program is then."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    saving = ModelCheckpoint("m.h5", last_path="last.h5", monitor="loss", period=3)

    def leave() -> None:
        os.chdir("elsewhere")
        gate.lets_go.set()

    fit(model(), saving, at_epoch_end(e2=leave))

    assert names(tmp_path) == ["elsewhere", "last.h5", "m.h5"]
    assert names(tmp_path / "elsewhere") == []


def test_in_a_loop_of_your_own(tmp_path: Path) -> None:
    """A plain module is copied and written in the same way."""
    module = torch.nn.Linear(8, 3)
    with Loop(module, callbacks=[ModelCheckpoint(tmp_path / "m.safetensors")], epochs=1) as loop:
        for _ in loop.epochs():
            for batch in loop.batches([X]):
                loop.log_batch(loss=0.0, size=len(batch))
            expected = module.weight.detach().clone()
    found = read_tensors(tmp_path / "m.safetensors").tensors["weight"].array()

    assert np.array_equal(found, expected.numpy())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bfloat16(tmp_path: Path, suffix: str) -> None:
    """It travels as it is in safetensors, and as float32 where HDF5 has no word for it."""
    module = torch.nn.Linear(8, 3).bfloat16()
    path = tmp_path / f"m{suffix}"
    with Loop(module, callbacks=[ModelCheckpoint(path)], epochs=1) as loop:
        for _ in loop.epochs():
            pass
    found = Model(torch.nn.Linear(8, 3).bfloat16())
    found.load_weights(path)

    assert torch.equal(found.wrapped.weight, module.weight)
    if suffix == ".safetensors":
        assert read_tensors(path).tensors["weight"].dtype == "bfloat16"


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_of_it_save_too(tmp_path: Path, clone: Any) -> None:
    """Copied after a run, or in the middle of one, as tools that search parameters do."""
    saving, clones = ModelCheckpoint(tmp_path / "m{epoch}.h5"), []
    fit(model(), saving, at_epoch_end(e0=lambda: clones.append(clone(saving))), epochs=1)
    for each in (clones[0], clone(saving)):
        for file in tmp_path.iterdir():
            file.unlink()
        fit(model(), each, epochs=2)

        assert names(tmp_path) == ["m1.h5", "m2.h5"]
