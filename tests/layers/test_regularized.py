"""What layers add to the loss: beside the real Keras, over several calls, and when asked."""

from typing import Any

import pytest
import torch

from backbeat import regularizers
from backbeat.layers import (
    BatchNormalization,
    Conv1D,
    Dense,
    Embedding,
    Flatten,
    Input,
    Layer,
)
from tests.layers.keras_side import assert_same


@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_regularizer": "l2", "bias_regularizer": regularizers.l1(0.1)},
        {"activity_regularizer": "l1_l2", "activation": "relu"},
        {"kernel_regularizer": "l1", "trainable": False},
        {"kernel_regularizer": "l1", "activity_regularizer": "l2", "use_bias": False},
    ],
    ids=str,
)
def test_dense_beside_keras(arguments: dict[str, Any]) -> None:
    """Penalties and their gradients are Keras'; those on outputs are per sample."""
    assert_same(Dense(4, **arguments), torch.randn(5, 3))


def test_embedding_beside_keras() -> None:
    """Likewise."""
    layer = Embedding(10, 3, embeddings_regularizer="l2", activity_regularizer="l1")

    assert_same(layer, torch.randint(10, (5, 4)), batch_input_shape=...)


@pytest.mark.parametrize(
    "layer",
    [
        Dense(2, kernel_regularizer="l2"),
        Dense(2, activity_regularizer="l2"),
        Conv1D(2, 3, bias_regularizer="l1"),
        BatchNormalization(beta_regularizer="l1"),
        Embedding(5, 2, embeddings_regularizer="l1"),
    ],
    ids=lambda layer: layer.name,
)
def test_it_is_known_before_the_layer_is_built(layer: Layer) -> None:
    """has_penalties is True at once; penalties come with the weights and the calls."""
    assert layer.has_penalties
    assert layer.penalties() == []


@pytest.mark.parametrize("layer", [Dense(2), Flatten(), BatchNormalization()])
def test_without_regularizers(layer: Layer) -> None:
    """Nothing is added."""
    layer(torch.ones(2, 3))

    assert not layer.has_penalties
    assert layer.penalties() == []


def test_the_present_weights_count() -> None:
    """Each asking computes the penalty anew."""
    layer = Dense(1, kernel_regularizer=regularizers.l1(1.0), input_dim=2)
    layer.build((None, 2))
    layer.set_weights([torch.tensor([[2.0], [-3.0]]), torch.zeros(1)])
    before = [penalty.item() for penalty in layer.penalties()]
    layer.set_weights([torch.tensor([[1.0], [0.0]]), torch.zeros(1)])

    assert before == [5.0]
    assert [penalty.item() for penalty in layer.penalties()] == [1.0]


def test_a_regularizer_sees_the_weight_as_keras_holds_it() -> None:
    """A function of yours gets (features, units)."""
    seen: list[tuple[int, ...]] = []

    def penalty(weights: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(weights.shape))
        return weights.sum()

    layer = Dense(2, kernel_regularizer=penalty)
    layer(torch.ones(1, 3))
    layer.penalties()

    assert seen == [(3, 2)]


def test_every_call_counts_until_it_is_asked() -> None:
    """A shared layer adds the penalty of each of its outputs, once."""
    layer = Dense(1, activity_regularizer=lambda outputs: outputs.sum(), use_bias=False)
    layer(torch.ones(1, 1))
    layer.set_weights([torch.ones(1, 1)])
    layer.train()
    layer(torch.full((2, 1), 3.0))
    layer(torch.full((2, 1), 5.0))

    assert [penalty.item() for penalty in layer.penalties()] == [3.0, 5.0]
    assert layer.penalties() == []


def test_a_new_mode_forgets() -> None:
    """What predicting or drawing left does not enter the next training batch."""
    layer = Dense(1, activity_regularizer="l2")
    layer(Input((3,)))
    layer.eval()(torch.ones(2, 3))
    layer.train()

    assert layer.penalties() == []


def test_calls_that_nobody_asks_about_do_not_pile_up() -> None:
    """However many batches are predicted, memory stays bounded."""
    layer = Dense(1, activity_regularizer="l2")
    with torch.no_grad():
        for _ in range(2500):
            layer(torch.ones(1, 1))

    assert len(layer.penalties()) <= 1000


def test_a_layer_of_yours() -> None:
    """add_weight takes a regularizer; frozen weights count nothing."""

    class Scale(Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight("factor", (2,), "ones", regularizer="l2")

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * self.factor

    layer = Scale()
    layer(torch.ones(1, 2))
    penalties = layer.penalties()
    sum(penalties).backward()

    assert layer.has_penalties
    assert [penalty.item() for penalty in penalties] == pytest.approx([0.02])
    assert layer.factor.grad.tolist() == pytest.approx([0.02, 0.02])
    layer.trainable = False
    assert layer.penalties() == []


@pytest.mark.parametrize("kind", ["l1", {"class_name": "L1L2", "config": {"l1": 0.1, "l2": 0.2}}])
def test_configuration(kind: Any) -> None:
    """Regularizers are written as Keras 2 writes them, and read back."""
    config = Dense(2, kernel_regularizer=kind, activity_regularizer=kind).get_config()
    again = Dense.from_config(config)

    assert config["kernel_regularizer"]["class_name"] == "L1L2"
    assert again.get_config() == config
    assert again.has_penalties
