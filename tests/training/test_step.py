"""How a batch is computed: settings, narrow numbers, compiled and recorded batches."""

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, BackbeatWarning, DataError
from backbeat.layers import Dense, Input
from backbeat.models import Model
from examples import demo
from tests.training.network import X, Y, assert_close, network, trained


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"accumulate": 0}, ArgumentError),
        ({"accumulate": 1.5}, ArgumentTypeError),
        ({"accumulate": True}, ArgumentTypeError),
        ({"precision": "bf61"}, ArgumentError),
        ({"precision": 16}, ArgumentError),
    ],
)
def test_settings_that_do_not_fit(settings, error):
    """`compile` refuses them by their names."""
    with pytest.raises(error, match=next(iter(settings))):
        network(**settings)


# precision


def test_bf16_trains_to_the_same_accuracy():
    """The demo's model reaches the same accuracy with bfloat16 products, within 0.01."""
    x, held_out, y, truth = demo.digits()
    reached = {}
    for precision in (None, "bf16"):
        torch.manual_seed(0)
        model = demo.classifier()
        model.compile("adam", model.loss, metrics=["acc"], precision=precision)
        model.fit(x, y, batch_size=64, epochs=12, verbose=0)
        reached[precision] = model.evaluate(held_out, truth, verbose=0)[1]

    assert reached[None] > 0.94
    assert reached["bf16"] == pytest.approx(reached[None], abs=0.01)


def test_bf16_computes_in_bfloat16_and_keeps_float32():
    """The layers see bfloat16; weights, slots, losses and predictions stay float32."""
    seen = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3)

        def forward(self, x):
            hidden = self.one(x)
            seen.append(hidden.dtype)
            return self.two(hidden)

    model = Model(Watched())
    model.compile("adam", nn.CrossEntropyLoss(), precision="bf16")
    model.fit(X, Y, verbose=0)
    predicted = model.predict(X)

    assert set(seen) == {torch.bfloat16}
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert {each.grad.dtype for each in model.parameters()} == {torch.float32}
    assert predicted.dtype == np.float32


def test_fp32_is_the_default():
    """`"fp32"` changes nothing."""
    assert_close(trained(network(), 64)[0], trained(network(precision="fp32"), 64)[0], 1e-9)


def test_bf16_with_accumulate_and_several_outputs():
    """The settings go together."""
    inputs = Input((6,))
    model = Model(inputs, [Dense(3, "softmax", name="a")(inputs), Dense(1, name="b")(inputs)])
    model.compile("sgd", ["categorical_crossentropy", "mse"], precision="bf16", accumulate=3)
    losses = model.fit(X, [Y, X[:, :1]], epochs=5, verbose=0).history["loss"]

    assert losses[-1] < losses[0]


# jit_compile


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_compiled_it_computes_the_same(monkeypatch):
    """`jit_compile=True` gives the same weights, values and predictions, and clean state keys."""
    # The compiler draws bars, whose monitor would go on as a thread.
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    plain, compiled = network(), network(jit_compile=True)
    keys = list(compiled.state_dict())
    weights, history = trained(plain, 64)
    others, other_history = trained(compiled, 64)

    assert_close(others, weights, 1e-5)
    assert other_history["loss"] == pytest.approx(history["loss"], rel=1e-5)
    assert np.abs(compiled.predict(X) - plain.predict(X)).max() < 1e-5
    assert compiled.evaluate(X, Y, verbose=0) == pytest.approx(
        plain.evaluate(X, Y, verbose=0), rel=1e-5
    )
    assert list(compiled.state_dict()) == keys


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about itself
def test_compiled_with_several_outputs_it_computes_the_same(monkeypatch):
    """Each with a loss and a weight of its own, a head, a metric, and sample weights."""
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    histories, weights = [], []
    for jit_compile in (False, True):
        torch.manual_seed(0)
        inputs = Input((6,))
        model = Model(inputs, [Dense(3, "softmax", name="a")(inputs), Dense(1, name="b")(inputs)])
        model.compile(
            "sgd",
            {"a": "categorical_crossentropy", "b": "mse"},
            metrics={"a": "accuracy"},
            loss_weights=[1.0, 0.3],
            jit_compile=jit_compile,
        )
        fit = model.fit(X, [Y, X[:, :1]], epochs=2, verbose=0, sample_weight=np.abs(X[:, 0]))
        histories.append(fit.history)
        weights.append(model.get_weights())

    assert_close(weights[1], weights[0], 1e-5)
    assert histories[1].keys() == histories[0].keys()
    for name, values in histories[0].items():
        assert histories[1][name] == pytest.approx(values, rel=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_one_code_is_made_of_the_model_and_its_loss(monkeypatch):
    """Not of the model alone: no kernel of the loss is called one by one."""
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    seen = []

    def backend(graph, _):
        seen.append(str(graph.graph))
        return graph.forward

    compile_as_usual = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call: compile_as_usual(call, backend=backend))
    trained(network(jit_compile=True), 64)

    assert any("linear" in text and "cross_entropy" in text for text in seen)


def test_what_torch_cannot_compile_is_computed_as_usual(monkeypatch):
    """After a warning that says why."""

    def refuse(call):
        def compiled(*given):
            raise RuntimeError("no C++ compiler\nand much more")

        return compiled

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.warns(BackbeatWarning) as caught:
        weights, history = trained(network(jit_compile=True), 64)
    plain, plain_history = trained(network(), 64)

    assert all(map(np.array_equal, weights, plain))
    assert history == plain_history
    assert [str(each.message) for each in caught] == [
        "jit_compile=True: torch.compile cannot compile this model here, so it is computed as "
        "usual. torch says: no C++ compiler"
    ]


def test_a_mistake_in_the_data_is_told_as_without_a_compiler(monkeypatch):
    """In our words, and no doubt is cast on the compiler."""

    def fail(call):
        def compiled(*given):
            raise RuntimeError("guard 17 failed")

        return compiled

    monkeypatch.setattr(torch, "compile", fail)
    model = network(jit_compile=True)

    with pytest.raises(DataError, match="y_true has shape"):
        model.fit(X, Y[:, :2], verbose=0)


# cuda_graph


def test_a_cuda_graph_changes_nothing_on_a_cpu():
    """A script may ask for it wherever it runs."""
    plain, history = trained(network(), 32)
    graph, graph_history = trained(network(cuda_graph=True), 32)

    assert all(map(np.array_equal, plain, graph))
    assert graph_history == history


def test_a_cuda_graph_does_not_accumulate():
    with pytest.raises(ArgumentError) as caught:
        network(cuda_graph=True, accumulate=2)

    assert str(caught.value) == (
        "cuda_graph=True and accumulate=2 do not go together: a recorded batch replaces the "
        "gradients, it cannot add to them. Pass one of them."
    )


class Count:
    """A metric that runs through the epoch."""

    name = "count"

    def update_state(self, y_true, y_pred):
        self.seen += len(y_true)

    def result(self):
        return self.seen

    def reset_state(self):
        self.seen = 0


def test_a_cuda_graph_records_no_metric_that_runs_through_the_epoch():
    """What was compiled before stays."""
    model = network()
    with pytest.raises(ArgumentError) as caught:
        model.compile("sgd", "mse", metrics=[Count()], cuda_graph=True)

    assert str(caught.value) == (
        "cuda_graph=True cannot record count: a metric that runs through the epoch counts in "
        "Python. Leave one of them out."
    )
    assert model.metrics == ["acc"]
