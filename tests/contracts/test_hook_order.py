"""Which hook rings when, how often and with what: for fit, evaluate and predict, on all data."""

import json

import numpy as np
import pytest
import torch

from backbeat.callbacks import Callback
from backbeat.hooks import Logs
from backbeat.testing import HookRecorder
from tests.training.examples import (
    LABELS,
    Numbered,
    Rows,
    X,
    Y,
    cross_entropy,
    cut,
    endless,
    loader,
    softmax_model,
    tensors,
)

SIZES = (4, 4, 2)

# Each makes the same ten samples in batches of 4, 4 and 2: (x, y, further arguments of fit).
FORMS = {
    "arrays": lambda: (X, Y, {"batch_size": 4}),
    "tensors": lambda: (torch.tensor(X), torch.tensor(Y), {"batch_size": 4}),
    "lists": lambda: (X.tolist(), Y.tolist(), {"batch_size": 4}),
    "float64": lambda: (X.astype("float64"), Y.astype("float64"), {"batch_size": 4}),
    "dataset": lambda: (tensors(), None, {"batch_size": 4}),
    "iterable_dataset": lambda: (Rows(), None, {"batch_size": 4}),
    "loader": lambda: (loader(), None, {}),
    "sequence": lambda: (Numbered(), None, {}),
    "iterable": lambda: (Again(), None, {}),
    "endless_generator": lambda: (endless(), None, {"steps_per_epoch": 3}),
    "generator_with_an_end": lambda: (iter(cut() * 2), None, {"steps_per_epoch": 3}),
}


class Again:
    """Batches that can be iterated over again, their number unknown."""

    def __iter__(self):
        return iter(cut())


def batch_hooks(kind, batches, *, inner=False):
    """The hooks of some batches; training batches ring by both of their names."""
    hooks = []
    for _ in range(batches):
        hooks += [f"on_{kind}_batch_begin"] + ["on_batch_begin"] * inner
        hooks += ["on_backward_end", "on_step_end"] * inner
        hooks += [f"on_{kind}_batch_end"] + ["on_batch_end"] * inner
    return hooks


def validation_hooks(batches):
    inside = ["on_test_begin", *batch_hooks("test", batches), "on_test_end"]
    return ["on_validation_begin", *inside, "on_validation_end"]


def epoch_hooks(batches, validation=0):
    hooks = ["on_epoch_begin", *batch_hooks("train", batches, inner=True)]
    return hooks + (validation_hooks(validation) if validation else []) + ["on_epoch_end"]


def fit_hooks(*epochs):
    return [
        "on_train_begin",
        *(hook for epoch in epochs for hook in epoch),
        "on_train_end",
        "close",
    ]


def calls_of(recorder, hook):
    return [call[1:] for call in recorder.calls if call[0] == hook]


@pytest.mark.parametrize("form", FORMS)
def test_fit_rings_the_same_hooks_for_all_data(form):
    """Whatever the data come in, two epochs of three batches ring the same hooks in order."""
    x, y, arguments = FORMS[form]()
    recorder = HookRecorder()
    softmax_model().fit(x, y, epochs=2, verbose=0, shuffle=False, callbacks=recorder, **arguments)

    assert recorder.hooks == fit_hooks(epoch_hooks(3), epoch_hooks(3))
    begun = [logs for _, logs in calls_of(recorder, "on_train_batch_begin")]
    assert begun == [{"batch": i % 3, "size": SIZES[i % 3]} for i in range(6)]


@pytest.mark.parametrize("form", FORMS)
def test_fit_gives_the_same_values_for_all_data(form):
    """Whatever the data come in, unshuffled epochs log the same values in every hook."""
    x, y, arguments = FORMS[form]()
    reference, recorder = HookRecorder(), HookRecorder()
    alike = {"verbose": 0, "shuffle": False, "epochs": 2}
    softmax_model().fit(X, Y, batch_size=4, callbacks=reference, **alike)
    softmax_model().fit(x, y, callbacks=recorder, **alike, **arguments)

    assert reference.hooks == recorder.hooks
    for one, other in zip(reference.calls, recorder.calls, strict=True):
        assert one[1:-1] == other[1:-1]
        assert one[-1] == pytest.approx(other[-1], abs=1e-6)


