"""What becomes of a run in which something goes wrong: one test each, with the exact words."""

import os
import signal
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from backbeat.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.errors import (
    ArgumentError,
    ArgumentTypeError,
    BackbeatWarning,
    CheckpointError,
    DataError,
    MonitorError,
    StateError,
    UnknownNameError,
)
from backbeat.hooks.moments import MOMENTS
from backbeat.models import Model, Sequential
from backbeat.testing import HookRecorder
from tests.training.examples import X, Y, cut, softmax_model

ENDS = ("on_train_end", "on_exception", "close")


def fit(*callbacks, model=None, x=X, y=Y, **arguments):
    model = softmax_model() if model is None else model
    return model.fit(x, y, batch_size=4, verbose=0, callbacks=list(callbacks), **arguments)


def failing(hook, error, after=0):
    """A callback that raises `error` in a call of `hook`."""
    calls = iter(range(1000))

    class Failing(Callback):
        pass

    def fail(self, *arguments):
        if next(calls) == after:
            raise error

    setattr(Failing, hook, fail)
    return Failing()


class Log(Callback):
    """Writes down its name and how it ended, in a list that others share."""

    def __init__(self, name, log, *, fails_in=()):
        self.name, self.log, self.fails_in = name, log, fails_in

    def note(self, hook):
        self.log.append((self.name, hook))
        if hook in self.fails_in:
            raise ValueError(f"{self.name} in {hook}")

    def on_train_begin(self, logs=None):
        self.note("on_train_begin")

    def on_epoch_end(self, epoch, logs=None):
        if "on_epoch_end" in self.fails_in:
            self.note("on_epoch_end")

    def on_train_end(self, logs=None):
        self.note("on_train_end")

    def on_exception(self, error):
        self.note("on_exception")

    def close(self):
        self.note("close")


def ends(log):
    return [entry for entry in log if entry[1] in ENDS]


# An exception in a callback

RAISING = [hook for hook in MOMENTS if hook not in ("on_exception", "on_checkpoint_saved", "close")]


@pytest.mark.parametrize("hook", [h for h in RAISING if "predict" not in h])
def test_an_exception_in_a_hook_is_the_same_object_with_a_note(hook):
    """It reaches the caller as it is, saying which callback and hook it came from."""
    error, recorder = ZeroDivisionError("mine"), HookRecorder(*ENDS)
    with pytest.raises(ZeroDivisionError) as caught:
        fit(recorder, failing(hook, error), validation_data=(X, Y))

    assert caught.value is error
    assert f"raised in Failing.{hook.replace('on_batch', 'on_train_batch')}" in error.__notes__
    if hook == "on_train_end":
        assert recorder.hooks == ["on_train_end", "on_exception", "close"]
    else:
        assert recorder.calls == [("on_exception", error), ("close",)]


@pytest.mark.parametrize("hook", [h for h in RAISING if "predict" in h])
def test_an_exception_while_predicting(hook):
    """predict keeps the same promises."""
    error, recorder = ZeroDivisionError("mine"), HookRecorder(*ENDS)
    with pytest.raises(ZeroDivisionError) as caught:
        softmax_model().predict(X, callbacks=[recorder, failing(hook, error)])

    assert caught.value is error
    assert error.__notes__ == [f"raised in Failing.{hook}"]
    assert recorder.calls == [("on_exception", error), ("close",)]


def test_the_note_says_epoch_and_batch():
    """An exception in a batch's hook is noted with its epoch and batch."""
    error = ValueError("mine")
    with pytest.raises(ValueError, match="^mine"):
        fit(failing("on_batch_end", error, after=4), epochs=3)

    assert error.__notes__ == ["raised in Failing.on_train_batch_end", "in epoch 1, batch 1"]


def test_an_exception_in_close_is_raised_when_all_are_closed():
    """One failing close starves nobody, and the caller hears of it."""
    log = []
    with pytest.raises(ValueError, match="^b in close") as caught:
        fit(Log("a", log), Log("b", log, fails_in=["close"]), Log("c", log))

    closed = [name for name, hook in log if hook == "close"]
    assert closed == ["c", "b", "a"]
    assert caught.value.__notes__ == ["raised in Log.close"]


def test_every_begun_callback_is_closed_once_in_reverse():
    """Whoever heard the begin hears the exception in order, and the close in reverse."""
    log = []
    with pytest.raises(ValueError, match="^b in on_epoch_end"):
        fit(Log("a", log), Log("b", log, fails_in=["on_epoch_end"]), Log("c", log))

    wanted = [("a", "on_exception"), ("b", "on_exception"), ("c", "on_exception")]
    assert ends(log) == [*wanted, ("c", "close"), ("b", "close"), ("a", "close")]


