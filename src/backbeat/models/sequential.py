"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from backbeat.errors import ArgumentTypeError, StateError
from backbeat.hooks import GraphLayer
from backbeat.layers import Conv1D, Conv2D, Dense, Embedding, Flatten, InputLayer, Reshape
from backbeat.layers.inference import inferring
from backbeat.layers.naming import snake_case, unique_name
from backbeat.layers.symbol import Symbol
from backbeat.models.config import KNOWN_MODELS, sequential_config
from backbeat.models.model import Model
from backbeat.models.wiring import chain
from backbeat.training.calls import only_input
from backbeat.training.placement import device_of

__all__ = ["Sequential"]


_RESHAPING = frozenset({Flatten, Reshape, nn.Flatten})
_WRITING_ANEW = frozenset(
    {Dense, Conv1D, Conv2D, Embedding, nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Embedding}
)


class Sequential(Model):
    """A model whose layers are applied one after the other: ours and any `nn.Module`, mixed.

    Built at once when the first layer has `input_dim` or `input_shape`, else at the first batch.

    >>> from backbeat.layers import Dense
    >>> model = Sequential([Dense(8, activation="relu", input_dim=4), torch.nn.Linear(8, 1)])
    >>> [weight.shape for weight in model.get_weights()]
    [(4, 8), (8,), (8, 1), (1,)]
    """

    def __init__(self, layers: Iterable[nn.Module] | None = None, name: str | None = None) -> None:
        super().__init__(name=name)
        self._sequence: list[nn.Module] = []
        self._names: list[str] = []
        self._probe: torch.Tensor | None = None
        self._input_shape: tuple[int | None, ...] | None = None
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: nn.Module) -> None:
        """Append `layer`. The first may be an `Input`, which says what shape the data have."""
        if isinstance(layer, Symbol) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if not isinstance(layer, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentTypeError(
                f"{self.name} was given {layer!r} as a layer; pass a backbeat layer or any "
                "torch.nn.Module" + (" instance." if isinstance(layer, type) else ".")
            )
        name = getattr(layer, "name", None) or unique_name(snake_case(type(layer).__name__))
        if name in self._names:
            raise ArgumentTypeError(f"{self.name} already has a layer called {name!r}.")
        # Registered by its position, as torch.nn.Sequential does, so that the state of a model
        # fits another one of the same layers, whatever their automatic names are.
        self._sequence.append(layer)
        self._names.append(name)
        self.add_module(str(len(self._names) - 1), layer)
        self._step = None
        self._grow(layer)

    def _grow(self, layer: nn.Module) -> None:
        """Build `layer` if what goes into it is known, by sending zeros through it."""
        if len(self._sequence) == 1:
            self._probe = _zeros_for(layer)
            if self._probe is not None:
                self._input_shape = (None, *self._probe.shape[1:])
        if self._probe is not None:
            self._probe = self._through(self._names[-1], layer, self._probe)

    def pop(self) -> None:
        """Take the last layer away again."""
        if not self._sequence:
            raise StateError(f"{self.name} has no layers, so there is none to take away.")
        self._sequence.pop()
        name = self._names.pop()
        delattr(self, str(len(self._names)))
        self.output_shapes.pop(name, None)
        self._step = None
        if self._probe is not None:
            self._probe = self._zeros_after_all()

    def _zeros_after_all(self) -> torch.Tensor | None:
        shape = self._input_shape
        if shape is None or not self._sequence:
            return None
        zeros = _zeros(shape[1:], self._sequence[0])
        for layer in self._sequence:
            with inferring(layer):
                zeros = layer(zeros.to(device_of(layer)))
        return zeros.cpu()  # where a layer that is added begins

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build all layers for inputs of `input_shape`, whose first entry is the batch size."""
        first = self._sequence[0] if self._sequence else None
        self._build_on(_zeros(tuple(input_shape)[1:], first))
        self._input_shape = tuple(input_shape)

    def _build_on(self, x: Any) -> None:
        if self.takes_one_tensor:
            x = only_input(self, x)
        for name, layer in self.named_layers():
            x = self._through(name, layer, x)
        self._probe = x[:1]

    def _through(self, name: str, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """What `layer` makes of `x`, as somebody who never saw its outputs before."""
        with inferring(layer):
            outputs = layer(x)
        if not isinstance(outputs, torch.Tensor):
            raise ArgumentTypeError(
                f"{name!r} returns a {type(outputs).__name__}, but each layer of a Sequential "
                "returns one tensor, which the next one takes. Wrap it in a module whose forward "
                "returns the part that you want, such as self.lstm(x)[0]."
            )
        self.output_shapes[name] = (None, *outputs.shape[1:])
        return outputs

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Send `inputs` through all layers."""
        if self._input_shape is None:
            self._input_shape = (None, *inputs.shape[1:])
        for layer in self._sequence:
            inputs = layer(inputs)
        return inputs

    def predict_classes(
        self, x: Any, batch_size: int | None = None, verbose: int | str = 0
    ) -> np.ndarray[Any, Any]:
        """The class of each sample: where `predict` is largest; a single output above 0.5 is 1."""
        outputs = self.predict(x, batch_size, verbose)
        if outputs.shape[-1] > 1:
            return outputs.argmax(axis=-1)
        return (outputs > 0.5).astype("int32")

    @property
    def takes_one_tensor(self) -> bool:
        """Whether it has a single input, which a list or dict of several cannot be."""
        return type(self).forward is Sequential.forward

    @property
    def chained_layers(self) -> list[nn.Module] | None:
        """The layers, where sending inputs through them is all that calling the model does."""
        is_chain = type(self) is Sequential and "forward" not in vars(self)
        return self._sequence if is_chain and self._input_shape is not None else None

    def _only_reads_inputs(self) -> bool:
        """Whether the first layer that does more than reshape puts its outputs into new memory."""
        if type(self) is not Sequential or _is_hooked(self):
            return False
        for layer in self._sequence:
            if _is_hooked(layer) or type(layer) not in _RESHAPING:
                return not _is_hooked(layer) and type(layer) in _WRITING_ANEW
        return False

    def named_layers(self) -> list[tuple[str, nn.Module]]:
        """The layers with their names, in order."""
        return list(zip(self._names, self._sequence, strict=True))

    def keras_config(self) -> dict[str, Any] | None:
        """The architecture as Keras describes it; None if Keras has no counterpart to a layer."""
        return sequential_config(
            self.name, self.named_layers(), self._input_shape, self.output_shapes
        )

    def _wiring(self) -> list[GraphLayer]:
        return chain(self.named_layers())

    def _heads(self, outputs: Sequence[str]) -> dict[str, nn.Module]:
        last = self._sequence[-1] if self._sequence else None
        once = sum(layer is last for layer in self._sequence) == 1
        return {outputs[0]: last} if last is not None and once else {}


KNOWN_MODELS.add(Sequential, "Sequential")


def _zeros_for(layer: nn.Module) -> torch.Tensor | None:
    """One sample of zeros in the shape that the first `layer` asks for, if that is known."""
    layer = _innermost(layer)
    shape = getattr(layer, "batch_input_shape", None)
    if shape is None or None in shape[1:]:
        return None
    return _zeros(shape[1:], layer)


def _is_hooked(layer: Any) -> bool:
    """Whether somebody else may get hold of what goes into `layer`."""
    return bool(layer._forward_pre_hooks or layer._forward_hooks)


def _innermost(layer: nn.Module) -> nn.Module:
    """The layer that the input of `layer` reaches first, in sequences within sequences."""
    while isinstance(layer, Sequential) and layer.named_layers():
        layer = layer.named_layers()[0][1]
    return layer


def _zeros(shape: Sequence[int | None], first: nn.Module | None) -> torch.Tensor:
    first = None if first is None else _innermost(first)
    looked_up = isinstance(first, (Embedding, nn.Embedding))
    sizes = [1, *(1 if size is None else size for size in shape)]
    device = next((each.device for each in first.parameters()), None) if first else None
    return torch.zeros(sizes, dtype=torch.long if looked_up else torch.float32, device=device)