@pytest.mark.parametrize("held_out", ["arrays", "loader", "generator", "split"])
def test_validation_rings_inside_the_epoch(held_out):
    """Validation rings between the last batch and the end of the epoch, wherever it is from."""
    given = {
        "arrays": {"validation_data": (X, Y)},
        "loader": {"validation_data": loader()},
        "generator": {"validation_data": endless(), "validation_steps": 3},
        "split": {"validation_split": 0.4},
    }[held_out]
    recorder = HookRecorder()
    softmax_model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[recorder], **given)

    steps = (2, 1) if held_out == "split" else (3, 3)
    assert recorder.hooks == fit_hooks(epoch_hooks(*steps), epoch_hooks(*steps))


@pytest.mark.parametrize(("frequency", "due"), [(2, [1, 3]), ([1, 3], [0, 2]), (9, [])])
def test_validation_freq_counts_from_one(frequency, due):
    """Validation runs after every n-th epoch, or after the epochs listed, counted from 1."""
    recorder = HookRecorder("on_epoch_end")
    softmax_model().fit(
        X,
        Y,
        epochs=4,
        verbose=0,
        callbacks=recorder,
        validation_data=(X, Y),
        validation_freq=frequency,
    )

    assert [
        epoch for epoch, logs in calls_of(recorder, "on_epoch_end") if "val_loss" in logs
    ] == due


def test_evaluate_rings_test_hooks_only():
    """evaluate rings the test hooks, then closes; logs hold this batch's values."""
    recorder = HookRecorder()
    model = softmax_model()
    result = model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=recorder)

    assert recorder.hooks == ["on_test_begin", *batch_hooks("test", 3), "on_test_end", "close"]
    losses, sizes = cross_entropy(model), iter(np.split(np.arange(10), [4, 8]))
    for _, logs in calls_of(recorder, "on_test_batch_end"):
        assert list(logs) == ["batch", "size", "loss", "acc"]
        assert logs["loss"] == pytest.approx(losses[next(sizes)].mean(), abs=1e-6)
    assert calls_of(recorder, "on_test_end") == [({"loss": result[0], "acc": result[1]},)]


def test_predict_rings_predict_hooks_only():
    """predict rings the predict hooks, then closes; the end of a batch shows its outputs."""
    recorder = HookRecorder()
    outputs = softmax_model().predict(X, batch_size=4, callbacks=recorder)

    rung = ["on_predict_begin", *batch_hooks("predict", 3), "on_predict_end", "close"]
    assert recorder.hooks == rung
    shown = [logs["outputs"][0] for _, logs in calls_of(recorder, "on_predict_batch_end")]
    assert [part.shape for part in shown] == [(4, 3), (4, 3), (2, 3)]
    assert np.array_equal(np.concatenate(shown), outputs)


def test_logs_hold_what_the_seed_says():
    """Keys and plain types hook by hook, with validation and metrics=['acc']."""
    recorder = HookRecorder()
    softmax_model().fit(X, Y, batch_size=4, verbose=0, callbacks=recorder, validation_data=(X, Y))
    kept = {call[0]: call[-1] for call in recorder.calls}

    empty = ("on_train_begin", "on_epoch_begin", "on_validation_begin", "on_test_begin")
    assert all(kept[hook] == {} for hook in empty)
    begun, ended = ["batch", "size"], ["batch", "size", "loss", "acc"]
    assert list(kept["on_train_batch_begin"]) == list(kept["on_batch_begin"]) == begun
    assert list(kept["on_train_batch_end"]) == list(kept["on_batch_end"]) == ended
    assert list(kept["on_test_batch_begin"]) == begun
    assert list(kept["on_test_batch_end"]) == ended
    assert list(kept["on_test_end"]) == ["loss", "acc"]
    assert list(kept["on_validation_end"]) == ["val_loss", "val_acc"]
    assert set(kept["on_epoch_end"]) == {"loss", "acc", "val_loss", "val_acc"}
    assert kept["on_train_end"] == kept["on_epoch_end"]
    for logs in kept.values():
        if isinstance(logs, dict):
            wanted = {"batch": int, "size": int}
            assert all(type(value) is wanted.get(name, float) for name, value in logs.items())
            assert json.loads(json.dumps(logs)) == logs


