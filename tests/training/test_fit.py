"""What fit computes: means, weights, splits; what evaluate and predict leave alone."""

import json
from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from backbeat.callbacks import (
    BaseLogger,
    Callback,
    History,
    LambdaCallback,
    ProgbarLogger,
    TerminateOnNaN,
)
from backbeat.errors import ArgumentError, BackbeatWarning, DataError
from backbeat.layers import Dense, Dropout
from backbeat.models import Model, Sequential
from backbeat.testing import HookRecorder
from tests.training.examples import (
    LABELS,
    Numbered,
    Rows,
    X,
    Y,
    accuracies,
    cross_entropy,
    cut,
    endless,
    loader,
    softmax_model,
    tensors,
)

WEIGHTS = np.arange(10, dtype="float32") / 3
SPLITS = (4, 8)


class Mean:
    """As torchmetrics: update(preds, target), compute, reset; counts how often it was reset."""

    higher_is_better = True

    def __init__(self):
        self.resets = 0
        self.reset()

    def reset(self):
        self.resets += 1
        self.right = self.seen = 0

    def update(self, preds, target):
        self.right += int((preds.argmax(1) == target.argmax(1)).sum())
        self.seen += len(target)

    def compute(self):
        return torch.tensor(self.right / self.seen)


def frozen(metrics=("acc",), **settings):
    """A model whose weights stay: SGD with a rate of 0."""
    model = softmax_model(metrics, **settings)
    model.optimizer.lr = 0.0
    return model


def parts(values):
    return np.split(np.asarray(values, "float64"), SPLITS)


def batch_values(model, name, **arguments):
    recorder = HookRecorder("on_batch_end")
    history = model.fit(
        X, Y, batch_size=4, verbose=0, shuffle=False, callbacks=recorder, **arguments
    )
    return [logs[name] for _, _, logs in recorder.calls], history[name][0]


# Arithmetic


def test_loss_and_accuracy_equal_numpy():
    """Batch values are means over the batch, the epoch's over all samples."""
    model = frozen()
    for name, each in (("loss", cross_entropy(model)), ("acc", accuracies(model))):
        batches, epoch = batch_values(model, name)

        assert batches == pytest.approx([part.mean() for part in parts(each)], abs=1e-6)
        assert epoch == pytest.approx(each.mean(), abs=1e-6)


def test_sample_weight_multiplies_the_loss_alone():
    """loss = sum of weight x loss over the samples / their number; `metrics` stay unweighted."""
    model = frozen()
    weighted = WEIGHTS * cross_entropy(model)
    batches, epoch = batch_values(model, "loss", sample_weight=WEIGHTS)
    accuracy = batch_values(model, "acc", sample_weight=WEIGHTS)[1]

    assert batches == pytest.approx([part.mean() for part in parts(weighted)], abs=1e-6)
    assert epoch == pytest.approx(weighted.sum() / 10, abs=1e-6)
    assert accuracy == pytest.approx(accuracies(model).mean())


def test_weighted_metrics_weigh_by_the_sum_of_weights():
    """sum of weight x value / sum of weights, in a batch and in an epoch."""
    model = frozen((), weighted_metrics=["acc"])
    right = accuracies(model)
    batches, epoch = batch_values(model, "acc", sample_weight=WEIGHTS)

    pairs = zip(parts(right), parts(WEIGHTS), strict=True)
    assert batches == pytest.approx([np.average(v, weights=w) for v, w in pairs], abs=1e-6)
    assert epoch == pytest.approx(np.average(right, weights=WEIGHTS), abs=1e-6)


def test_weighted_metrics_of_evaluate():
    """evaluate weighs the same way as fit."""
    model = softmax_model(["acc"], weighted_metrics=["mse"])
    loss, accuracy, error = model.evaluate(X, Y, batch_size=4, sample_weight=WEIGHTS, verbose=0)
    squares = ((model.predict(X) - Y) ** 2).mean(1)

    assert loss == pytest.approx((WEIGHTS * cross_entropy(model)).mean(), abs=1e-6)
    assert accuracy == pytest.approx(accuracies(model).mean())
    assert error == pytest.approx(np.average(squares, weights=WEIGHTS), abs=1e-6)


