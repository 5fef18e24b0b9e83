"""A run has a beginning and an end, even if nothing happens in between."""

import pytest
from torch import nn

from backbeat.callbacks import Callback, History
from backbeat.hooks import CallbackList
from backbeat.training import under_way
from backbeat.training.module_host import ModuleHost
from backbeat.training.plan import plan_of, run_params
from backbeat.training.run import Run


class Heard(Callback):
    """Notes what it hears, and raises where it is told to."""

    def __init__(self, raises_in=None):
        self.heard, self.raises_in = [], raises_in

    def _note(self, moment):
        self.heard.append(moment)
        if moment == self.raises_in:
            raise RuntimeError(f"no {moment}")

    def set_model(self, model):
        self.model = model
        if self.raises_in == "set_model":
            raise RuntimeError("no set_model")

    def on_train_begin(self, logs=None):
        self._note("begin")

    def on_train_end(self, logs=None):
        self._note("end")

    def on_exception(self, error):
        self._note(repr(error))

    def close(self):
        self._note("close")


def new_run(heard: Heard) -> Run:
    params = run_params(
        batch_size=None, steps=None, samples=None, verbose=0, metrics=None, epochs=3
    )
    hooks, host = CallbackList([heard]), ModuleHost.of(nn.Linear(1, 1))
    plan = plan_of(hooks, params, metrics_are_known=False)
    return Run(host, hooks, params, history=History(), plan=plan, validation_data=None, grace=None)


def test_a_run_begins_ends_and_closes():
    """Training ended normally: on_train_end says so."""
    heard = Heard()
    with new_run(heard):
        heard.heard.append("body")

    assert heard.heard == ["begin", "body", "end", "close"]


def test_a_run_whose_body_raises_does_not_end():
    """The callbacks hear of the error instead, and are closed; the caller sees it too."""
    heard = Heard()
    with pytest.raises(ValueError, match="torn"), new_run(heard):
        raise ValueError("torn")

    assert heard.heard == ["begin", "ValueError('torn')", "close"]


@pytest.mark.parametrize("moment", ["begin", "end"])
def test_a_run_that_a_callback_ends_is_closed_too(moment):
    """Whether at its beginning or at its end."""
    heard = Heard(raises_in=moment)
    with pytest.raises(RuntimeError, match=f"no {moment}"), new_run(heard):
        pass

    assert heard.heard[-2:] == [f"RuntimeError('no {moment}')", "close"]


def test_a_run_that_cannot_even_be_prepared_leaves_nothing_open():
    """Model and callbacks are free for the next one."""
    run = new_run(Heard(raises_in="set_model"))
    with pytest.raises(RuntimeError, match="no set_model"), run:
        pass

    assert run.host.run_in_progress is None
    assert all(each.run is not run for each in under_way._process.runs)


def test_the_host_knows_the_run_while_it_is_on():
    """A backup asks the host; before and after there is nothing to capture."""
    run = new_run(Heard())
    before = run.host.run_in_progress
    with run:
        during = run.host.run_in_progress

    assert (before, during, run.host.run_in_progress) == (None, run, None)


def test_a_stop_is_noted_where_it_was_first_seen():
    """And told by the history afterwards."""
    run = new_run(Heard())
    with run:
        was_stopping = run.stopping
        run.host.stop("enough", by="me")
        run.epoch, run.batch = 2, 7
        is_stopping = run.stopping
        run.epoch = run.batch = None

    stopped = run.history.stopped
    assert (was_stopping, is_stopping) == (False, True)
    assert (stopped.by, stopped.reason, stopped.epoch, stopped.batch) == ("me", "enough", 2, 7)


def test_a_run_goes_on_where_another_one_was():
    """Its epochs, and the logs of the one that is half done, are those of the other."""
    first, second = new_run(Heard()), new_run(Heard())
    with first:
        first._next_epoch, first._epoch_logs = 2, {"val_loss": 0.5}
        state = first.capture_run()
    with second:
        second.restore_run(state)
        again = second.capture_run()

    assert again["position"] == state["position"]
    assert again["position"]["epoch"] == 2


def test_a_run_that_failed_cannot_be_captured():
    """Nobody knows in the midst of what it was."""
    run = new_run(Heard())
    with pytest.raises(ValueError, match="torn"), run:
        raise ValueError("torn")

    assert run.capture_run() is None


def test_a_run_within_a_run():
    """A callback may train the same model: the outer run goes on being the one that is saved."""
    outer, inner = new_run(Heard()), new_run(Heard())
    inner.host = outer.host
    with outer:
        with inner:
            assert outer.host.run_in_progress is inner
        assert outer.host.run_in_progress is outer

    assert outer.host.run_in_progress is None
    assert outer.host.history is outer.history


@pytest.mark.parametrize("asked", [(True, False), (False, True)])
def test_a_request_to_stop_belongs_to_its_run(asked):
    """Neither does a run within a run undo it, nor does it end the run around it."""
    outer, inner = new_run(Heard()), new_run(Heard())
    inner.host = outer.host
    inner._latch = outer._latch
    with outer:
        outer.host.stop_training = asked[0]
        with inner:
            assert not inner.stopping
            inner.host.stop_training = asked[1]
            assert inner.stopping is asked[1]
        assert outer.stopping is asked[0]

    assert outer.host.stop_training is asked[0]


def test_a_signal_ends_the_run_around_too():
    """Whatever the callback makes of the error that it raised in the run within."""
    outer, inner = new_run(Heard()), new_run(Heard())
    inner.host = outer.host
    inner._latch = outer._latch
    with outer:
        with inner:
            inner._latch.request("the process received SIGTERM", by="SIGTERM")

        assert outer.stopping
