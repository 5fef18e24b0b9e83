"""Gradients of several batches make one step; what stands in their way is told."""

from itertools import count

import numpy as np
import pytest
import torch
from functorch.compile import make_boxed_func
from torch import nn
from torch._dynamo.backends.common import aot_autograd

from backbeat import optimizers
from backbeat.callbacks import Callback
from backbeat.errors import BackbeatWarning, StateError
from backbeat.layers import Dense
from backbeat.models import Model, Sequential
from backbeat.testing import HookRecorder
from tests.training.network import WEIGHTS, X, Y, assert_close, network, trained


class Steps(Callback):
    """Notes each optimizer step and how many the optimizer has counted."""

    def __init__(self):
        self.steps, self.backward = [], []

    def on_backward_end(self, batch, logs=None):
        self.backward.append(batch)

    def on_step_end(self, batch, logs=None):
        self.steps.append((batch, self.model.optimizer.iterations))


@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: optimizers.SGD(0.3, momentum=0.9),
        lambda: optimizers.SGD(0.3, clipnorm=0.1),
        lambda: optimizers.Adam(0.01),
    ],
    ids=["momentum", "clipnorm", "adam"],
)
def test_four_times_32_are_128(optimizer, heard):
    """Gathered from four small batches, the steps are those of one batch of their size."""
    callbacks = Steps() if heard else None
    whole, whole_history = trained(network(optimizer()), 128)
    parts, history = trained(network(optimizer(), accumulate=4), 32, callbacks=callbacks)

    assert_close(parts, whole)
    assert history["loss"] == pytest.approx(whole_history["loss"], rel=1e-5)


def test_uneven_batches():
    """Batches of 32, 32, 32, 32 and 22: the mean is over samples, and the rest makes a step."""
    whole, _ = trained(network(), 75, samples=150)
    parts, _ = trained(network(accumulate=4), 20, samples=150)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(whole, parts, strict=True))

    # 60 + 60 + 30 samples per epoch, here too.
    by_hand = network()
    for _ in range(2):
        for start, end in ((0, 80), (80, 150)):
            by_hand.train_on_batch(X[start:end], Y[start:end])
    assert_close(parts, by_hand.get_weights())


def test_weights_of_samples_count():
    """Sample weights weigh within the gathered batch as within a whole one."""
    whole, _ = trained(network(), 128, sample_weight=WEIGHTS)
    parts, _ = trained(network(accumulate=4), 32, sample_weight=WEIGHTS)

    assert_close(parts, whole)


def test_hooks_count_batches_and_steps():
    """Five batches in steps of two: backward rings five times, the step three times an epoch."""
    steps = Steps()
    model = network(accumulate=2)
    trained(model, 30, samples=150, callbacks=[steps])

    assert steps.backward == [0, 1, 2, 3, 4] * 2
    assert steps.steps == [(1, 1), (3, 2), (4, 3), (1, 4), (3, 5), (4, 6)]
    assert model.optimizer.iterations == 6


def test_order_of_hooks():
    """The step rings inside the batch that completes it; the rest after the last batch's end."""
    recorder = HookRecorder()
    network(accumulate=2).fit(
        X[:90], Y[:90], batch_size=30, verbose=0, shuffle=False, callbacks=[recorder]
    )
    heard = [hook for hook in recorder.hooks if not hook.startswith("on_train_")]

    assert heard == [
        "on_epoch_begin",
        *("on_batch_begin", "on_backward_end", "on_batch_end"),
        *("on_batch_begin", "on_backward_end", "on_step_end", "on_batch_end"),
        *("on_batch_begin", "on_backward_end", "on_batch_end"),
        "on_step_end",
        "on_epoch_end",
        "close",
    ]


def test_batch_logs_are_the_batchs_own():
    """What is logged does not depend on what is gathered."""
    one, other = HookRecorder("on_train_batch_end"), HookRecorder("on_train_batch_end")
    trained(network(optimizers.SGD(0.0)), 32, callbacks=[one])
    trained(network(optimizers.SGD(0.0), accumulate=3), 32, callbacks=[other])

    assert [call[-1]["loss"] for call in one.calls] == pytest.approx(
        [call[-1]["loss"] for call in other.calls]
    )


def test_a_stop_leaves_no_gradient_behind():
    """Asked to stop in mid-step, what was gathered is still used, and the next run starts clean."""

    class Stop(Callback):
        def on_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    model = network(accumulate=2)
    model.fit(X, Y, batch_size=32, verbose=0, shuffle=False, callbacks=[Stop()])

    assert model.optimizer.iterations == 2
    model.fit(X, Y, batch_size=128, verbose=0, shuffle=False)
    assert model.optimizer.iterations == 3