def test_a_batch_without_any_weight():
    """Weights of 0 make a loss of 0, no division by zero in the epoch's mean."""
    weights = np.array([0, 0, 0, 0, 1, 2, 3, 4, 5, 6], "float32")
    model = frozen((), weighted_metrics=["acc"])
    losses, _ = batch_values(model, "loss", sample_weight=weights)
    _, epoch = batch_values(model, "acc", sample_weight=weights)

    assert losses[0] == 0
    assert epoch == pytest.approx(np.average(accuracies(model), weights=weights), abs=1e-6)


def test_class_weight_is_a_weight_per_sample():
    """class_weight equals the sample weights that it stands for, and multiplies them."""
    table = {0: 1.0, 1: 5.0, 2: 0.5}
    by_class = np.array([table[label] for label in LABELS], "float32")
    histories = [
        softmax_model().fit(X, Y, verbose=0, shuffle=False, batch_size=4, **arguments).history
        for arguments in (
            {"class_weight": table, "sample_weight": WEIGHTS},
            {"sample_weight": by_class * WEIGHTS},
        )
    ]

    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], abs=1e-6)


def test_class_weight_leaves_validation_alone():
    """The validation loss is that of unweighted samples."""
    model = frozen()
    history = model.fit(
        X, Y, verbose=0, class_weight={0: 9.0, 1: 9.0, 2: 9.0}, validation_data=(X, Y)
    )

    assert history["loss"][0] == pytest.approx(9 * cross_entropy(model).mean(), rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(cross_entropy(model).mean(), abs=1e-6)


def test_validation_weights_count():
    """The third part of validation_data weighs the samples."""
    model = frozen()
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y, WEIGHTS))

    wanted = (WEIGHTS * cross_entropy(model)).mean()
    assert history["val_loss"][0] == pytest.approx(wanted, abs=1e-6)


def test_one_update_is_plain_gradient_descent():
    """A step of SGD equals the one computed in NumPy."""
    model = softmax_model(())
    kernel, bias = (weight.astype("float64") for weight in model.get_weights())
    difference = model.predict(X).astype("float64") - Y
    model.fit(X, Y, batch_size=10, verbose=0)

    found = model.get_weights()
    assert found[0] == pytest.approx(kernel - 0.01 * X.T @ difference / 10, abs=1e-6)
    assert found[1] == pytest.approx(bias - 0.01 * difference.mean(0), abs=1e-6)


# Splitting and shuffling


def test_validation_split_is_taken_before_shuffling():
    """The last part of the samples validates, in every epoch; the rest is shuffled."""
    trained, validated = [], []
    x = np.arange(10, dtype="float32")[:, None]
    model = Sequential([Dense(1, input_dim=1)])
    model.compile("sgd", "mse")
    step_data = HookRecorder("on_batch_end")
    look = LambdaCallback(
        on_train_begin=lambda logs: validated.append(look.validation_data[0][:, 0].tolist())
    )
    forward = model.forward

    def spy(inputs):
        if model.training:
            trained.append(inputs[:, 0].tolist())
        return forward(inputs)

    model.forward = spy
    model.fit(
        x, x, batch_size=3, epochs=2, verbose=0, validation_split=0.3, callbacks=[look, step_data]
    )
    epochs = [[*chain(*trained[i : i + 3])] for i in (0, 3)]

    assert validated == [[7.0, 8.0, 9.0]]
    assert [sorted(epoch) for epoch in epochs] == [[0, 1, 2, 3, 4, 5, 6]] * 2
    assert epochs[0] != epochs[1]


def test_shuffle_follows_the_seed_and_may_be_off():
    """The same torch seed gives the same run; shuffle=False keeps the order given."""
    histories = []
    for shuffle in (True, True, False, False):
        model = softmax_model()
        torch.manual_seed(7)
        recorder = HookRecorder("on_batch_end")
        model.fit(X, Y, batch_size=4, verbose=0, shuffle=shuffle, callbacks=recorder)
        histories.append([logs["loss"] for _, _, logs in recorder.calls])

    assert histories[0] == histories[1]
    assert histories[2] == histories[3]
    assert histories[0] != histories[2]


# What callbacks see


def test_validation_data_holds_the_callers_own_objects():
    """x arrays, y arrays, weights (ones if none): the very objects; readable after fit."""
    x, y, callback = X.copy(), Y.copy(), Callback()
    softmax_model().fit(X, Y, verbose=0, callbacks=callback, validation_data=(x, y))

    assert callback.validation_data[0] is x
    assert callback.validation_data[1] is y
    assert callback.validation_data[2].tolist() == [1.0] * 10


