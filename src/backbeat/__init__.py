"""backbeat: Keras-style callbacks for PyTorch. Watch, steer and save a training run.

The public names are loaded on first use, so that importing backbeat costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
    from backbeat.layers import Layer
    from backbeat.models import Model, Sequential, load_model
    from backbeat.training import Loop

__all__ = [
    "Callback",
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
    "Callback": "callbacks",
    "Layer": "layers",
    "Loop": "training",
    "Model": "models",
    "Sequential": "models",
    "load_model": "models",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'backbeat' has no attribute {name!r}")
    module = importlib.import_module(f"backbeat.{_HOMES.get(name, name)}")
    thing = getattr(module, name) if name in _HOMES else module
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
