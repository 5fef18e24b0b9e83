"""The real Keras 3 beside a layer of ours: same configuration, same weights, same data."""

from typing import Any

import numpy as np
import pytest
import torch

from backbeat.layers import Layer
from backbeat.tensors import leaves, map_leaves

Results = dict[str, Any]


def assert_same(ours: Layer, inputs: Any, *, atol: float = 1e-5, **options: Any) -> None:
    """Ours and Keras' layer give the same, in inference and in training.

    Compared are outputs, gradients of inputs and weights, penalties, and the weights afterwards;
    each makes the other's configuration its own. `options` overwrite entries in what Keras reads;
    `...` takes one away.
    """
    ours.eval()(map_leaves(torch.Tensor.detach, inputs))
    randomize(ours)
    theirs = keras_twin(ours, inputs, options)
    for training in (False, True):
        mine = our_results(ours.train(training), inputs)
        expected = keras_results(theirs, inputs, training)
        for name, value in expected.items():
            assert_close(mine[name], value, f"{name}, training={training}", atol)
    again = type(ours).from_config(theirs.get_config())

    assert behaviour(again) == behaviour(ours)


def randomize(layer: Layer) -> None:
    """Weights of which none is special; variances stay above 0."""
    arrays = [np.random.uniform(0.2, 1.0, array.shape) for array in layer.get_weights()]
    layer.set_weights(arrays)


def keras_twin(ours: Layer, inputs: Any, options: dict[str, Any]) -> Any:
    """The layer that Keras makes of our configuration, with our weights."""
    keras = pytest.importorskip("keras")
    config = {**ours.get_config(), **options}
    for name in [name for name, value in options.items() if value is ...]:
        del config[name]
    theirs = getattr(keras.layers, type(ours).__name__).from_config(config)
    theirs(inputs)
    if theirs.weights:
        theirs.set_weights(ours.get_weights())
    return theirs


def our_results(layer: Layer, inputs: Any) -> Results:
    given = map_leaves(fresh, inputs)
    layer.zero_grad()
    outputs = layer(given)
    penalties = layer.penalties()
    objective(outputs, penalties).backward()
    names = [weight.name for weight in layer.keras_weights() if weight.tensor.requires_grad]
    weights = {weight.name: weight for weight in layer.keras_weights()}
    return {
        "outputs": outputs.detach(),
        "penalties": sum(penalty.item() for penalty in penalties),
        "input gradients": [t.grad for t in leaves(given) if t.is_floating_point()],
        "weight gradients": [weights[name].to_keras(weights[name].tensor.grad) for name in names],
        "weights": layer.get_weights(),
    }


def keras_results(layer: Any, inputs: Any, training: bool) -> Results:
    given = map_leaves(fresh, inputs)
    for variable in layer.trainable_variables:
        variable.value.grad = None
    outputs = layer(given, **({"training": training} if layer._call_has_training_arg else {}))
    penalties = list(layer.losses)
    objective(outputs, penalties).backward()
    return {
        "outputs": outputs.detach(),
        "penalties": sum(penalty.item() for penalty in penalties),
        "input gradients": [t.grad for t in leaves(given) if t.is_floating_point()],
        "weight gradients": [variable.value.grad for variable in layer.trainable_variables],
        # Keras' own get_weights converts in a way that NumPy 2 warns about.
        "weights": [variable.value.detach().numpy() for variable in layer.weights],
    }


def fresh(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.clone()
    return copy.requires_grad_() if copy.is_floating_point() else copy


def objective(outputs: torch.Tensor, penalties: list[torch.Tensor]) -> torch.Tensor:
    """One number in which every output counts differently."""
    factors = torch.linspace(-1.0, 1.0, outputs.numel()).reshape(outputs.shape)
    return (outputs * factors).sum() + sum(penalties)


def assert_close(mine: Any, theirs: Any, what: str, atol: float) -> None:
    if isinstance(theirs, list):
        assert len(mine) == len(theirs), what
        for one, other in zip(mine, theirs, strict=True):
            assert_close(one, other, what, atol)
    else:
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=atol, err_msg=what)


def behaviour(layer: Layer) -> dict[str, Any]:
    """The configuration, but for what says only how the weights began."""
    return {
        name: value
        for name, value in layer.get_config().items()
        if not name.endswith("_initializer") and name != "batch_input_shape"
    }
