"""Lambda: any function of tensors, as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack, cast

from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.layers._arguments import LayerArguments
from backbeat.layers.layer import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """`function(inputs, **arguments)`, for what needs no weights.

    `output_shape` is taken for Keras' sake and not needed: torch tells the shape. A model with a
    Lambda saves and loads its weights; its architecture cannot be written, because a function is
    code and nothing that backbeat loads is run as code.

    >>> import torch
    >>> Lambda(lambda x: x * 2)(torch.ones(1, 2)).tolist()
    [[2.0, 2.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: None = None,
        arguments: Mapping[str, Any] | None = None,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        if not callable(function):
            raise ArgumentTypeError(
                f"{owner}: function is a function of the inputs; got {function!r} "
                f"({type(function).__name__}). Write, for example, Lambda(lambda x: x * 2)."
            )
        if mask is not None:
            raise ArgumentError(
                f"{owner}: mask is not available: no layer of backbeat reads masks."
            )
        self.function = function
        self.output_shape = output_shape
        if not isinstance(cast(object, arguments or {}), Mapping):
            raise ArgumentTypeError(
                f"{owner}: arguments is a dict of keywords for the function; got {arguments!r}."
            )
        self.arguments = dict(arguments or {})

    def call(self, inputs: Any) -> Any:
        """What the function makes of the inputs."""
        return self.function(inputs, **self.arguments)

    def get_config(self) -> dict[str, Any]:
        """Raises StateError: a function is code, which no file of ours holds."""
        raise StateError(
            f"{self.name!r} is a Lambda, whose function cannot be written to a configuration. "
            "Save the weights and build the model by the same program, or make the function a "
            "layer: class Mine(Layer) with call(inputs), loaded with custom_objects={'Mine': Mine}."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Raises ArgumentError unless `function` is a function: code in a file is never run."""
        if not callable(config.get("function")):
            raise ArgumentError(
                f"{config.get('name', cls.__name__)!r} is a Lambda whose code Keras stored in the "
                "file. backbeat does not run code from files: pass the layer yourself, "
                "custom_objects={'Lambda': lambda **config: Lambda(your_function)}, or build the "
                "model and use model.load_weights(path)."
            )
        return super().from_config(config)
