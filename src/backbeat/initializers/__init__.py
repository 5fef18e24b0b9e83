"""Start values by Keras' names: an initializer is called with a shape and gives a new tensor.

Shapes are in Keras' orientation: (inputs, outputs) for a matrix, (*window, inputs, outputs) for
a convolution. Values are drawn on the CPU, so that a seed means the same on every device.
"""

from backbeat.initializers.distributions import (
    Constant,
    Ones,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    Zeros,
)
from backbeat.initializers.function_initializer import FunctionInitializer
from backbeat.initializers.initializer import Initializer
from backbeat.initializers.lookup import get, serialize
from backbeat.initializers.matrices import Identity, Orthogonal
from backbeat.initializers.variance_scaling import (
    VarianceScaling,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
)

__all__ = [
    "Constant",
    "FunctionInitializer",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "serialize",
]
