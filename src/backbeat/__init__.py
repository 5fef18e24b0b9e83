"""backbeat: Keras-style callbacks for PyTorch. Watch, steer and save a training run.

The public names are loaded on first use, so that importing backbeat costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbeat.lazy import lazily

if TYPE_CHECKING:
    from backbeat import (
        activations,
        callbacks,
        errors,
        hooks,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        regularizers,
        testing,
        training,
        utils,
    )
    from backbeat.callbacks import Callback
    from backbeat.layers import Input, Layer
    from backbeat.models import Model, Sequential, load_model
    from backbeat.training import Loop

__all__ = [
    "Callback",
    "Input",
    "Layer",
    "Loop",
    "Model",
    "Sequential",
    "activations",
    "callbacks",
    "errors",
    "hooks",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "testing",
    "training",
    "utils",
]

__version__ = "0.1.0"

_HOMES = {
    "Callback": "backbeat.callbacks",
    "Input": "backbeat.layers",
    "Layer": "backbeat.layers",
    "Loop": "backbeat.training",
    "Model": "backbeat.models",
    "Sequential": "backbeat.models",
    "load_model": "backbeat.models",
}

__getattr__, __dir__ = lazily(__name__, _HOMES, set(__all__) - set(_HOMES))
