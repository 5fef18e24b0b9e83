"""Signals: Ctrl-C and SIGTERM end a run between two batches, never in the middle of a save."""

import contextlib
import signal
import threading
import time
import weakref
from signal import SIGINT, SIGTERM, default_int_handler, raise_signal

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.callbacks import Callback, LambdaCallback
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.hooks import StopLatch
from backbeat.models import Model
from backbeat.testing import HookRecorder
from backbeat.training import Loop, signals
from backbeat.training.signals import Signals
from tests.training.examples import X, Y, cut, softmax_model

ERRORS = {SIGINT: KeyboardInterrupt, SIGTERM: SystemExit}
ENDS = ("on_train_end", "on_exception", "close")


def handlers():
    return signal.getsignal(SIGINT), signal.getsignal(SIGTERM)


@pytest.fixture(autouse=True)
def same_handlers_afterwards():
    """Every test begins with the usual handlers, and leaves them exactly so."""
    signal.signal(SIGINT, default_int_handler)
    before = handlers()
    yield
    after = handlers()
    for number, handler in zip((SIGINT, SIGTERM), before, strict=True):
        signal.signal(number, handler)

    assert after == before


@contextlib.contextmanager
def handled_by(number, handler):
    before = signal.signal(number, handler)
    yield
    assert signal.getsignal(number) is handler
    signal.signal(number, before)


def fit(*callbacks, model=None, **arguments):
    model = softmax_model() if model is None else model
    arguments = {"batch_size": 4, "epochs": 3, "verbose": 0, **arguments}
    return model.fit(X, Y, callbacks=list(callbacks), **arguments)


def at(hook, number, calls=(1,)):
    """A callback that receives the signal `number` in the given calls of `hook`."""
    seen = iter(range(1, 10**6))
    return LambdaCallback(**{hook: lambda *given: next(seen) in calls and raise_signal(number)})


# What a signal does to fit


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
@pytest.mark.parametrize("hook", ["on_batch_begin", "on_backward_end", "on_batch_end"])
def test_the_batch_is_finished(number, hook):
    """The run ends when the batch is over, wherever in it the signal came; then it is raised."""
    model, batches, recorder = softmax_model(), HookRecorder("on_batch_end"), HookRecorder(*ENDS)
    with pytest.raises(ERRORS[number]) as caught:
        fit(batches, recorder, at(hook, number, calls=[5]), model=model)

    assert len(batches.calls) == 5
    assert recorder.calls == [("on_exception", caught.value), ("close",)]
    assert model.history.epoch == [0]
    stop = model.history.stopped
    assert (stop.by, stop.epoch, stop.batch) == (number.name, 1, 1)
    assert stop.reason == f"the process received {number.name}"


def test_sigterm_ends_with_143():
    """The status with which a launcher sees that the work is not finished."""
    with pytest.raises(SystemExit) as caught:
        fit(at("on_batch_end", SIGTERM))

    assert caught.value.code == 143


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_the_weights_are_those_after_a_whole_batch(number):
    """They are what a run of so many batches gives."""
    stopped, asked = softmax_model(), softmax_model()
    with pytest.raises(ERRORS[number]):
        fit(at("on_backward_end", number, calls=[2]), model=stopped, shuffle=False)
    ask = LambdaCallback(on_batch_end=lambda b, logs: asked.stop("enough", by="test") if b else 0)
    fit(ask, model=asked, shuffle=False)

    assert all(map(np.array_equal, stopped.get_weights(), asked.get_weights()))


@pytest.mark.parametrize(
    ("hook", "epochs", "rings_train_end"),
    [
        ("on_train_begin", [], False),
        ("on_epoch_begin", [], False),
        ("on_epoch_end", [0], False),
        ("on_train_end", [0], True),
        ("close", [0], True),
    ],
)
def test_everywhere_else_it_ends_at_the_next_boundary(hook, epochs, rings_train_end):
    """A run that was over already ends normally first; the signal is raised in any case."""
    model, recorder = softmax_model(), HookRecorder(*ENDS)
    with pytest.raises(KeyboardInterrupt):
        fit(at(hook, SIGINT), recorder, model=model, epochs=1)

    assert model.history.epoch == epochs
    first = "on_train_end" if rings_train_end else "on_exception"
    assert recorder.hooks == [first, "close"]