def test_a_callback_that_was_not_begun_is_not_closed():
    """A failing begin ends the run: those behind it hear nothing at all."""
    log = []
    with pytest.raises(ValueError, match="^b in on_train_begin"):
        fit(Log("a", log), Log("b", log, fails_in=["on_train_begin"]), Log("c", log))

    wanted = [("a", "on_exception"), ("b", "on_exception"), ("b", "close"), ("a", "close")]
    assert ends(log) == wanted
    assert "c" not in dict(log)


def test_every_train_end_runs_though_one_fails():
    """on_train_end reaches everybody; then the first error is raised."""
    log = []
    failures = ["on_train_end"]
    with pytest.raises(ValueError, match="^a in on_train_end") as caught:
        fit(Log("a", log, fails_in=failures), Log("b", log, fails_in=failures), Log("c", log))

    assert [name for name, hook in log if hook == "on_train_end"] == ["a", "b", "c"]
    assert caught.value.__notes__ == [
        "raised in Log.on_train_end",
        "then ValueError: b in on_train_end (raised in Log.on_train_end)",
    ]


def test_the_first_error_wins_and_later_ones_are_notes():
    """What on_exception and close raise themselves does not hide the first error."""
    log, error = [], KeyError("first")
    with pytest.raises(KeyError) as caught:
        fit(Log("a", log, fails_in=["on_exception", "close"]), failing("on_epoch_end", error))

    assert caught.value is error
    assert error.__notes__ == [
        "raised in Failing.on_epoch_end",
        "in epoch 0",
        "then ValueError: a in on_exception (raised in Log.on_exception)",
        "then ValueError: a in close (raised in Log.close)",
    ]


def test_an_observer_of_ours_never_ends_a_training(tmp_path):
    """A failing observer is a warning, once, and everybody after it is still called."""

    class Broken(CSVLogger):
        def on_epoch_end(self, epoch, logs=None):
            raise OSError("no paper")

        def on_batch_end(self, batch, logs=None):
            raise OSError("no ink")

    recorder = HookRecorder("on_epoch_end", "on_batch_end")
    with pytest.warns(BackbeatWarning) as told:
        history = fit(Broken(tmp_path / "a.csv"), recorder, epochs=2)

    assert [str(each.message) for each in told] == [
        "Broken.on_train_batch_end failed: OSError: no ink. Training goes on without it; further "
        "failures of it are only counted.",
        "Broken.on_epoch_end failed: OSError: no paper. Training goes on without it; further "
        "failures of it are only counted.",
    ]
    assert recorder.hooks == (["on_batch_end"] * 3 + ["on_epoch_end"]) * 2
    assert history.epoch == [0, 1]


def test_history_is_there_after_an_error():
    """model.history holds the epochs that ended; the weights are those of the last batch."""
    model = softmax_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match="mine"):
        fit(failing("on_epoch_begin", ValueError("mine"), after=2), model=model, epochs=5)

    assert model.history.epoch == [0, 1]
    assert len(model.history["loss"]) == 2
    assert not np.array_equal(model.get_weights()[0], before[0])


def test_a_run_after_an_error_is_whole():
    """The same model and callbacks run again as if nothing had been."""
    model, recorder = softmax_model(), HookRecorder(*ENDS)
    with pytest.raises(ValueError, match="mine"):
        fit(failing("on_batch_end", ValueError("mine")), recorder, model=model)
    history = fit(recorder, model=model, epochs=2)

    assert recorder.hooks == ["on_exception", "close", "on_train_end", "close"]
    assert history.epoch == [0, 1]


@pytest.mark.parametrize("hook", ["on_test_batch_end", "on_validation_begin", "on_test_end"])
def test_modes_are_restored_after_an_error_in_validation(hook):
    """Each module is in the mode again that it was in: training, or frozen by the user."""
    model = Sequential([torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 3)])
    model.compile("sgd", "mse")
    frozen = LambdaCallback(on_batch_end=lambda batch, logs: model.layers[0].eval())
    with pytest.raises(ValueError, match="mine"):
        fit(frozen, failing(hook, ValueError("mine")), model=model, validation_data=(X, Y))

    assert [layer.training for layer in model.layers] == [False, True, True]