def test_gradients_of_a_run_that_failed_are_forgotten():
    """A run that ended in mid-step by an error adds nothing to the next one's first step."""

    class Failure(Callback):
        def on_batch_end(self, batch, logs=None):
            raise RuntimeError("no more")

    model, fresh = network(accumulate=2), network(accumulate=2)
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(10 * X, Y, batch_size=32, verbose=0, callbacks=[Failure()])

    assert_close(trained(model, 32)[0], trained(fresh, 32)[0], 1e-7)


def test_accumulate_with_frozen_and_unused_weights():
    """Weights that get no gradient are left alone."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(6, 3), nn.Linear(6, 3)

        def forward(self, x):
            return self.used(x)

    net = Net()
    net.used.bias.requires_grad_(False)
    kept = net.used.bias.clone(), net.unused.weight.clone()
    model = Model(net)
    model.compile("sgd", nn.CrossEntropyLoss(), accumulate=2)
    model.fit(X, Y, verbose=0)

    assert net.used.bias.equal(kept[0])
    assert net.unused.weight.equal(kept[1])


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        lambda y_true, y_pred: (y_true - y_pred).square().mean().item(),
        lambda y_true, y_pred: (y_true == y_pred.argmax(-1, keepdim=True)).float(),
    ],
    ids=["a number", "hits"],
)
def test_a_loss_without_a_gradient(loss, accumulate):
    """It is told what breaks the way to the weights, in the first batch."""
    model = Sequential([Dense(3, input_dim=6)])
    model.compile("sgd", loss, accumulate=accumulate)

    with pytest.raises(StateError, match="The loss cannot be differentiated: no way leads from"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_a_training_without_gradients(context):
    """It is where `fit` is called that is wrong, not the loss."""
    model = Sequential([Dense(3, input_dim=6)])
    model.compile("sgd", "mse")
    with context(), pytest.raises(StateError) as caught:
        model.fit(X, Y, verbose=0)

    assert str(caught.value) == (
        "No gradients are kept here: train outside of torch.no_grad() and torch.inference_mode()."
    )


# compiled


def let_the_backward_fail(monkeypatch, *, after=0):
    """From now on torch.compile makes no code of a backward, or only of the first ones."""
    # The compiler draws bars, whose monitor would go on as a thread.
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    torch._dynamo.reset()  # what it learnt of the shapes of other tests
    made, compile_as_usual = count(), torch.compile

    def no_backward(graph, _):
        if next(made) < after:
            return make_boxed_func(graph.forward)
        raise NotImplementedError("no C++ compiler\nand much more")

    backend = aot_autograd(
        fw_compiler=lambda graph, _: make_boxed_func(graph.forward), bw_compiler=no_backward
    )
    monkeypatch.setattr(torch, "compile", lambda call: compile_as_usual(call, backend=backend))


class Count:
    """A metric that runs through the epoch."""

    name = "count"

    def __init__(self):
        self.seen = 0

    def update_state(self, y_true, y_pred):
        self.seen += len(y_true)

    def result(self):
        return self.seen

    def reset_state(self):
        self.seen = 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_backward_that_cannot_be_compiled_is_computed_as_usual(monkeypatch):
    """After a warning that says why; no sample is measured twice, no gradient counted twice."""
    let_the_backward_fail(monkeypatch)
    with pytest.warns(BackbeatWarning) as caught:
        weights, history = trained(network(jit_compile=True, counted=Count()), 64)
    plain, plain_history = trained(network(counted=Count()), 64)

    assert all(map(np.array_equal, weights, plain))
    assert history == plain_history
    assert history["count"] == [256, 256]
    assert [str(each.message) for each in caught if each.category is BackbeatWarning] == [
        "jit_compile=True: torch.compile cannot compile this model here, so it is computed as "
        "usual. torch says: no C++ compiler"
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_backward_that_fails_amid_gathered_gradients(monkeypatch):
    """Nobody can tell what they hold then, so it is an error that says what to do."""
    let_the_backward_fail(monkeypatch, after=1)
    with pytest.raises(StateError) as caught:
        trained(network(jit_compile=True, accumulate=2), 32, samples=48)

    assert str(caught.value) == (
        "jit_compile=True: torch.compile fails in the backward of batch 2 of accumulate=2, which "
        "spoils the gradients gathered before. Call model.compile without jit_compile."
    )


def test_a_mistake_in_the_backward_is_told_as_without_a_compiler(monkeypatch):
    """In torch's words, and no doubt is cast on the compiler."""

    class Refuses(torch.autograd.Function):
        @staticmethod
        def forward(ctx, given):
            return given.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("the user's own mistake")

    monkeypatch.setattr(torch, "compile", lambda call: call)
    model = Sequential([Dense(3, input_dim=6)])
    model.compile("sgd", lambda y, p: Refuses.apply(y - p).square().mean(-1), jit_compile=True)

    with pytest.raises(RuntimeError, match="^the user's own mistake"):
        model.fit(X, Y, verbose=0)