def test_a_validation_is_not_finished():
    """It ends between two of its batches; the modules are in training mode again."""
    model, batches = softmax_model(), HookRecorder("on_test_batch_end", "on_epoch_end")
    interrupt = at("on_test_batch_begin", SIGINT, calls=[2])
    with pytest.raises(KeyboardInterrupt):
        fit(batches, interrupt, model=model, validation_data=(X, Y), validation_batch_size=2)

    assert batches.hooks == ["on_test_batch_end"] * 2
    assert all(module.training for module in model.modules())


def test_history_is_there_when_nothing_was_trained():
    """model.history is the one of this run."""
    model = softmax_model()
    with pytest.raises(KeyboardInterrupt):
        fit(at("on_train_begin", SIGINT), model=model)

    assert model.history.history == {}
    assert model.history.stopped.by == "SIGINT"


def test_a_run_after_an_interrupted_one_is_whole():
    """Nothing of the signal is left."""
    model, recorder = softmax_model(), HookRecorder(*ENDS)
    with pytest.raises(KeyboardInterrupt):
        fit(at("on_batch_end", SIGINT), model=model)
    history = fit(recorder, model=model)

    assert recorder.hooks == ["on_train_end", "close"]
    assert (history.epoch, history.stopped) == ([0, 1, 2], None)


def test_it_is_not_lost_in_a_finalizer():
    """Where Python prints an exception and goes on, the run is interrupted nevertheless."""

    class Thing:
        pass

    class Dropping(Callback):
        def on_batch_end(self, batch, logs=None):
            thing = Thing()
            self.watch = weakref.ref(thing, lambda gone: raise_signal(SIGINT))
            del thing

    recorder = HookRecorder("on_batch_end")
    with pytest.raises(KeyboardInterrupt):
        fit(Dropping(), recorder)

    assert len(recorder.calls) == 1


def test_evaluate_and_predict_are_interrupted_as_usual():
    """They have nothing to save: the handlers are not touched."""
    seen = LambdaCallback(
        on_test_batch_end=lambda batch, logs: raise_signal(SIGINT),
        on_predict_begin=lambda logs: raise_signal(SIGINT),
    )
    with pytest.raises(KeyboardInterrupt):
        softmax_model().evaluate(X, Y, verbose=0, callbacks=seen)
    with pytest.raises(KeyboardInterrupt):
        softmax_model().predict(X, callbacks=seen)


# A second signal, and time


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_second_one_raises_at_once(number):
    """In the middle of the hook; the handlers are the old ones by then."""
    before, inside = handlers(), []

    def twice(batch, logs):
        raise_signal(number)
        try:
            raise_signal(number)
        finally:
            inside.append(handlers())

    recorder = HookRecorder(*ENDS, "on_batch_end")
    with pytest.raises(ERRORS[number]) as caught:
        fit(LambdaCallback(on_batch_end=twice), recorder)

    assert inside == [before]
    assert recorder.calls == [("on_exception", caught.value), ("close",)]


def test_a_second_one_ends_what_is_saved_meanwhile():
    """on_exception is cut short; everybody else is told, and all are closed."""
    done, recorder = [], HookRecorder("on_exception", "close")

    def save(error):
        raise_signal(SIGINT)
        done.append("saved")

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(at("on_batch_end", SIGINT), LambdaCallback(on_exception=save), recorder)

    assert done == []
    assert recorder.calls == [("on_exception", caught.value), ("close",)]


def test_sigterm_after_ctrl_c_wins():
    """However the first one was taken, the process is told to end, and ends."""
    with pytest.raises(SystemExit) as caught:
        fit(at("on_batch_end", SIGINT), at("on_exception", SIGTERM))

    assert caught.value.code == 143
    assert isinstance(caught.value.__context__, KeyboardInterrupt)


def test_an_error_does_not_swallow_it():
    """Ctrl-C while a failed run is closed: both are seen, and `except Exception` is no way out."""

    def fail(batch, logs):
        raise ValueError("mine")

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(LambdaCallback(on_batch_end=fail), at("on_exception", SIGINT))

    assert str(caught.value.__context__) == "mine"