def test_an_error_in_predict_restores_the_modes():
    """predict and evaluate leave the modes of all modules as they were, error or not."""
    model = Sequential([torch.nn.Dropout(0.5), torch.nn.Linear(4, 3)])
    model.layers[0].eval()
    with pytest.raises(ValueError, match="mine"):
        model.predict(X, callbacks=failing("on_predict_batch_end", ValueError("mine")))
    model.predict(X)

    assert [model.training, *(layer.training for layer in model.layers)] == [True, False, True]


def test_gradients_of_a_failed_batch_are_forgotten():
    """A hook that fails between backward and step leaves nothing to the next run."""
    model, fresh = softmax_model(), softmax_model()
    with pytest.raises(ValueError, match="mine"):
        fit(failing("on_backward_end", ValueError("mine")), model=model, shuffle=False)
    listener = LambdaCallback(on_backward_end=lambda batch, logs: None)
    histories = [fit(listener, model=each, shuffle=False).history for each in (model, fresh)]

    assert histories[0] == histories[1]
    assert all(map(np.array_equal, model.get_weights(), fresh.get_weights()))


# An exception elsewhere


def test_an_exception_in_the_data():
    """It is the user's own, noted with the batch that could not be fetched."""

    def broken():
        yield from cut()[:2]
        raise ValueError("disk gone")

    recorder = HookRecorder(*ENDS)
    with pytest.raises(ValueError, match="^disk gone") as caught:
        softmax_model().fit(broken(), verbose=0, callbacks=recorder)

    assert caught.value.__notes__ == ["while fetching batch 2 of epoch 0", "in epoch 0"]
    assert recorder.hooks == ["on_exception", "close"]


def test_an_exception_in_the_step():
    """An error of the model's own forward says where it happened."""

    class Broken(Model):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 3)

        def forward(self, x):
            if self.training and len(x) == 2:
                raise RuntimeError("too short")
            return self.linear(x)

    model, recorder = Broken(), HookRecorder(*ENDS)
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="^too short") as caught:
        fit(recorder, model=model)

    assert caught.value.__notes__ == ["in epoch 0, batch 2"]
    assert recorder.hooks == ["on_exception", "close"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
@pytest.mark.parametrize("hook", ["on_train_begin", "on_batch_end", "on_epoch_end"])
def test_an_interrupt_in_a_hook(hook, error):
    """Ctrl-C and exit end the run like an error: everybody is told and closed, nothing is lost."""
    model, recorder = softmax_model(), HookRecorder(*ENDS)
    with pytest.raises(type(error)) as caught:
        fit(recorder, failing(hook, error), model=model)

    assert caught.value is error
    assert recorder.calls == [("on_exception", error), ("close",)]
    assert model.history is not None


def test_an_interrupt_passes_through_an_observer(tmp_path):
    """Ctrl-C while one of our observers works is no failure of the observer."""

    class Slow(CSVLogger):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Slow(tmp_path / "a.csv"))


def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    """A real SIGINT closes the callbacks and ends the process as Python does."""
    script = textwrap.dedent(
        """
        import sys, time
        from backbeat.callbacks import Callback, CSVLogger
        from tests.training.examples import X, Y, softmax_model

        class Told(Callback):
            def on_epoch_end(self, epoch, logs=None):
                print("epoch", epoch, flush=True)
            def on_train_end(self, logs=None):
                print("end", flush=True)
            def on_exception(self, error):
                print(type(error).__name__, len(self.model.history.epoch) > 0, flush=True)
            def close(self):
                print("closed", flush=True)

        softmax_model().fit(
            X, Y, epochs=10**9, verbose=0, callbacks=[Told(), CSVLogger(sys.argv[1])]
        )
        """
    )
    path = tmp_path / "log.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    while "epoch 3" not in process.stdout.readline():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)

    assert output.splitlines()[-2:] == ["KeyboardInterrupt True", "closed"]
    assert "end" not in output.splitlines()
    assert errors.splitlines()[-1].startswith(("KeyboardInterrupt", "in epoch"))
    assert process.returncode == -signal.SIGINT
    rows = path.read_text().splitlines()
    assert rows[0] == "epoch,acc,loss"
    assert [row.split(",")[0] for row in rows[1:]] == [str(i) for i in range(len(rows) - 1)]


# Mistakes that are told before they cost anything


