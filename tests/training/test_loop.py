"""Your own loop: the same hooks, callbacks and promises as in fit."""

import csv
import gc

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from backbeat.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.errors import ArgumentError, ArgumentTypeError, BackbeatWarning, StateError
from backbeat.testing import HookRecorder
from backbeat.training import Loop
from backbeat.training.weights import load_weights
from tests.training.examples import X, Y, cut, softmax_model

BATCHES = cut(torch.tensor(X), torch.tensor(Y))


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


def trainer(module, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def run(callbacks=None, *, epochs=2, validate=None, rate=0.1, **settings):
    """Train a linear module in a loop of its own; returns the loop and the module."""
    module = linear()
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    step = trainer(module, optimizer)
    with Loop(module, optimizer, callbacks=callbacks, epochs=epochs, **settings) as loop:
        for epoch in loop.epochs():
            for x, y in loop.batches(BATCHES):
                loop.log_batch(loss=step(x, y), size=len(x))
            if validate is not None:
                loop.log_epoch(val_loss=validate(epoch))
    return loop, module


TRAIN_BATCH = ["on_train_batch_begin", "on_batch_begin", "on_train_batch_end", "on_batch_end"]


def epoch_hooks(batches):
    return ["on_epoch_begin", *TRAIN_BATCH * batches, "on_epoch_end"]


def test_it_rings_what_fit_rings():
    """Train, epoch and batch hooks ring in fit's order, with the same logs."""
    recorder, reference = HookRecorder(), HookRecorder()
    _, module = run(recorder)
    model = softmax_model(())
    model.compile(torch.optim.SGD(model.parameters(), lr=0.1), "categorical_crossentropy")
    model.set_weights([module.weight.detach().T * 0, module.bias.detach() * 0])
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=reference)

    silent = ("on_backward_end", "on_step_end")
    assert recorder.hooks == [hook for hook in reference.hooks if hook not in silent]
    rung = [call for call in reference.calls if call[0] not in silent]
    for one, other in zip(recorder.calls, rung, strict=True):
        logs = one[-1], other[-1]
        assert not isinstance(logs[0], dict) or list(logs[0]) == list(logs[1])


def test_it_trains_as_fit_does():
    """The same weights, batches and rate give the same history."""
    loop, _ = run(epochs=3)
    model = softmax_model(())
    start = linear()
    model.set_weights([start.weight.detach().T.numpy(), start.bias.detach().numpy()])
    model.compile(torch.optim.SGD(model.parameters(), lr=0.1), "categorical_crossentropy")
    history = model.fit(X, Y, batch_size=4, epochs=3, verbose=0, shuffle=False)

    assert loop.history["loss"] == pytest.approx(history["loss"], abs=1e-6)


def test_sizes_come_from_what_the_loader_yields():
    """`size` need not be given: it is the length of the batch."""
    recorder = HookRecorder("on_batch_begin")
    with Loop(linear(), callbacks=recorder) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)

    assert [logs["size"] for _, _, logs in recorder.calls] == [4, 4, 2]


def test_a_break_out_of_the_batches():
    """The batch that was left is ended, then the epoch."""
    recorder = HookRecorder()
    with Loop(linear(), callbacks=recorder, epochs=2) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)
                break

    assert recorder.hooks == ["on_train_begin", *epoch_hooks(1) * 2, "on_train_end", "close"]


def test_a_break_out_of_the_epochs():
    """The batch and the epoch that were left are ended, and training ends normally."""
    recorder = HookRecorder()
    with Loop(linear(), callbacks=recorder, epochs=9) as loop:
        for epoch in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)
                if epoch == 1:
                    break
            if epoch == 1:
                break

    epochs = [*epoch_hooks(3), *epoch_hooks(1)]
    assert recorder.hooks == ["on_train_begin", *epochs, "on_train_end", "close"]
    assert loop.history.epoch == [0, 1]


