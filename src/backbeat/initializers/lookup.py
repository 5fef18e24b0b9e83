"""From a name, class, dict or function to an initializer, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from backbeat.errors import ArgumentTypeError
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
from backbeat.registry import Registry

__all__ = ["get", "serialize"]

_known: Registry[Callable[..., Initializer]] = Registry("initializer")
_known.add(Constant, "Constant", "constant")
_known.add(Identity, "Identity", "identity")
_known.add(Ones, "Ones", "ones", "one")
_known.add(Orthogonal, "Orthogonal", "orthogonal")
_known.add(RandomNormal, "RandomNormal", "random_normal", "normal")
_known.add(RandomUniform, "RandomUniform", "random_uniform", "uniform")
_known.add(TruncatedNormal, "TruncatedNormal", "truncated_normal")
_known.add(VarianceScaling, "VarianceScaling", "variance_scaling")
_known.add(Zeros, "Zeros", "zeros", "zero")
_known.add(glorot_normal, "GlorotNormal", "glorot_normal")
_known.add(glorot_uniform, "GlorotUniform", "glorot_uniform")
_known.add(he_normal, "HeNormal", "he_normal")
_known.add(he_uniform, "HeUniform", "he_uniform")
_known.add(lecun_normal, "LecunNormal", "lecun_normal")
_known.add(lecun_uniform, "LecunUniform", "lecun_uniform")


def get(identifier: Any) -> Initializer:
    """The initializer meant by a name, object, class, function or `{"class_name", "config"}`.

    >>> get("ones")((2,))
    tensor([1., 1.])
    """
    if isinstance(identifier, str):
        return _known[identifier]()
    if isinstance(identifier, Initializer):
        return identifier
    if isinstance(identifier, Mapping):
        return _from_config(*_known.described(identifier))
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    function = cast(Any, identifier)
    if callable(function):
        return FunctionInitializer(function)
    raise ArgumentTypeError(
        f"an initializer was given as {function!r}, a {type(function).__name__}: give a name "
        "such as 'glorot_uniform', an object such as RandomNormal(stddev=0.1), or a function "
        "of a shape."
    )


def serialize(initializer: Initializer) -> Any:
    """What `get` turns back into `initializer`; a function of yours becomes its name."""
    if isinstance(initializer, FunctionInitializer):
        function = initializer.function
        return str(getattr(function, "__name__", type(function).__name__))
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def _from_config(make: Any, config: dict[str, Any]) -> Initializer:
    if isinstance(make, type):
        return cast(type[Initializer], make).from_config(config)
    return make(seed=config.get("seed"))