def test_a_misspelt_hook():
    """It is reported at once, with the nearest real name."""

    class Mine(Callback):
        def on_epoch_ended(self, epoch, logs):
            raise AssertionError

    with pytest.warns(BackbeatWarning) as told:
        fit(Mine())

    assert [str(each.message) for each in told] == [
        "Mine.on_epoch_ended is never called: there is no such hook. Did you mean on_epoch_end?"
    ]


def test_a_missing_monitor():
    """One warning, before the first batch, with the names there are and what to do."""
    told_at = []
    begin = LambdaCallback(on_train_begin=lambda logs: told_at.append(len(told)))
    with pytest.warns(BackbeatWarning) as told:
        fit(begin, EarlyStopping(), epochs=3)

    assert told_at == [1]
    assert [str(each.message) for each in told] == [
        "EarlyStopping watches 'val_loss', but this run logs: loss, acc. Pass validation_data=... "
        "to fit, or monitor='loss'. It stops nothing."
    ]


def test_a_missing_monitor_with_strict():
    """With strict=True it is an error, before any training; nobody was begun."""
    recorder, model = HookRecorder("on_train_begin", *ENDS), softmax_model()
    before = model.get_weights()
    with pytest.raises(MonitorError) as caught:
        fit(recorder, EarlyStopping(strict=True), model=model)

    assert str(caught.value) == (
        "EarlyStopping watches 'val_loss', but this run logs: loss, acc. Pass validation_data=... "
        "to fit, or monitor='loss'."
    )
    assert recorder.hooks == []
    assert all(map(np.array_equal, before, model.get_weights()))


def test_a_monitor_that_another_callback_may_add_is_waited_for():
    """No warning before training where a callback of the user's may still put the name in."""
    adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=1.0))
    history = fit(EarlyStopping("mine", mode="min", patience=2), adds, epochs=5)

    assert history["mine"] == [1.0] * 3


def test_a_monitor_not_computed_this_epoch_is_silent():
    """validation_freq=2: an epoch without val_loss is no reason to warn."""
    history = fit(EarlyStopping(patience=9), epochs=4, validation_data=(X, Y), validation_freq=2)

    assert len(history["val_loss"]) == 2


def test_an_unwritable_directory(tmp_path):
    """ModelCheckpoint says so before the first batch, not after an epoch."""
    (tmp_path / "file").write_text("not a directory")
    path, recorder = tmp_path / "file" / "model.h5", HookRecorder()
    with pytest.raises(CheckpointError) as caught:
        fit(recorder, ModelCheckpoint(path))

    assert str(caught.value).startswith(f"{path} cannot be written: ")
    assert recorder.hooks == []
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


NO_SAMPLES = (
    "There are no samples: x, y is empty. At least one is needed; look at how the data were "
    "loaded or filtered."
)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_no_samples(method):
    """0 samples are an error before anything rings."""
    recorder = HookRecorder()
    with pytest.raises(DataError) as caught:
        getattr(softmax_model(), method)(X[:0], Y[:0], verbose=0, callbacks=recorder)

    assert str(caught.value) == NO_SAMPLES
    assert recorder.hooks == []