def test_two_loops_over_batches_in_one_epoch():
    """A batch left by a break is ended before the batches of the next loader begin."""
    recorder = HookRecorder("on_batch_begin", "on_batch_end", "on_epoch_end")
    with Loop(linear(), callbacks=recorder) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)
                break
            for _ in loop.batches(BATCHES[:2]):
                loop.log_batch(loss=4.0)

    assert recorder.hooks == ["on_batch_begin", "on_batch_end"] * 3 + ["on_epoch_end"]
    assert loop.history["loss"] == [pytest.approx((4 * 1 + 8 * 4) / 12)]


@pytest.mark.parametrize("error", [ValueError("body"), KeyboardInterrupt(), SystemExit(1)])
def test_an_exception_in_the_body(error):
    """It reaches the caller with its place noted; on_exception and close run, no train end."""
    recorder = HookRecorder("on_batch_end", "on_epoch_end", "on_train_end", "on_exception", "close")
    loop = Loop(linear(), callbacks=recorder, epochs=2)
    with pytest.raises(type(error)) as caught, loop:
        for _ in loop.epochs():
            for x, _ in loop.batches(BATCHES):
                if len(x) == 2:
                    raise error
    gc.collect()  # the generators that were left must ring nothing more

    assert caught.value is error
    assert error.__notes__ == ["in epoch 0, batch 2"]
    assert recorder.hooks == ["on_batch_end"] * 2 + ["on_exception", "close"]
    assert loop.history.history == {}


def test_an_exception_in_the_loader():
    """It is noted with the batch that was being fetched."""

    def loader():
        yield from BATCHES[:1]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone") as caught, Loop(linear()) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(loader()):
                loop.log_batch(loss=1.0)

    assert caught.value.__notes__ == ["while fetching batch 1 of epoch 0", "in epoch 0"]


def test_log_epoch_and_batches_outside_of_an_epoch():
    """So it is for an epoch's values, and for batches."""
    with Loop(linear()) as loop:
        with pytest.raises(StateError) as caught:
            loop.log_epoch(val_loss=1.0)

        assert str(caught.value) == "log_epoch was called outside of an epoch of loop.epochs()."
        with pytest.raises(StateError) as caught:
            next(loop.batches(BATCHES))

        assert str(caught.value) == "batches was called outside of an epoch of loop.epochs()."


def test_epochs_outside_of_the_with_block():
    """Without `with` nothing would ever be closed, so it is refused."""
    loop = Loop(linear())
    with pytest.raises(StateError) as caught:
        next(loop.epochs())

    assert str(caught.value) == (
        "A Loop rings its hooks inside its with block: with Loop(...) as loop:"
    )


def test_something_that_is_no_module():
    """The message says what fits."""
    with pytest.raises(ArgumentTypeError) as caught:
        Loop("model")

    assert str(caught.value) == (
        "Loop was given 'model' to train; pass a torch.nn.Module or a backbeat Model."
    )


def test_a_stop_ends_batches_and_epochs():
    """The generators honour a stop: no further batch, no further epoch."""

    class Stop(Callback):
        def on_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    recorder = HookRecorder()
    loop, _ = run([Stop(), recorder], epochs=5)

    assert recorder.hooks == ["on_train_begin", *epoch_hooks(2), "on_train_end", "close"]
    assert (loop.history.stopped.by, loop.history.stopped.batch) == ("Stop", 1)


def test_a_stop_before_the_first_batch_takes_nothing_from_the_data():
    """No batch is drawn, let alone lost, when nobody wants one."""
    data = iter(BATCHES)
    stop = LambdaCallback(on_epoch_begin=lambda epoch, logs: loop.host.stop("enough", by="me"))
    with Loop(linear(), callbacks=stop) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(data):
                raise AssertionError

    assert next(data) is BATCHES[0]