@pytest.mark.parametrize(
    ("metrics", "names"),
    [([], []), (["acc"], ["acc"]), (["accuracy"], ["accuracy"]), (["mse", "acc"], ["mse", "acc"])],
)
def test_metrics_are_logged_by_the_name_given(metrics, names):
    """`acc` is logged only for metrics=['acc']: the key is the exact string given."""
    recorder = HookRecorder("on_batch_end", "on_epoch_end")
    softmax_model(metrics).fit(X, Y, verbose=0, callbacks=recorder)

    assert list(recorder.calls[0][-1]) == ["batch", "size", "loss", *names]
    assert list(recorder.calls[1][-1]) == ["loss", *names]


def test_begin_and_end_of_a_batch_share_one_dict():
    """What a hook writes at a batch's begin is there at its end; no two batches share logs."""
    begun, ended = [], []

    class Writer(Callback):
        def on_batch_begin(self, batch, logs=None):
            logs["mine"] = batch * 10
            begun.append(logs)

        def on_batch_end(self, batch, logs=None):
            ended.append(logs)

    softmax_model().fit(X, Y, batch_size=4, verbose=0, callbacks=[Writer()])

    assert all(one is other for one, other in zip(begun, ended, strict=True))
    assert [logs["mine"] for logs in ended] == [0, 10, 20]
    assert len({id(logs) for logs in ended}) == 3
    assert all(isinstance(logs, Logs) and isinstance(logs, dict) for logs in ended)


def test_batch_values_are_the_batchs_own():
    """Batch logs hold this batch's loss, before its update, not a running mean."""
    model, weights = softmax_model(), []
    recorder = HookRecorder("on_batch_end")

    class Before(Callback):
        def on_batch_begin(self, batch, logs=None):
            weights.append(cross_entropy(model)[4 * batch : 4 * batch + 4].mean())

    model.fit(X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=[Before(), recorder])

    found = [logs["loss"] for _, logs in calls_of(recorder, "on_batch_end")]
    assert found == pytest.approx(weights, abs=1e-6)


def test_epoch_means_are_weighted_by_size():
    """An epoch's loss equals the NumPy mean of its batches, each weighted by its size."""
    recorder = HookRecorder("on_batch_end", "on_epoch_end")
    softmax_model().fit(X, Y, batch_size=4, verbose=0, callbacks=recorder)
    batches = [logs for _, logs in calls_of(recorder, "on_batch_end")]
    epoch = calls_of(recorder, "on_epoch_end")[0][1]

    for name in ("loss", "acc"):
        values = [logs[name] for logs in batches]
        assert epoch[name] == pytest.approx(np.average(values, weights=SIZES), abs=1e-12)