def test_no_samples_to_validate_with():
    """The message says which data are meant."""
    with pytest.raises(DataError) as caught:
        fit(validation_data=(X[:0], Y[:0]))

    assert str(caught.value) == NO_SAMPLES
    assert caught.value.__notes__ == ["in validation_data"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (lambda: DataLoader(TensorDataset(torch.zeros(0, 4), torch.zeros(0, 3))), "DataLoader"),
        (lambda: iter([]), "list_iterator"),
    ],
)
def test_no_batches(data, kind):
    """Data that give no batch at all are an error, too."""
    with pytest.raises(DataError) as caught:
        softmax_model().fit(data(), verbose=0)

    assert str(caught.value) == (
        f"The {kind} gave no batch at all. An epoch needs at least one; if it was iterated over "
        "before, make a new one."
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            {"epochs": "3"},
            ArgumentTypeError,
            "epochs='3' is a str; pass a whole number, 0 or more.",
        ),
        (
            {"epochs": 2.0},
            ArgumentTypeError,
            "epochs=2.0 is a float; pass a whole number, 0 or more.",
        ),
        ({"epochs": -1}, ArgumentError, "epochs=-1 is too small; pass a whole number, 0 or more."),
        (
            {"initial_epoch": "1"},
            ArgumentTypeError,
            "initial_epoch='1' is a str; pass a whole number, 0 or more.",
        ),
        (
            {"batch_size": "3"},
            ArgumentTypeError,
            "batch_size='3' is a str. Give a whole number, such as 32.",
        ),
        ({"batch_size": 0}, ArgumentError, "batch_size=0 is too small. Give at least 1."),
        (
            {"steps_per_epoch": "3"},
            ArgumentTypeError,
            "steps_per_epoch='3' is a str; pass a whole number, 1 or more.",
        ),
        (
            {"validation_steps": "3", "validation_data": (X, Y)},
            ArgumentTypeError,
            "validation_steps='3' is a str; pass a whole number, 1 or more.",
        ),
        (
            {"validation_freq": "2"},
            ArgumentTypeError,
            "validation_freq='2' is a str; pass a whole number, 1 or more.",
        ),
        (
            {"validation_split": "0.2"},
            ArgumentTypeError,
            "validation_split='0.2' is a str; pass a number such as 0.2.",
        ),
        (
            {"validation_split": 1.5},
            ArgumentError,
            "validation_split=1.5 does not fit; pass a share from 0 up to 1, such as 0.2.",
        ),
        (
            {"verbose": 7},
            ArgumentError,
            "verbose=7 does not fit; pass 0 (silent), 1 (a bar) or 2 (a line per epoch).",
        ),
        (
            {"callbacks": "abc"},
            ArgumentTypeError,
            "callbacks is 'abc'; pass a callback or a list of callbacks.",
        ),
        (
            {"callbacks": [EarlyStopping]},
            ArgumentTypeError,
            "callbacks holds the class EarlyStopping, not an instance of it; write "
            "EarlyStopping(...).",
        ),
        (
            {"validation_data": (X,)},
            ArgumentError,
            "validation_data has 1 parts; pass (x, y) or (x, y, sample_weight).",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_argument_of_fit(arguments, kind, message):
    """A string where a number belongs, and the like: the argument is named, the cure too."""
    model = softmax_model()
    before = model.get_weights()
    with pytest.raises(kind) as caught:
        model.fit(X, Y, **{"verbose": 0, **arguments})

    assert str(caught.value) == message
    assert all(map(np.array_equal, before, model.get_weights()))


def test_lengths_that_differ():
    """x and y of different lengths are counted out."""
    with pytest.raises(DataError) as caught:
        fit(y=Y[:3])

    assert str(caught.value) == (
        "The data differ in their number of samples: x has 10, y has 3. Every array needs one row "
        "per sample along its first axis."
    )


def test_two_owners_of_the_rate():
    """Two callbacks that set the learning rate would undo each other: an error at once."""
    recorder = HookRecorder()
    with pytest.raises(ArgumentError) as caught:
        fit(recorder, ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch: 0.1))

    assert str(caught.value) == (
        "ReduceLROnPlateau and LearningRateScheduler would each set the learning rate and undo "
        "the other's. Keep one of them, or train in two fits, the second with initial_epoch=."
    )
    assert recorder.hooks == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sgd", "mean_square_error"), "loss 'mean_square_error' is not known; did you mean "),
        (("adm", "mse"), "optimizer 'adm' is not known; did you mean 'adam'?"),
        (("sgd", "mse", ["accurcy"]), "metric 'accurcy' is not known; did you mean "),
    ],
)
def test_a_name_nobody_knows(arguments, message):
    """compile itself says so, with the nearest name."""
    with pytest.raises(UnknownNameError) as caught:
        softmax_model().compile(*arguments)

    assert str(caught.value).startswith(message)


def test_fit_before_compile():
    """The right call at the wrong moment says which call comes first."""
    model = Sequential([torch.nn.Linear(4, 3)])
    for action in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        with pytest.raises(StateError) as caught:
            action(X, Y)

        assert str(caught.value) == (
            f"{action.__name__} needs a compiled model: call model.compile(optimizer, loss) first."
        )


def test_nan_without_a_guard_is_one_warning():
    """NaN raises nothing by itself: one warning names the first batch; training goes on."""
    x = X.copy()
    x[5] = np.nan
    with pytest.warns(BackbeatWarning) as told:
        history = fit(x=x, epochs=2, shuffle=False)

    assert [str(each.message) for each in told] == [
        "The loss of batch 1 in epoch 0 is nan. Training goes on; TerminateOnNaN() among the "
        "callbacks would end it here."
    ]
    assert np.isnan(history["loss"]).tolist() == [True, True]


def test_a_healthy_run_says_nothing():
    """No warning of any kind in a run without mistakes."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit(EarlyStopping(patience=3), epochs=2, validation_split=0.2)

    assert [str(each.message) for each in told] == []