def test_an_error_of_the_validation_says_so():
    """The same message about the training data would send the reader to the wrong place."""
    with pytest.raises(DataError) as caught:
        softmax_model().fit(
            X, Y, verbose=0, validation_data=iter([(X[:, :2], Y)]), validation_steps=1
        )

    assert caught.value.__notes__ == ["while validating", "in epoch 0"]


@pytest.mark.parametrize("misfit", [(X[:, :2], Y), (X, np.stack([Y, Y], axis=1))])
def test_validation_arrays_that_do_not_fit_are_found_before_the_first_batch(misfit):
    """Not after an epoch that may take hours."""
    recorder = HookRecorder()
    with pytest.raises(DataError) as caught:
        softmax_model().fit(X, Y, verbose=0, callbacks=recorder, validation_data=misfit)

    assert caught.value.__notes__ == [
        "while trying the validation data, whose rows have another shape"
    ]
    assert recorder.calls == []


def test_validation_arrays_may_have_another_shape_that_the_model_takes():
    """Images of another size, for instance; trying them leaves no trace in the metrics."""
    torch.manual_seed(0)
    model = Model(nn.Sequential(nn.AdaptiveAvgPool1d(2), nn.Linear(2, 1)))
    model.compile("sgd", "mse", metrics=["mae"])
    x, longer, y = np.ones((4, 6)), np.ones((4, 9)), np.ones((4, 1))
    history = model.fit(x, y, verbose=0, validation_data=(longer, y))

    assert history.history["val_mae"] == [model.evaluate(longer, y, verbose=0)[1]]


def test_validation_data_beside_a_generator():
    """Array validation data are the caller's own objects for generators too."""
    x, y, weights, callback = X.copy(), Y.copy(), WEIGHTS.copy(), Callback()
    softmax_model().fit(
        endless(),
        steps_per_epoch=2,
        verbose=0,
        callbacks=callback,
        validation_data=(x, y, weights),
    )

    assert [any(each is mine for mine in (x, y, weights)) for each in callback.validation_data] == [
        True
    ] * 3


def test_validation_data_is_released_by_the_next_fit():
    """A fit without validation leaves none of the earlier arrays behind."""
    callback, model = Callback(), softmax_model()
    model.fit(X, Y, verbose=0, callbacks=callback, validation_data=(X, Y))
    model.fit(X, Y, verbose=0, callbacks=callback)

    assert not callback.validation_data


PARAMS = {
    "batch_size",
    "epochs",
    "initial_epoch",
    "steps",
    "samples",
    "verbose",
    "do_validation",
    "metrics",
}


def test_params_have_the_same_keys_everywhere():
    """fit, evaluate and predict give params with one set of keys, whatever the data."""
    model, found = softmax_model(), []
    for act in (
        lambda c: model.fit(X, Y, verbose=0, callbacks=c),
        lambda c: model.fit(endless(), steps_per_epoch=1, verbose=0, callbacks=c),
        lambda c: model.fit(Rows(), verbose=0, callbacks=c),
        lambda c: model.evaluate(X, Y, verbose=0, callbacks=c),
        lambda c: model.predict(X, callbacks=c),
    ):
        callback = Callback()
        act(callback)
        found.append(dict(callback.params))

        assert callback.model is model
    assert [set(params) for params in found] == [PARAMS] * 5
    assert [params["samples"] for params in found] == [10, None, None, 10, 10]
    assert [params["steps"] for params in found] == [1, 1, None, 1, 1]


def test_params_say_what_was_asked_for():
    """The settings of a fit, as the seed's callbacks read them."""
    callback = Callback()
    softmax_model().fit(
        X,
        Y,
        batch_size=4,
        epochs=5,
        initial_epoch=4,
        verbose=0,
        callbacks=callback,
        validation_data=(X, Y),
    )

    assert callback.params == {
        "batch_size": 4,
        "epochs": 5,
        "initial_epoch": 4,
        "steps": 3,
        "samples": 10,
        "verbose": 0,
        "do_validation": True,
        "metrics": ["loss", "acc", "val_loss", "val_acc"],
    }


