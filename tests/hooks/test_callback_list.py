from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from backbeat.errors import BackbeatWarning
from backbeat.hooks import Callback, CallbackList, Plan
from backbeat.hooks.callback import PHASES
from backbeat.hooks.moments import MOMENTS
from backbeat.testing import HookRecorder, play


def phased(name: str, said: list[str]) -> Callback:
    """A callback of this phase that says its name at every epoch end."""

    class Phased(Callback):
        phase = name  # type: ignore[assignment]

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            said.append(name)

    return Phased()


def test_phases_decide_the_order() -> None:
    """Averages, actions, decisions, records, saves, whatever the order in the list."""
    said: list[str] = []
    CallbackList([phased(name, said) for name in reversed(PHASES)]).on_epoch_end(0)

    assert said == list(PHASES)


def test_the_list_decides_within_a_phase() -> None:
    """Also for one that is appended later."""
    said: list[int] = []

    class Numbered(Callback):
        def __init__(self, number: int) -> None:
            self.number = number

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            said.append(self.number)

    hooks = CallbackList([Numbered(1), [Numbered(2), (Numbered(3),)]])
    hooks.append(Numbered(4))
    hooks.on_epoch_end(0)

    assert said == [1, 2, 3, 4]
    assert len(hooks) == 4
    assert [each.number for each in hooks] == [1, 2, 3, 4]


@pytest.mark.parametrize("given", [None, [], (), [[], [()]]])
def test_no_callbacks(given: Any) -> None:
    """An empty list rings silently."""
    hooks = CallbackList(given)
    hooks.on_train_begin()
    hooks.on_epoch_end(0)
    hooks.on_train_end()
    hooks.close()

    assert len(hooks) == 0


def test_a_list_in_a_list() -> None:
    """Somebody else's CallbackList is taken apart."""
    recorder = HookRecorder("on_epoch_end")

    assert list(CallbackList([CallbackList(recorder)])) == [recorder]


def test_the_same_object_twice() -> None:
    """It is called once, and its patience counts an epoch once: a warning says so."""
    recorder = HookRecorder()
    with pytest.warns(BackbeatWarning, match="the same HookRecorder object twice; it is called"):
        hooks = CallbackList([recorder, [recorder]])

    assert list(hooks) == [recorder]


def test_used_bare() -> None:
    """Every moment can be rung without a run around it."""
    recorder = HookRecorder()
    hooks = CallbackList([recorder])
    by_batch = [moment for moment in MOMENTS if "batch" in moment or moment.endswith("_step_end")]
    for moment in by_batch:
        getattr(hooks, moment)(0)
    hooks.on_backward_end(0)
    hooks.on_checkpoint_saved(Path("w"))

    assert set(recorder.hooks) == {*by_batch, "on_backward_end", "on_checkpoint_saved"}


def test_everybody_shares_the_logs_of_a_moment() -> None:
    """What one adds is seen by the next, given or not."""

    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["mine"] = 1

    for logs in ({"loss": 0.5}, None):
        recorder = HookRecorder("on_epoch_end")
        CallbackList([Adds(), recorder]).on_epoch_end(0, logs)

        assert recorder.calls == [("on_epoch_end", 0, {**(logs or {}), "mine": 1})]


def test_model_params_and_validation_data_reach_everybody() -> None:
    """The very objects."""
    callbacks, params, data = [Callback(), Callback()], {"epochs": 1}, [[1], [2]]
    hooks = CallbackList(callbacks)
    hooks.set_model("model")
    hooks.set_params(params)
    hooks.set_validation_data(data)

    assert all(each.params is params and each.model == "model" for each in callbacks)
    assert all(each.validation_data is data for each in callbacks)


def test_the_order_of_a_run() -> None:
    """Every begin has its end, and close comes last."""
    recorder = HookRecorder()
    play(recorder, [{}, {}], batches=[{}, {}])
    batch = [
        "on_train_batch_begin",
        "on_batch_begin",
        "on_train_batch_end",
        "on_batch_end",
    ]
    epoch = ["on_epoch_begin", *batch, *batch, "on_epoch_end"]

    assert recorder.hooks == ["on_train_begin", *epoch, *epoch, "on_train_end", "close"]


