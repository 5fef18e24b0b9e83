"""The layers of torch.nn that Keras has too: what they are called there, and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from backbeat.layers.keras_weight import KerasWeight
from backbeat.layers.naming import snake_case
from backbeat.layers.wrappers import bare

__all__ = ["keras_kind", "known_weights"]

_KERNEL_AXES = {2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0), 5: (2, 3, 4, 1, 0)}
"""Torch keeps (outputs, inputs, *window), transposed convolutions (inputs, outputs, *window);
Keras keeps (*window, inputs, outputs) and (*window, outputs, inputs): the same turn for both."""

_WITH_KERNEL = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_NORMS = (*_BATCH_NORMS, *_INSTANCE_NORMS, nn.LayerNorm, nn.GroupNorm)

_KINDS: list[tuple[type[nn.Module] | tuple[type[nn.Module], ...], str]] = [
    (nn.Sequential, "sequential"),
    (nn.Linear, "dense"),
    (nn.Conv1d, "conv1d"),
    (nn.Conv2d, "conv2d"),
    (nn.Conv3d, "conv3d"),
    (nn.ConvTranspose1d, "conv1d_transpose"),
    (nn.ConvTranspose2d, "conv2d_transpose"),
    (nn.ConvTranspose3d, "conv3d_transpose"),
    (_BATCH_NORMS, "batch_normalization"),
    (nn.LayerNorm, "layer_normalization"),
    (nn.GroupNorm, "group_normalization"),
    ((nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d), "dropout"),
    ((nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softmax, nn.GELU, nn.SiLU), "activation"),
]


def keras_kind(module: nn.Module) -> str:
    """The snake_case name of the Keras class that does what `module` does."""
    module = bare(module)
    for kinds, name in _KINDS:
        if isinstance(module, kinds):
            return name
    return snake_case(type(module).__name__)


def known_weights(module: nn.Module) -> Iterator[KerasWeight]:
    """The weights of a module whose counterpart in Keras is known."""
    if isinstance(module, _WITH_KERNEL):
        yield KerasWeight("kernel", module.weight, _KERNEL_AXES[module.weight.ndim])
        yield from _if_there("bias", module.bias)
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        yield KerasWeight("embeddings", module.weight)
    elif isinstance(module, nn.PReLU):
        yield KerasWeight("alpha", module.weight)
    elif isinstance(module, _NORMS):
        yield from _if_there("gamma", module.weight)
        yield from _if_there("beta", module.bias)
        yield from _if_there("moving_mean", getattr(module, "running_mean", None), False)
        yield from _if_there("moving_variance", getattr(module, "running_var", None), False)


def _if_there(name: str, tensor: Any, trainable: bool = True) -> Iterator[KerasWeight]:
    """The weight, unless the module was made without it."""
    if tensor is not None:
        yield KerasWeight(name, tensor, trainable=trainable)
