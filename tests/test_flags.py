"""Arguments that are True or False."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.errors import ArgumentTypeError
from backbeat.flags import flag
from backbeat.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dot,
    Embedding,
    GlobalMaxPooling1D,
)
from backbeat.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from backbeat.models import Model
from backbeat.optimizers import SGD, Adam


def compiled(**settings: Any) -> None:
    Model(torch.nn.Linear(1, 1)).compile("sgd", "mse", **settings)


FLAGS: list[tuple[Callable[..., Any], str, str]] = [
    (partial(Dense, 3), "Dense", "use_bias"),
    (partial(Dense, 3), "Dense", "trainable"),
    (partial(Conv2D, 3, 2), "Conv2D", "use_bias"),
    (BatchNormalization, "BatchNormalization", "center"),
    (BatchNormalization, "BatchNormalization", "scale"),
    (partial(Dot, 1), "Dot", "normalize"),
    (GlobalMaxPooling1D, "GlobalMaxPooling1D", "keepdims"),
    (partial(Embedding, 5, 2), "Embedding", "mask_zero"),
    (SGD, "SGD", "nesterov"),
    (Adam, "Adam", "amsgrad"),
    (BinaryCrossentropy, "BinaryCrossentropy", "from_logits"),
    (CategoricalCrossentropy, "CategoricalCrossentropy", "from_logits"),
    (SparseCategoricalCrossentropy, "SparseCategoricalCrossentropy", "from_logits"),
    (compiled, "compile", "jit_compile"),
    (compiled, "compile", "cuda_graph"),
]


@pytest.mark.parametrize("given", [True, 1, np.bool_(True), np.int64(1)])
def test_what_counts_as_true(given: Any) -> None:
    """1 and NumPy's own are understood, and come back as Python's."""
    assert flag("Dense", "use_bias", given) is True


@pytest.mark.parametrize("given", ["no", "False", None, 2, 0.0, [], np.array([True])])
def test_anything_else_is_refused(given: Any) -> None:
    """What Python would merely take for true or false is told with its kind."""
    with pytest.raises(ArgumentTypeError) as caught:
        flag("Dense", "use_bias", given)

    kind = type(given).__name__
    assert str(caught.value) == f"Dense: use_bias is True or False; got {given!r} ({kind})."


@pytest.mark.parametrize(("make", "owner", "name"), FLAGS)
def test_every_flag_is_checked(make: Callable[..., Any], owner: str, name: str) -> None:
    """Layers, losses, optimizers and `compile` refuse it where it is given."""
    make(**{name: False})

    with pytest.raises(ArgumentTypeError, match=f"^{owner}: {name} is True or False; got 'no'"):
        make(**{name: "no"})


def test_freezing_takes_a_flag() -> None:
    """Setting `trainable` later is checked too."""
    layer = Dense(3, name="hidden")

    with pytest.raises(ArgumentTypeError, match="^hidden: trainable is True or False; got 'no'"):
        layer.trainable = "no"  # type: ignore[assignment]
    assert layer.trainable is True
