"""What a layer's configuration means to its constructor, also one that Keras 3 wrote."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, cast

from backbeat.errors import ArgumentError
from backbeat.layers._arguments import LayerArguments

__all__ = ["arguments_in"]


def arguments_in(kind: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for `kind` in `config`; what Keras 3 adds and leaves unused is left out.

    Raises ArgumentError if a layer of backbeat would have to do what it cannot.
    """
    known = set(inspect.signature(kind).parameters)
    if _is_open(kind):
        known.update(LayerArguments.__annotations__)
    arguments: dict[str, Any] = {}
    for name, value in config.items():
        if name == "batch_shape":
            name = "batch_input_shape"
        if name == "dtype":
            value = _dtype(value)
        if name in known or (value is not None and _is_open(kind) and not _is_ours(kind)):
            arguments[name] = value
        elif value not in (None, False, [], {}) and not _is_idle(name, config):
            raise ArgumentError(
                f"{kind.__name__}: the configuration says {name}={value!r}, which backbeat's "
                f"{kind.__name__} does not have. Write a layer of your own that does it, and pass "
                f"custom_objects={{{kind.__name__!r}: YourLayer}}."
            )
    return arguments


def _is_idle(name: str, config: Mapping[str, Any]) -> bool:
    """Whether `name` details what is switched off, as `renorm_momentum` does beside `renorm`."""
    return any(
        name.startswith(f"{other}_") and value in (None, False) for other, value in config.items()
    )


def _is_open(kind: type) -> bool:
    """Whether the class passes on keywords that its signature does not name."""
    parameters = inspect.signature(kind).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("backbeat.")


def _dtype(value: Any) -> Any:
    """The type of the weights, which Keras 3 describes within a policy."""
    if isinstance(value, Mapping):
        policy: Mapping[str, Any] = cast(Mapping[str, Any], value).get("config") or {}
        return _dtype(policy.get("name"))
    # What mixes types computes in the narrow one; its weights are wide.
    return "float32" if str(value).startswith("mixed_") else value