class Sleeping(Model):
    """A batch takes as long as it sleeps."""

    def __init__(self, seconds):
        super().__init__()
        self.linear, self.seconds = nn.Linear(4, 3), seconds
        self.compile("sgd", "mse")

    def forward(self, x):
        if self.training:
            raise_signal(self.number)
            time.sleep(self.seconds)
        return self.linear(x)


def test_workers_that_die_of_the_same_signal_are_no_error():
    """A signal to the whole group reaches them too; how they end comes second."""

    def worker_failed(number, frame):
        raise RuntimeError("DataLoader worker is killed by signal: Terminated.")

    heard = Signals(StopLatch())
    with handled_by(signal.SIGCHLD, worker_failed):
        heard.listen()
        heard.hear_workers()
        raise_signal(SIGTERM)
        with pytest.raises(SystemExit) as caught:
            heard.check()
        raise_signal(signal.SIGCHLD)
        heard.leave()
        heard.end(caught.value)

    assert heard.raised is caught.value


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_batch_that_takes_too_long_is_not_finished(number):
    """After `grace` seconds the signal is raised in the middle of it."""
    model, recorder = Sleeping(60), HookRecorder(*ENDS)
    model.number = number
    began = time.monotonic()
    with pytest.raises(ERRORS[number]) as caught:
        fit(recorder, model=model, grace=0.2)

    assert 0.2 <= time.monotonic() - began < 10
    assert recorder.calls == [("on_exception", caught.value), ("close",)]


@pytest.mark.parametrize(("number", "is_given_up"), [(SIGINT, False), (SIGTERM, True)])
def test_after_sigterm_the_save_has_so_long_too(number, is_given_up):
    """A scheduler will not wait; somebody at the keyboard may."""
    done = []

    def save(error):
        time.sleep(0.6)
        done.append("saved")

    with pytest.raises(ERRORS[number]):
        fit(at("on_batch_end", number), LambdaCallback(on_exception=save), grace=0.2)

    assert done == ([] if is_given_up else ["saved"])


def test_a_long_batch_is_explained(monkeypatch, capsys):
    """Whoever waits for it reads why, once; a short one needs no word."""
    monkeypatch.setattr(signals, "_SECONDS_BEFORE_A_WORD", 0.1)
    model = Sleeping(0.5)
    model.number = SIGINT
    with pytest.raises(KeyboardInterrupt):
        fit(model=model)
    with pytest.raises(KeyboardInterrupt):
        fit(at("on_batch_end", SIGINT))

    assert capsys.readouterr().err == (
        "SIGINT: the training ends after this batch, or in 20 s; the same signal again ends it "
        "at once.\n"
    )


# Handlers


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_your_own_handler_is_called_too(number):
    """At once; then the run ends as ever, and the handler is there again."""
    heard = []

    def mine(number, frame):
        heard.append(number)

    with handled_by(number, mine), pytest.raises(ERRORS[number]):
        fit(at("on_batch_end", number))

    assert heard == [number]


def test_what_your_own_handler_raises_is_raised():
    """It may end the run in its own way."""

    def mine(number, frame):
        raise ZeroDivisionError("mine")

    recorder = HookRecorder(*ENDS)
    with handled_by(SIGTERM, mine), pytest.raises(SystemExit) as caught:
        fit(at("on_batch_end", SIGTERM), recorder)

    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert recorder.hooks == ["on_exception", "close"]


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_an_ignored_signal_stays_ignored(number):
    """As under nohup."""
    with handled_by(number, signal.SIG_IGN):
        history = fit(at("on_batch_end", number))

    assert history.epoch == [0, 1, 2]


def test_no_grace_no_handlers():
    """grace=None: everything is as without backbeat."""
    during, before = [], handlers()
    fit(LambdaCallback(on_batch_end=lambda b, logs: during.append(handlers())), grace=None)

    assert set(during) == {before}


def test_other_threads_touch_no_handler():
    """Python allows handlers in the main thread alone."""
    during, before = [], handlers()
    note = LambdaCallback(on_batch_end=lambda b, logs: during.append(handlers()))
    thread = threading.Thread(target=fit, args=[note])
    thread.start()
    thread.join()

    assert set(during) == {before}


