"""ModuleInspection: weights, gradients, layer outputs and the graph of any `nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from backbeat.data import as_source
from backbeat.errors import ArgumentError
from backbeat.hooks.inspection import GraphLayer
from backbeat.layers.keras_layout import keras_weights
from backbeat.layers.keras_weight import KerasWeight
from backbeat.optimizers import Optimizer, TorchOptimizer
from backbeat.registry import nearest
from backbeat.tensors import leaves, to_numpy
from backbeat.training.placement import place_of
from backbeat.training.step import Step
from backbeat.training.tracing import ForwardRecording
from backbeat.training.weights import named_layers, own_weights

__all__ = ["ModuleInspection", "layer_paths", "named_weights"]

Array = np.ndarray[Any, Any]


class ModuleInspection:
    """What can be seen of `module`, as `backbeat.hooks.inspection.Inspection` says.

    `layers` says how the layers hang together where that is known beforehand; `is_compiled` that
    the training goes through torch.compile, which hooks on the modules would disturb.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: Optimizer | None = None,
        *,
        layers: Sequence[GraphLayer] | None = None,
        input_count: int = 1,
        gradient_scale: float = 1.0,
        is_compiled: bool = False,
    ) -> None:
        self._module = module
        self._optimizer = optimizer
        self._layers = layers
        self._gradient_scale = gradient_scale
        self._is_compiled = is_compiled
        self.input_count = input_count
        self.layer_names = tuple(name for name, _ in named_layers(module))

    def weights(self) -> dict[str, Array]:
        """All weights by name, as copies."""
        return {name: weight.array() for name, weight in named_weights(self._module).items()}

    def gradients(self) -> dict[str, Array]:
        """The gradients of this moment by the names of their weights, as copies."""
        found: dict[str, Array] = {}
        for name, weight in named_weights(self._module).items():
            gradient = weight.tensor.grad
            if gradient is not None:
                found[name] = self._array(weight, gradient)
        return found

    def _array(self, weight: KerasWeight, gradient: Tensor) -> Array:
        if gradient.is_sparse:
            # The rows that the batch looked up; all others have none.
            array = np.array(to_numpy(gradient.coalesce().values()))
        else:
            array = weight.to_keras(gradient)
        return array if self._gradient_scale == 1 else array * np.float32(self._gradient_scale)

    def tables(self) -> dict[str, Array]:
        """The weights of all embedding layers by the names of the layers, as copies."""
        kinds = ("Embedding", "EmbeddingBag")
        return {
            path: keras_weights(layer)[0].array()
            for path, layer in layer_paths(self._module).items()
            if any(kind.__name__ in kinds for kind in type(layer).__mro__)
        }

    @contextmanager
    def watch_outputs(
        self, heard: Callable[[str, Sequence[Any]], None], layers: Sequence[str] | None = None
    ) -> Generator[None]:
        """Within it `heard(layer, outputs)` is called whenever a layer has computed."""
        errors: list[Exception] = []

        def hook(name: str) -> Callable[[Any, Any, Any], None]:
            def tell(layer: Any, _: Any, output: Any) -> None:
                # A mistake of who listens must not end the pass that he only listens to.
                try:
                    heard(name, [to_numpy(each) for each in _outputs(layer, output)])
                except Exception as error:
                    errors.append(error)

            return tell

        with ExitStack() as stack:
            for name, layer in self._chosen(layers).items():
                stack.callback(layer.register_forward_hook(hook(name)).remove)
            yield
        if errors:
            raise errors[0]

    def _chosen(self, names: Sequence[str] | None) -> dict[str, nn.Module]:
        if names is None:
            return dict(named_layers(self._module))
        known = layer_paths(self._module)
        for name in names:
            if name not in known:
                guess = nearest(name, list(known))
                hint = f"; did you mean {guess!r}?" if guess else f": {', '.join(known)}."
                raise ArgumentError(f"There is no layer {name!r} in the model{hint}")
        return {name: known[name] for name in names}

    def run(self, inputs: Any, batch_size: int) -> None:
        """Send `inputs` through the model in inference mode, in batches, for others to watch."""
        module = self._module
        device = next((each.device for each in module.parameters()), torch.device("cpu"))
        place = place_of(module, device)
        source = as_source(inputs, batch_size=batch_size, place=place, training=False)
        step = Step(module)
        devices = [device] if device.type == "cuda" else []
        with cast(Any, torch.random).fork_rng(devices), step.evaluating():
            for batch in source.batches():
                step.forward(batch.x)

    def record_graph(self) -> ForwardRecording:
        """Begin to watch the next forward pass."""
        return ForwardRecording(
            self._module,
            paths={id(layer): path for path, layer in layer_paths(self._module).items()},
            weights={id(each.tensor): name for name, each in named_weights(self._module).items()},
            layers=self._layers,
            watches=not self._is_compiled,
        )

    def describe(self) -> Mapping[str, str]:
        """What the model is, in words."""
        module = self._module
        name = getattr(module, "name", None) or type(module).__name__
        learning = sum(each.numel() for each in module.parameters() if each.requires_grad)
        total = sum(each.numel() for each in module.parameters())
        devices = sorted({str(each.device) for each in module.parameters()})
        said = {
            "model": f"{name} ({type(module).__name__})",
            "layers": str(len(self.layer_names)),
            "weights": f"{total:,}, of which {learning:,} learn",
            "device": ", ".join(devices),
        }
        if self._optimizer is not None:
            said["optimizer"] = _named(self._optimizer)
        return said


def _named(optimizer: Optimizer) -> str:
    wraps = isinstance(optimizer, TorchOptimizer) and optimizer.bound
    return f"{type(optimizer.torch if wraps else optimizer).__name__}, lr {optimizer.lr:g}"


def _outputs(layer: Any, output: Any) -> list[Tensor]:
    """The tensors that a layer gave; with its activation, which training may leave to the loss."""
    given = [each for each in leaves(output) if isinstance(each, Tensor)]
    if getattr(layer, "skip_activation", False):
        with torch.no_grad():
            return [layer.activation(each) for each in given]
    return given


def named_weights(module: nn.Module) -> dict[str, KerasWeight]:
    """Every weight once, by `<layer>/<weight>`; those of no layer by their own names."""
    found: dict[str, KerasWeight] = {}
    seen: set[int] = set()
    layered = [(f"{name}/", keras_weights(layer)) for name, layer in named_layers(module)]
    for prefix, weights in [*layered, ("", own_weights(module))]:
        for weight in weights:
            if id(weight.tensor) not in seen:
                seen.add(id(weight.tensor))
                found[f"{prefix}{weight.name}"] = weight
    return found


def layer_paths(module: nn.Module) -> dict[str, nn.Module]:
    """All layers, and the layers within them, by the names that lead to them: `encoder/dense_1`."""
    found: dict[str, nn.Module] = {}
    _walk(module, "", found, set())
    return found


def _walk(module: nn.Module, prefix: str, found: dict[str, nn.Module], seen: set[int]) -> None:
    for name, layer in named_layers(module):
        # A module without layers is its own only one; a shared one has the first of its names.
        if id(layer) not in seen:
            seen.add(id(layer))
            found[f"{prefix}{name}"] = layer
            if layer is not module:
                _walk(layer, f"{prefix}{name}/", found, seen)