def test_a_loop_without_batches():
    """Epochs alone are a run as well."""
    recorder = HookRecorder()
    with Loop(linear(), callbacks=recorder, epochs=2) as loop:
        for epoch in loop.epochs():
            loop.log_epoch(loss=float(epoch))

    assert recorder.hooks == ["on_train_begin", *epoch_hooks(0) * 2, "on_train_end", "close"]
    assert loop.history["loss"] == [0.0, 1.0]


def test_callbacks_reach_the_module_through_the_host():
    """callback.model forwards what it does not know; params have fit's keys."""
    seen = {}

    class Look(Callback):
        def on_train_begin(self, logs=None):
            seen["weight"] = self.model.weight
            seen["output"] = self.model(torch.zeros(1, 4)).shape
            seen["params"] = set(self.params)
            seen["lr"] = self.model.optimizer.lr

    _, module = run(Look())
    keeper = Callback()
    softmax_model().fit(X, Y, verbose=0, callbacks=keeper)
    fit_params = set(keeper.params)

    assert seen["weight"] is module.weight
    assert seen["output"] == (1, 3)
    assert seen["params"] == fit_params
    assert seen["lr"] == 0.1


def test_early_stopping_restores_the_best_weights():
    """EarlyStopping works in an own loop: it stops, and puts the best epoch's weights back."""
    kept, losses = {}, [3.0, 1.0, 2.0, 2.5, 9.0]
    module = linear()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    step = trainer(module, optimizer)
    keep = LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.update({epoch: module.weight.detach().clone()})
    )
    stopping = EarlyStopping(patience=2, restore_best_weights=True)
    with Loop(module, optimizer, callbacks=[keep, stopping], epochs=5) as loop:
        for epoch in loop.epochs():
            for x, y in loop.batches(BATCHES):
                loop.log_batch(loss=step(x, y))
            loop.log_epoch(val_loss=losses[epoch])

    assert loop.history["val_loss"] == losses[:4]
    assert loop.history.stopped.by == "EarlyStopping"
    assert torch.equal(module.weight, kept[1])
    assert not torch.equal(kept[1], kept[3])


def test_reduce_lr_on_plateau_sets_the_rate_of_the_torch_optimizer():
    """The user's own optimizer steps with the new rate, and `lr` joins the logs."""
    reduce = ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0)
    loop, _ = run(reduce, epochs=4, validate=lambda epoch: 1.0, rate=0.4)

    assert loop.history["lr"] == pytest.approx([0.4, 0.4, 0.2, 0.1])
    assert loop.host.optimizer.torch.param_groups[0]["lr"] == pytest.approx(0.05)


def test_several_parameter_groups_are_scaled_alike():
    """`lr` is group 0, the others are logged as lr_1, ...; a new rate keeps their ratio."""
    module = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(
        [
            {"params": module[0].parameters(), "lr": 0.1},
            {"params": module[1].parameters(), "lr": 0.01},
        ]
    )
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
    with Loop(module, optimizer, callbacks=halve, epochs=2) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)

    assert loop.history["lr"] == pytest.approx([0.05, 0.025])
    assert loop.history["lr_1"] == pytest.approx([0.005, 0.0025])


@pytest.mark.parametrize(
    "callback", [LearningRateScheduler(lambda epoch: 0.1), ReduceLROnPlateau("loss")]
)
def test_a_rate_callback_without_an_optimizer(callback):
    """The message says, before training, what the loop was not given."""
    with pytest.raises(StateError) as caught, Loop(linear(), callbacks=callback):
        pytest.fail("the training began")

    assert str(caught.value) == (
        "A callback asked for the learning rate, but the loop was given no optimizer; write "
        "Loop(module, optimizer, ...)."
    )


def test_two_optimizers_are_yours():
    """The loop is given the one whose rate callbacks steer; the other is the body's affair."""
    generator, critic = linear(), linear()
    mine = torch.optim.SGD(generator.parameters(), lr=0.1)
    other = torch.optim.SGD(critic.parameters(), lr=0.3)
    step, other_step = trainer(generator, mine), trainer(critic, other)
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
    with Loop(generator, mine, callbacks=halve, epochs=2) as loop:
        for _ in loop.epochs():
            for x, y in loop.batches(BATCHES):
                loop.log_batch(loss=step(x, y), critic_loss=other_step(x, y), size=len(x))

    assert set(loop.history.history) == {"loss", "critic_loss", "lr"}
    assert (mine.param_groups[0]["lr"], other.param_groups[0]["lr"]) == (0.025, 0.3)