def test_history_base_logger_and_bar_are_automatic(capsys):
    """fit without callbacks averages, records, and draws a bar on stdout; verbose=0 draws none."""
    model = softmax_model()
    history = model.fit(X, Y, epochs=2)
    drawn = capsys.readouterr().out
    model.fit(X, Y, verbose=0)

    assert isinstance(history, History)
    assert model.history is not history
    assert set(history.history) == {"loss", "acc"}
    assert "loss" in drawn
    assert capsys.readouterr().out == ""


def test_a_logger_and_a_bar_of_ones_own_change_nothing(capsys):
    """BaseLogger, History and ProgbarLogger may be passed as well: values and lines once."""
    mine = History()
    histories = [
        softmax_model().fit(X, Y, epochs=2, verbose=2, shuffle=False, callbacks=callbacks).history
        for callbacks in (None, [BaseLogger(), mine, ProgbarLogger()])
    ]
    lines = capsys.readouterr().out.splitlines()

    assert histories[0] == histories[1] == mine.history
    assert len(lines) % 2 == 0
    assert len([line for line in lines if "loss" in line]) == 4


def test_history_is_json():
    """history.history is made of plain lists of Python floats."""
    history = softmax_model([Mean(), "mse"]).fit(X, Y, verbose=0, validation_data=(X, Y)).history

    assert json.loads(json.dumps(history)) == history
    assert all(type(value) is float for values in history.values() for value in values)


@pytest.mark.parametrize(
    "form",
    [
        lambda callback: callback,
        lambda callback: [callback],
        lambda callback: (callback,),
        lambda callback: [[callback], []],
    ],
)
def test_callbacks_may_come_in_any_form(form):
    """One callback, a list, a tuple, lists in lists."""
    recorder = HookRecorder("on_epoch_end")
    softmax_model().fit(X, Y, verbose=0, callbacks=form(recorder))

    assert len(recorder.calls) == 1


def test_what_a_callback_adds_to_the_epoch_is_recorded():
    """The logs of an epoch are one dict, shared by all callbacks and the history."""
    adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=epoch))
    history = softmax_model().fit(X, Y, epochs=2, verbose=0, callbacks=adds)

    assert history["mine"] == [0.0, 1.0]


def test_callbacks_without_super_init():
    """Nothing depends on a subclass having called super().__init__()."""

    class Bare(Callback):
        def __init__(self):
            self.epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += self.params["epochs"]

    bare = Bare()
    softmax_model().fit(X, Y, verbose=0, callbacks=bare)

    assert bare.epochs == 1


def test_equal_callbacks_are_still_two():
    """Callbacks that compare equal, as dataclasses do, are each begun, rung and closed."""
    log = []

    class Equal(Callback):
        def __eq__(self, other):
            return True

        __hash__ = None

        def on_train_begin(self, logs=None):
            log.append(("begin", id(self)))

        def close(self):
            log.append(("close", id(self)))

    one, two = Equal(), Equal()
    softmax_model().fit(X, Y, verbose=0, callbacks=[one, two])

    begun = [("begin", id(one)), ("begin", id(two))]
    assert log == [*begun, ("close", id(two)), ("close", id(one))]


# Leaving training alone


