"""The weights that a layer created itself, and under which attribute each one lives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from backbeat.errors import ArgumentError
from backbeat.layers.keras_weight import KerasWeight
from backbeat.regularizers import Penalty

__all__ = ["OwnWeights"]


@dataclass
class _Entry:
    name: str
    axes: tuple[int, ...] | None
    trainable: bool
    tensor: nn.Parameter | None
    """The weight itself, only until its attribute is known."""
    regularizer: Penalty | None
    attribute: str = ""


class OwnWeights:
    """What `add_weight` made, in the order of creation.

    The layer's author says under which attribute a weight lives by assigning it; one that is not
    assigned gets an attribute of its own name once the layer is built.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, weight: KerasWeight, regularizer: Penalty | None) -> None:
        """Remember a weight. Raises ArgumentError if there is one of that name."""
        name, parameter = weight.name, cast(nn.Parameter, weight.tensor)
        if any(entry.name == name for entry in self._entries):
            raise ArgumentError(
                f"a weight {name!r} exists already in this layer; give each weight its own name."
            )
        entry = _Entry(name, weight.axes, weight.trainable, parameter, regularizer)
        self._entries.append(entry)

    def listed(self, layer: nn.Module) -> list[KerasWeight]:
        """The weights as they are now."""
        return [
            KerasWeight(entry.name, _tensor(layer, entry), entry.axes, entry.trainable)
            for entry in self._entries
        ]

    @property
    def regularized(self) -> bool:
        """Whether a weight has a regularizer."""
        return any(entry.regularizer is not None for entry in self._entries)

    def penalties(self, layer: nn.Module) -> list[Tensor]:
        """The penalty for each weight that learns and has a regularizer."""
        return [
            entry.regularizer(_as_keras(_tensor(layer, entry), entry.axes))
            for entry in self._entries
            if entry.regularizer is not None and _tensor(layer, entry).requires_grad
        ]

    def settle(self, layer: nn.Module) -> None:
        """From now on find each weight by its attribute: moving the layer may replace tensors."""
        for entry in self._entries:
            if entry.tensor is not None:
                entry.attribute = _assigned(layer, entry.tensor) or _register(layer, entry)
                entry.tensor = None


def _tensor(layer: nn.Module, entry: _Entry) -> Tensor:
    """The live weight."""
    return getattr(layer, entry.attribute) if entry.tensor is None else entry.tensor


def _as_keras(weight: Tensor, axes: tuple[int, ...] | None) -> Tensor:
    """The view of `weight` in Keras' orientation, for which its regularizer was written."""
    return weight if axes is None else weight.permute(axes)


def _assigned(layer: nn.Module, weight: nn.Parameter) -> str | None:
    """The attribute to which the author assigned `weight`."""
    parameters = layer.named_parameters(recurse=False)
    return next((name for name, parameter in parameters if parameter is weight), None)


def _register(layer: nn.Module, entry: _Entry) -> str:
    """Make the weight an attribute, under its own name or the next that is free."""
    attribute = re.sub(r"\W", "_", entry.name) or "weight"
    while hasattr(layer, attribute):
        attribute += "_"
    layer.register_parameter(attribute, entry.tensor)
    return attribute