def test_a_module_without_parameters():
    """A module that has nothing to train, and no device, is a host all the same."""
    with Loop(torch.nn.Identity(), callbacks=EarlyStopping("loss", patience=0)) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=1.0)

    assert loop.history["loss"] == [1.0]


def test_checkpoints_of_a_plain_module(tmp_path):
    """ModelCheckpoint saves a plain module's weights, which can be read back into another."""
    path = tmp_path / "best.safetensors"
    keeper = ModelCheckpoint(path, monitor="loss", save_best_only=True, save_weights_only=True)
    _, module = run(keeper)
    other = Loop(torch.nn.Linear(4, 3)).host
    load_weights(other.module, path)

    assert torch.equal(other.module.weight, module.weight)


def test_a_csv_of_an_own_loop(tmp_path):
    """CSVLogger writes every epoch of it."""
    path = tmp_path / "log.csv"
    loop, _ = run(CSVLogger(path), validate=lambda epoch: epoch / 2)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert [float(row["val_loss"]) for row in rows] == [0.0, 0.5]
    assert [float(row["loss"]) for row in rows] == pytest.approx(loop.history["loss"])


def test_names_known_before_training_are_checked():
    """With `metrics=` a monitor that cannot come is told before the first batch."""
    with pytest.warns(BackbeatWarning, match="watches 'val_loss', but this run logs: loss"):
        run(EarlyStopping(), metrics=["loss"], epochs=1)


def test_a_model_of_ours_in_an_own_loop():
    """A Model is its own host: callback.model is the model, with its optimizer."""
    model, seen = softmax_model(optimizer="adam"), []
    look = LambdaCallback(on_train_begin=lambda logs: seen.append(look.model))
    with Loop(model, callbacks=look) as loop:
        for _ in loop.epochs():
            for x, y in loop.batches(cut()):
                loop.log_batch(loss=model.train_on_batch(x, y)[0])

    assert seen == [model]
    assert model.history is loop.history
    assert len(loop.history["loss"]) == 1


def test_the_same_loop_twice():
    """A loop object may run again; the second run starts afresh."""
    stop = LambdaCallback(on_epoch_end=lambda epoch, logs: loop.host.stop("enough", by="me"))
    loop = Loop(linear(), callbacks=stop, epochs=3)
    for reason in ("enough", None):
        if reason is None:
            stop.on_epoch_end = lambda epoch, logs: None
        with loop:
            for _ in loop.epochs():
                loop.log_epoch(loss=1.0)

        assert (loop.history.stopped and loop.history.stopped.reason) == reason
    assert loop.history.epoch == [0, 1, 2]


def test_a_progress_bar_only_if_asked_for(capsys):
    """verbose=0 is silent by default; verbose=2 prints one line per epoch."""
    run()
    silent = capsys.readouterr().out
    run(verbose=2, epochs=2)

    assert silent == ""
    assert capsys.readouterr().out.count("loss") == 2