def test_running_means_are_there_in_mid_epoch():
    """`logs.mean` gives the epoch's mean so far, in a hook of the user's."""
    seen, means = [], []

    class Watcher(Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(logs["loss"])
            means.append(float(logs.mean("loss")))

    softmax_model().fit(X, Y, batch_size=4, verbose=0, callbacks=[Watcher()])

    wanted = [np.average(seen[: n + 1], weights=SIZES[: n + 1]) for n in range(3)]
    assert means == pytest.approx(wanted)


class StopAt(Callback):
    """Asks to stop in one call of one hook."""

    def __init__(self, hook, index=None):
        setattr(self, hook, lambda *args: self.ask(args[0] if len(args) > 1 else None, index))

    def ask(self, found, wanted):
        if found == wanted:
            self.model.stop_training = True


def stopped_fit(stopper, **arguments):
    recorder = HookRecorder()
    model = softmax_model()
    history = model.fit(
        X,
        Y,
        batch_size=4,
        epochs=3,
        verbose=0,
        callbacks=[stopper, recorder],
        validation_data=(X, Y),
        **arguments,
    )
    return recorder, history


def test_a_stop_in_mid_epoch_skips_the_validation():
    """No further batch runs and no validation; the epoch ends normally, on the batches it had."""
    recorder, history = stopped_fit(StopAt("on_batch_end", 1))

    assert recorder.hooks == fit_hooks(epoch_hooks(2))
    assert set(history.history) == {"loss", "acc"}
    assert (history.stopped.by, history.stopped.epoch, history.stopped.batch) == ("StopAt", 0, 1)


def test_a_stop_at_the_last_batch_still_validates():
    """An epoch that saw all its batches is whole, so it is validated."""
    recorder, history = stopped_fit(StopAt("on_batch_end", 2))

    assert recorder.hooks == fit_hooks(epoch_hooks(3, 3))
    assert len(history["val_loss"]) == 1


def test_a_stop_at_an_epochs_end_ends_the_run():
    """No further epoch begins, and training ends normally."""
    recorder, history = stopped_fit(StopAt("on_epoch_end", 1))

    assert recorder.hooks == fit_hooks(epoch_hooks(3, 3), epoch_hooks(3, 3))
    assert history.epoch == [0, 1]
    assert (history.stopped.epoch, history.stopped.batch) == (1, None)


def test_a_stop_when_an_epoch_begins_runs_no_batch():
    """A stop is honoured before the first batch; the epoch that was begun is ended."""
    recorder, history = stopped_fit(StopAt("on_epoch_begin", 0))

    assert recorder.hooks == fit_hooks(["on_epoch_begin", "on_epoch_end"])
    assert history.history == {}


def test_a_stop_before_the_first_epoch_runs_nothing():
    """A stop in on_train_begin is honoured: no epoch begins, on_train_end runs."""
    recorder, history = stopped_fit(StopAt("on_train_begin"))

    assert recorder.hooks == fit_hooks()
    assert history.epoch == []
    assert history.stopped.by == "StopAt"


def test_a_stop_in_validation_ends_after_this_epoch():
    """Validation that has begun runs to its end."""
    recorder, history = stopped_fit(StopAt("on_test_batch_end", 0))

    assert recorder.hooks == fit_hooks(epoch_hooks(3, 3))
    assert len(history["val_loss"]) == 1


def test_initial_epoch_is_an_index():
    """initial_epoch=5, epochs=8 runs the epochs 5, 6 and 7."""
    recorder = HookRecorder("on_epoch_begin")
    history = softmax_model().fit(X, Y, initial_epoch=5, epochs=8, verbose=0, callbacks=recorder)

    assert [call[1] for call in recorder.calls] == [5, 6, 7]
    assert history.epoch == [5, 6, 7]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (3, 3), (5, 2)])
def test_no_epoch_to_run_rings_the_run_only(first, last):
    """Where no epoch is left, the run begins, ends and closes."""
    recorder = HookRecorder()
    history = softmax_model().fit(
        X, Y, initial_epoch=first, epochs=last, verbose=0, callbacks=recorder
    )

    assert recorder.hooks == fit_hooks()
    assert history.history == {}


def test_a_second_fit_with_the_same_instances_starts_afresh():
    """The same callback instances hear a second run whole, and a stop is forgotten."""
    recorder, stopper = HookRecorder(), StopAt("on_epoch_end", 0)
    model = softmax_model()
    for _ in range(2):
        history = model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[recorder, stopper])

        assert model.stop_training
        assert history.epoch == [0]
    assert recorder.hooks == fit_hooks(epoch_hooks(3)) * 2


def test_evaluate_never_takes_a_stop_back():
    """A stop asked for in a hook survives a nested evaluate."""

    class Nested(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True
            self.model.evaluate(X, Y, verbose=0)
            self.model.stop_training = False

    history = softmax_model().fit(X, Y, epochs=3, verbose=0, callbacks=[Nested()])

    assert history.epoch == [0]


def test_stop_training_is_readable_before_any_fit():
    """`model.stop_training` is False on a new model."""
    assert softmax_model().stop_training is False


def test_labels_of_numbers_train_with_the_sparse_loss():
    """Integer labels reach the loss as they are."""
    model = softmax_model()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    wanted = cross_entropy(model).mean()
    loss, _ = model.evaluate(X, LABELS, verbose=0)

    assert loss == pytest.approx(wanted, abs=1e-6)