def test_a_handler_put_over_ours_is_left_alone():
    """Whoever sets one while it trains keeps it, and may pass signals on to ours at any time."""
    mine, before = [], handlers()

    def put_over(logs):
        ours = signal.getsignal(SIGINT)
        mine.append(lambda number, frame: ours(number, frame))
        signal.signal(SIGINT, mine[0])

    with pytest.raises(KeyboardInterrupt):
        fit(LambdaCallback(on_train_begin=put_over), at("on_batch_end", SIGINT))

    assert signal.getsignal(SIGINT) is mine[0]
    with pytest.raises(KeyboardInterrupt):
        raise_signal(SIGINT)
    signal.signal(SIGINT, before[0])


def test_a_fit_inside_a_fit():
    """One signal ends both, from the inner to the outer."""
    log = []

    def inner(batch, logs):
        fit(at("on_batch_end", SIGINT), LambdaCallback(close=lambda: log.append("inner")))

    with pytest.raises(KeyboardInterrupt):
        fit(LambdaCallback(on_batch_end=inner, close=lambda: log.append("outer")))

    assert log == ["inner", "outer"]


def test_a_fit_of_the_same_model_inside_forgets_no_signal():
    """It clears the model's request to stop; the signal is remembered."""
    model = softmax_model()
    batches = HookRecorder("on_batch_end")

    def inner(batch, logs):
        raise_signal(SIGINT)
        fit(batches, model=model)

    with pytest.raises(KeyboardInterrupt):
        fit(LambdaCallback(on_batch_begin=inner), model=model)

    assert batches.calls == []


def test_runs_that_overlap_restore_in_any_order():
    """The one that ends last puts the old handlers back."""
    before = handlers()
    first, second = Signals(StopLatch()), Signals(StopLatch())
    first.listen()
    second.listen()
    first.end()
    raise_signal(SIGINT)
    with pytest.raises(KeyboardInterrupt):
        second.end()

    assert handlers() == before


# Your own loop


def test_an_own_loop_ends_after_the_batch():
    """The generators end the `for`s by themselves."""
    module, seen = nn.Linear(4, 3), []
    with (
        pytest.raises(KeyboardInterrupt),
        Loop(module, torch.optim.SGD(module.parameters()), epochs=3) as loop,
    ):
        for _ in loop.epochs():
            for _ in loop.batches(cut()):
                raise_signal(SIGINT)
                seen.append(loop.batch)
                loop.log_batch(loss=1.0)

    assert seen == [0]
    assert loop.history.stopped.by == "SIGINT"


def test_an_own_loop_may_take_it():
    """Whoever catches it inside the `with` ends the run normally."""
    module, recorder = nn.Linear(4, 3), HookRecorder(*ENDS)
    with Loop(module, callbacks=recorder, epochs=3) as loop:
        for _ in loop.epochs():
            with contextlib.suppress(KeyboardInterrupt):
                for _ in loop.batches(cut()):
                    raise_signal(SIGINT)
                    loop.log_batch(loss=1.0)

    assert loop.history.epoch == [0]
    assert recorder.hooks == ["on_train_end", "close"]


def test_a_failing_loader_after_a_signal():
    """Ctrl-C reaches the workers of a loader as well: what they raise then is no news."""

    def loader():
        yield from cut()[:1]
        raise_signal(SIGINT)
        raise RuntimeError("worker exited unexpectedly")

    recorder = HookRecorder("on_exception")
    with pytest.raises(KeyboardInterrupt) as caught:
        softmax_model().fit(loader(), verbose=0, callbacks=recorder)

    assert isinstance(caught.value.__context__, RuntimeError)
    assert recorder.calls == [("on_exception", caught.value)]


# Arguments


@pytest.mark.parametrize(
    ("grace", "kind", "message"),
    [
        (
            "20",
            ArgumentTypeError,
            "grace is a number of seconds, or None to leave signals alone; got '20' (str).",
        ),
        (-1, ArgumentError, "grace is a number of seconds, 0 or more; got -1."),
        (float("nan"), ArgumentError, "grace is a number of seconds, 0 or more; got nan."),
    ],
)
def test_a_wrong_grace(grace, kind, message):
    """It is refused before training."""
    with pytest.raises(kind) as caught:
        fit(grace=grace)

    assert str(caught.value) == message