def test_a_moment_nobody_hears_is_known() -> None:
    """The Loop asks before it prepares something only for listeners."""
    hooks = CallbackList([HookRecorder("on_step_end")])

    assert hooks.answers("on_step_end")
    assert not hooks.answers("on_backward_end")


def test_one_that_ceases_to_answer_while_it_is_rung() -> None:
    """It is not rung again; the others are, this time too, and its cost is not forgotten."""
    said: list[str] = []

    class Once(Callback):
        def __init__(self) -> None:
            self.on_train_batch_end = self.leave

        def leave(self, batch: int, logs: Any = None) -> None:
            said.append(f"once {batch}")
            del self.on_train_batch_end
            hooks.listen_anew("on_train_batch_end")

    class Always(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            said.append(f"always {batch}")

    hooks = CallbackList([Always(), Once(), Always()])
    for batch in range(2):
        hooks.on_train_batch_begin(batch)
        hooks.on_train_batch_end(batch)
    costs = {(cost.callback, cost.calls) for cost in hooks.cost() if cost.timed_calls}

    assert said == ["always 0", "once 0", "always 0", "always 1", "always 1"]
    assert costs == {("Always", 2), ("Once", 1)}


def test_writers_run_on_the_main_rank_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on every rank decides, what writes does it once."""

    class Writer(HookRecorder):
        runs_on = "main"

    def heard(rank: str) -> list[bool]:
        monkeypatch.setenv("RANK", rank)
        callbacks = [HookRecorder("on_epoch_end"), Writer("on_epoch_end")]
        CallbackList(callbacks).on_epoch_end(0)
        return [bool(each.calls) for each in callbacks]

    assert heard("0") == [True, True]
    assert heard("1") == [True, False]


# Errors


class Fails(HookRecorder):
    """Raises in one hook."""

    def __init__(self, hook: str, error: BaseException) -> None:
        super().__init__()
        self.error = error

        def fail(*arguments: Any) -> None:
            self.calls.append((hook, *arguments))
            raise error

        setattr(self, hook, fail)


def ring_epochs(hooks: CallbackList, count: int) -> None:
    for epoch in range(count):
        hooks.on_epoch_end(epoch)


def ring_batches(hooks: CallbackList, count: int) -> None:
    for batch in range(count):
        hooks.on_train_batch_begin(batch, {})
        hooks.on_train_batch_end(batch, {})


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end", "on_train_batch_end"])
def test_an_error_is_the_same_object_with_a_note(hook: str) -> None:
    """The note names the callback and the hook."""
    error = ValueError("boom")
    with pytest.raises(ValueError, match="boom") as caught:
        play(Fails(hook, error), [{}], batches=[{}])

    assert caught.value is error
    assert error.__notes__ == [f"raised in Fails.{hook}"]


def test_an_error_rings_on_exception_and_close_instead_of_the_end() -> None:
    """Everybody who was begun hears of it, the one that failed too."""
    recorder, error = HookRecorder("on_exception", "on_train_end", "close"), ValueError("boom")
    failing = Fails("on_epoch_end", error)
    with pytest.raises(ValueError, match="boom"):
        play([failing, recorder], [{}])

    assert recorder.calls == [("on_exception", error), ("close",)]
    assert failing.hooks[-2:] == ["on_exception", "close"]


def test_only_those_who_were_begun_are_closed() -> None:
    """The one whose begin failed is; the ones after it never began."""
    before, after = HookRecorder("close"), HookRecorder("close", "on_exception")
    failing = Fails("on_train_begin", ValueError("boom"))
    with pytest.raises(ValueError, match="boom"):
        play([before, failing, after], [{}])

    assert before.hooks == ["close"]
    assert failing.hooks[-1] == "close"
    assert after.hooks == []


def test_closing_goes_backwards() -> None:
    """The last one begun is the first one closed."""
    said: list[int] = []

    class Numbered(Callback):
        def __init__(self, number: int) -> None:
            self.number = number

        def close(self) -> None:
            said.append(self.number)

    play([Numbered(1), Numbered(2), Numbered(3)], [])

    assert said == [3, 2, 1]


def test_one_that_fails_to_close_does_not_starve_the_others() -> None:
    """All are closed; the first error is raised, the others are its notes."""
    first, second = ValueError("first"), OSError("second")
    recorder = HookRecorder("close")
    with pytest.raises(ValueError, match="first") as caught:
        play([recorder, Fails("close", second), Fails("close", first)], [])

    assert recorder.hooks == ["close"]
    assert caught.value is first
    assert first.__notes__ == [
        "raised in Fails.close",
        "then OSError: second (raised in Fails.close)",
    ]


def test_one_that_fails_at_the_end_does_not_starve_the_others() -> None:
    """on_train_end reaches everybody."""
    recorder = HookRecorder("on_train_end")
    with pytest.raises(ValueError, match="boom"):
        play([Fails("on_train_end", ValueError("boom")), recorder], [])

    assert recorder.hooks == ["on_train_end"]


def test_the_first_error_is_the_one_that_is_seen() -> None:
    """What fails while another error is handled becomes a note of that."""
    error = ValueError("first")
    with pytest.raises(ValueError, match="first") as caught:
        play([Fails("on_epoch_end", error), Fails("on_exception", OSError("then"))], [{}])

    assert caught.value is error
    assert "then OSError: then (raised in Fails.on_exception)" in error.__notes__


def test_a_keyboard_interrupt_in_a_hook_passes() -> None:
    """Even in an observer: it is no failure of it."""

    class Watching(Fails):
        role = "observer"

    with pytest.raises(KeyboardInterrupt):
        play(Watching("on_epoch_end", KeyboardInterrupt()), [{}])


def test_observers_never_end_a_training() -> None:
    """The first failure is a warning, all are counted, training goes on."""

    class Watching(Fails):
        role = "observer"

    watching, recorder = Watching("on_epoch_end", ValueError("boom")), HookRecorder("on_epoch_end")
    hooks = CallbackList([watching, recorder])
    with pytest.warns(BackbeatWarning) as caught:
        ring_epochs(hooks, 3)

    assert [str(each.message) for each in caught] == [
        (
            "Watching.on_epoch_end failed: ValueError: boom. Training goes on without it; further "
            "failures of it are only counted."
        )
    ]
    assert len(recorder.calls) == 3
    assert hooks.failures == {"Watching.on_epoch_end": 3}


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_train_batch_begin"])
def test_an_observer_that_fails_in_a_batch_does_not_starve_the_others(hook: str) -> None:
    """On timed batches and on the others."""

    class Watching(Fails):
        role = "observer"

    recorder = HookRecorder(hook)
    hooks = CallbackList([Watching(hook, ValueError("boom")), recorder])
    with pytest.warns(BackbeatWarning, match="boom"):
        ring_batches(hooks, 20)

    assert len(recorder.calls) == 20


@pytest.mark.parametrize("role", [None, "controller", "keeper"])
def test_everybody_elses_errors_are_raised(role: Any) -> None:
    """A decision that failed was not made."""
    failing = Fails("on_epoch_end", ValueError("boom"))
    type(failing).role = role
    try:
        with pytest.raises(ValueError, match="boom"):
            CallbackList([failing]).on_epoch_end(0)
    finally:
        del type(failing).role


def test_check_plan_comes_before_everything() -> None:
    """It is asked of callbacks only, with the plan of the run."""
    plans: list[Plan] = []

    class Careful(Callback):
        def _check_plan(self, plan: Plan) -> None:
            plans.append(plan)

    class Duck:
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            """Has no plan."""

    plan = Plan(epoch_names=frozenset({"loss"}), complete=True)
    play([Careful(), Duck()], [], plan=plan)

    assert plans == [plan]


def test_evaluation_begins_and_closes_its_callbacks() -> None:
    """A stand-alone evaluation is a run of its own."""
    recorder = HookRecorder("on_test_begin", "on_test_end", "close")
    hooks = CallbackList([recorder])
    hooks.on_test_begin()
    hooks.on_test_end({"loss": 0.5})
    hooks.close()
    hooks.close()

    assert recorder.hooks == ["on_test_begin", "on_test_end", "close"]


def test_callbacks_of_a_list_still_pickle() -> None:
    """Being in a list leaves nothing on them that cannot travel."""
    callback = Callback()
    hooks = CallbackList([callback])
    hooks.on_train_begin()
    hooks.on_train_batch_end(0, {})

    assert type(pickle.loads(pickle.dumps(callback))) is Callback
