"""Keras' optimizers over torch's kernels, and torch's own with the same face.

A new optimizer is one file, made of `Optimizer.build` and `Optimizer.keras_state`, and a line in
`lookup.py`.
"""

from backbeat.optimizers.adadelta import Adadelta
from backbeat.optimizers.adagrad import Adagrad
from backbeat.optimizers.adam import Adam
from backbeat.optimizers.adamax import Adamax
from backbeat.optimizers.adamw import AdamW
from backbeat.optimizers.lookup import get, serialize
from backbeat.optimizers.nadam import Nadam
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.rates import check_rate
from backbeat.optimizers.rmsprop import RMSprop
from backbeat.optimizers.sgd import SGD
from backbeat.optimizers.torch_optimizer import TorchOptimizer

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "TorchOptimizer",
    "check_rate",
    "get",
    "serialize",
]