def test_the_body_may_ask_to_stop():
    """`loop.stop_training = True` ends the run after the batch in which it is set."""
    with Loop(linear(), epochs=3) as loop:
        for _ in loop.epochs():
            for number, _ in enumerate(loop.batches(BATCHES)):
                loop.log_batch(loss=1.0)
                loop.stop_training = number == 1

    assert loop.stop_training
    assert number == 1
    assert loop.history.history == {"loss": [1.0]}
    assert loop.history.stopped.reason == "stop_training was set to True"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": "3"}, "epochs='3' is a str; pass a whole number, 0 or more."),
        ({"epochs": 1.5}, "epochs=1.5 is a float; pass a whole number, 0 or more."),
        ({"epochs": -1}, "epochs=-1 is too small; pass a whole number, 0 or more."),
        ({"initial_epoch": None}, "initial_epoch=None is a NoneType; pass a whole number, 0"),
        ({"verbose": 3}, "verbose=3 does not fit; pass 0 (silent), 1 (a bar) or 2 (a line"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    """They are refused where they are written, as by `fit`."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        Loop(linear(), **arguments)

    assert str(caught.value).startswith(message)


# Slips


def test_values_are_logged_by_name():
    """log_batch(loss) says how it is written."""
    with pytest.raises(ArgumentTypeError) as caught, Loop(nn.Linear(1, 1)) as loop:
        for _ in loop.epochs():
            for _ in loop.batches([1]):
                loop.log_batch(torch.tensor(0.5))

    assert str(caught.value) == "log_batch takes its values by name: loop.log_batch(loss=loss)."


def test_a_size_is_a_number():
    """Anything else is told before it spoils a mean."""
    with pytest.raises(ArgumentTypeError) as caught, Loop(nn.Linear(1, 1)) as loop:
        for _ in loop.epochs():
            for _ in loop.batches([1]):
                loop.log_batch(loss=0.5, size="16")

    assert str(caught.value) == "log_batch: size='16' is a str; pass the number of samples."


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (torch.ones(3), "a Tensor of shape (3,)"),
        (np.ones((2, 2)), "a ndarray of shape (2, 2)"),
        ("low", "'low'"),
        (None, "None"),
    ],
)
def test_a_loss_without_a_mean(loss, told):
    """A forgotten .mean() is warned of once; the history would be empty without a word."""
    with pytest.warns(BackbeatWarning) as caught, Loop(nn.Linear(1, 1), epochs=2) as loop:
        for _ in loop.epochs():
            for _ in loop.batches([1, 2]):
                loop.log_batch(loss=loss)

    assert [str(each.message) for each in caught] == [
        f"log_batch: loss is {told}, which has no mean over the epoch. Pass a single number, such "
        "as loss.mean()."
    ]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_single_number_of_any_shape(shape):
    """One number in an array is a number."""
    with Loop(nn.Linear(1, 1)) as loop:
        for _ in loop.epochs():
            for _ in loop.batches([1]):
                loop.log_batch(loss=torch.full(shape, 0.5), acc=np.full(shape, 0.25))

    assert loop.history.history == {"loss": [0.5], "acc": [0.25]}


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.Adam, 0.01])
def test_the_optimizer_is_the_one_that_steps(optimizer):
    """A name would make another one, which nobody calls."""
    with pytest.raises(ArgumentTypeError) as caught:
        Loop(nn.Linear(1, 1), optimizer)

    assert str(caught.value) == (
        f"Loop was given the optimizer {optimizer!r}; pass the very one whose step() your loop "
        "calls, such as torch.optim.Adam(module.parameters())."
    )


def test_one_of_several_optimizers():
    """The callbacks know one rate; where the others belong is said."""
    optimizers = [torch.optim.SGD(nn.Linear(1, 1).parameters()) for _ in range(2)]
    with pytest.raises(ArgumentTypeError) as caught:
        Loop(nn.Linear(1, 1), optimizers)

    assert str(caught.value) == (
        "Loop takes one optimizer, but was given a list; of several pass the one whose rate "
        "callbacks watch and set, and save the others with BackupAndRestore(also=...)."
    )


def test_a_wrong_suffix_is_told_by_its_own_name(tmp_path):
    """Before training, with the name that was given, not that of a rehearsal."""
    checkpoint = ModelCheckpoint(tmp_path / "best.pt")
    with (
        pytest.raises(ArgumentError, match=f"^'{tmp_path}/best.pt': .pt files are usually pickles"),
        Loop(nn.Linear(1, 1), callbacks=[checkpoint]),
    ):
        pass