def noisy_model(metrics):
    torch.manual_seed(0)
    model = Sequential(
        [
            Dense(8, activation="relu", input_dim=4),
            torch.nn.BatchNorm1d(8),
            Dropout(0.5),
            Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=metrics)
    return model


class Nested(Callback):
    """Evaluates and predicts in the middle of everything."""

    def __init__(self, *hooks):
        for hook in hooks:
            setattr(self, hook, self.look)

    def look(self, *arguments):
        self.model.evaluate(X, Y, batch_size=3, verbose=0)
        self.model.predict(X[:5])
        self.model.test_on_batch(X, Y)
        self.model.predict_on_batch(X)


# That a hook which trains takes long is no news.
@pytest.mark.filterwarnings("ignore:Nested.* takes ")
@pytest.mark.parametrize(
    "hooks",
    [
        ("on_batch_begin", "on_batch_end"),
        ("on_train_begin", "on_epoch_begin", "on_epoch_end"),
        ("on_backward_end", "on_step_end"),
        ("on_validation_begin", "on_validation_end", "on_test_begin", "on_test_end"),
    ],
    ids=lambda hooks: hooks[0],
)
def test_evaluating_inside_hooks_leaves_training_alone(hooks):
    """The same weights, history and modes as without, though dropout and batch norm are at work."""
    histories, weights = [], []
    for callbacks in ([], [Nested(*hooks)]):
        model = noisy_model(["acc", Mean()])
        histories.append(
            model.fit(
                X,
                Y,
                batch_size=4,
                epochs=3,
                verbose=0,
                callbacks=callbacks,
                validation_data=(X, Y),
            ).history
        )
        weights.append(model.get_weights())

    assert histories[0] == histories[1]
    assert all(map(np.array_equal, *weights))


def test_validation_leaves_training_alone():
    """A fit with validation gives the weights of a fit without."""
    weights = []
    for arguments in ({}, {"validation_data": (X, Y)}):
        model = noisy_model(["acc"])
        model.fit(X, Y, batch_size=4, epochs=3, verbose=0, **arguments)
        weights.append(model.get_weights())

    assert all(map(np.array_equal, *weights))


def test_predicting_inside_validation_leaves_its_metrics_alone():
    """A running metric of the validation goes on, though a hook predicts in the middle of it."""

    class Predicts(Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.predict(X)

    held_out = {"validation_data": (X, Y), "batch_size": 4, "verbose": 0}
    alone = frozen([Mean()]).fit(X, Y, **held_out)
    watched = frozen([Mean()]).fit(X, Y, callbacks=Predicts(), **held_out)

    assert alone["val_mean"] == watched["val_mean"]


def test_evaluate_changes_nothing():
    """No weight, no running statistic, no mode, no gradient, no random number."""
    model = noisy_model(["acc"])
    model.fit(X, Y, verbose=0)
    before, state = model.get_weights(), torch.get_rng_state()
    one = model.evaluate(X, Y, verbose=0)
    two = model.evaluate(X, Y, verbose=0, batch_size=3)

    assert one == pytest.approx(two, abs=1e-6)
    assert all(map(np.array_equal, before, model.get_weights()))
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in model.modules())


# Stateful metrics


def test_a_running_metric_runs_through_the_epoch():
    """A torchmetrics-like object: its running value in batches, its last one for the epoch."""
    metric = Mean()
    model = frozen([metric])
    recorder = HookRecorder("on_batch_end", "on_test_batch_end")
    history = model.fit(
        X,
        Y,
        batch_size=4,
        epochs=2,
        verbose=0,
        shuffle=False,
        callbacks=recorder,
        validation_data=(X, Y),
    )
    right = accuracies(model).cumsum() / np.arange(1, 11)

    running = [right[3], right[7], right[9]]
    for hook in ("on_batch_end", "on_test_batch_end"):
        found = [logs["mean"] for name, _, logs in recorder.calls if name == hook]
        wanted = running * 2 if hook == "on_batch_end" else found
        assert found == pytest.approx(wanted, abs=1e-6)
    assert history["mean"] == pytest.approx([right[9]] * 2, abs=1e-6)
    assert history["val_mean"] == pytest.approx([right[9]] * 2, abs=1e-6)


def test_the_direction_of_a_metric_object_is_asked():
    """`higher_is_better` decides for mode='auto', without a guess."""
    model = softmax_model([Mean()])

    assert model.direction("val_mean") == "max"
    assert model.direction("val_loss") == "min"
    assert model.direction("nonsense") is None


# Streams


def test_an_endless_generator_is_never_exhausted():
    """Two epochs of two steps take four batches, and not one more than one to look at."""
    taken = []

    def counting():
        for batch in endless():
            taken.append(len(batch[0]))
            yield batch

    history = softmax_model().fit(counting(), steps_per_epoch=2, epochs=2, verbose=0)

    assert taken == [4, 4, 2, 4]
    assert len(history["loss"]) == 2


def test_epochs_continue_a_generator():
    """With steps_per_epoch the next epoch goes on where the last one stopped."""
    recorder = HookRecorder("on_batch_begin")
    softmax_model().fit(endless(), steps_per_epoch=2, epochs=2, verbose=0, callbacks=recorder)

    assert [logs["size"] for _, _, logs in recorder.calls] == [4, 4, 2, 4]


def test_data_that_run_out_end_the_run():
    """A generator that ends too early stops training, with one warning; nothing is lost."""
    recorder = HookRecorder("on_train_end", "close")
    with pytest.warns(BackbeatWarning) as told:
        history = softmax_model().fit(
            iter(cut()), steps_per_epoch=2, epochs=5, verbose=0, callbacks=recorder
        )

    assert [str(each.message) for each in told] == [
        "The list_iterator ended: 1 of the 2 wanted batches came in the last epoch, 3 in all. It "
        "can be used only once: ask for fewer steps or epochs, or give a DataLoader or any other "
        "object that can be iterated over again."
    ]
    assert history.epoch == [0, 1]
    assert history.stopped.reason == "the data ran out"
    assert recorder.hooks == ["on_train_end", "close"]


def test_a_sequence_hears_the_end_of_every_epoch():
    """Its on_epoch_end runs once after each epoch, and after ours."""
    data, heard = Numbered(), []
    look = LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(data.ended))
    softmax_model().fit(data, epochs=3, verbose=0, callbacks=look)

    assert data.ended == 3
    assert heard == [0, 1, 2] or heard == [1, 2, 3]


def test_a_loader_with_workers_is_used_as_it_is():
    """A DataLoader that shuffles and drops keeps doing so; nobody cuts its batches anew."""
    recorder = HookRecorder("on_batch_begin")
    data = DataLoader(tensors(), batch_size=4, shuffle=True, drop_last=True)
    softmax_model().fit(data, epochs=2, verbose=0, callbacks=recorder)

    assert [logs["size"] for _, _, logs in recorder.calls] == [4] * 4


@pytest.mark.parametrize("data", [lambda: loader(), lambda: Numbered(), lambda: Rows()])
def test_evaluate_and_predict_take_what_fit_takes(data):
    """The same values for loaders, sequences and datasets as for arrays."""
    model = softmax_model()

    assert model.evaluate(data(), verbose=0) == pytest.approx(
        model.evaluate(X, Y, verbose=0), abs=1e-6
    )
    assert model.predict(data()) == pytest.approx(model.predict(X), abs=1e-6)


def test_evaluate_on_some_steps_of_a_generator():
    """`steps` batches are taken, no more."""
    data = endless()
    model = softmax_model()
    loss, _ = model.evaluate(data, steps=2, verbose=0)

    assert loss == pytest.approx(cross_entropy(model)[:8].mean(), abs=1e-6)
    assert len(next(data)[0]) == 2


# Not a number


def test_terminate_on_nan_ends_with_the_first_bad_batch():
    """No later batch runs or enters the mean; the epoch's loss is nan, and it ends normally."""
    x = X.copy()
    x[5] = np.nan
    recorder = HookRecorder("on_batch_end", "on_epoch_end", "on_train_end")
    history = softmax_model().fit(
        x,
        Y,
        batch_size=4,
        epochs=3,
        verbose=0,
        shuffle=False,
        callbacks=[TerminateOnNaN(), recorder],
    )

    assert recorder.hooks == ["on_batch_end"] * 2 + ["on_epoch_end", "on_train_end"]
    assert np.isnan(history["loss"]).tolist() == [True]
    assert history.stopped.by == "TerminateOnNaN"


def test_labels_that_are_missing_are_told():
    """x without y, where a loss needs labels."""
    with pytest.raises(DataError) as caught:
        softmax_model().fit(X, verbose=0)

    assert str(caught.value) == (
        "The model has one output, but the data have no labels. Pass y, or batches (x, y)."
    )


@pytest.mark.parametrize("freq", [["1"], (0,), {2.5}])
def test_epochs_to_validate_after_are_numbers(freq):
    """A list that names no epoch would validate in silence never."""
    with pytest.raises(ValueError if freq == (0,) else TypeError, match="an epoch in validation_f"):
        softmax_model().fit(X, Y, verbose=0, validation_data=(X, Y), validation_freq=freq)


@pytest.mark.parametrize("data", [X, (X, None)])
def test_validation_needs_labels(data):
    """It is said before training, not after an epoch of it."""
    with pytest.raises(DataError) as caught:
        softmax_model().fit(X, Y, verbose=0, validation_data=data)

    assert str(caught.value) == (
        "validation_data holds no labels; pass (x, y) or (x, y, sample_weight)."
    )
    assert not getattr(caught.value, "__notes__", [])


def test_a_generator_to_validate_on_needs_an_end():
    """One that never ends would never come back from its first validation."""

    def endless():
        while True:
            yield X, Y

    with pytest.raises(ArgumentError) as caught:
        softmax_model().fit(X, Y, verbose=0, validation_data=endless())

    assert str(caught.value) == (
        "validation_data is a generator, which may never end, and if it does is used up by the "
        "first validation. Pass validation_steps=, the number of batches in each; or arrays or a "
        "DataLoader."
    )
