"""Numbers given as arguments: checked where they are given."""

from __future__ import annotations

import operator
from collections.abc import Container, Iterable
from typing import Any, cast

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.flags import flag
from backbeat.training.step_settings import StepSettings

__all__ = [
    "fraction",
    "optional_number",
    "step_settings",
    "verbosity",
    "whole_number",
    "whole_numbers",
]


def whole_number(name: str, value: Any, minimum: int) -> int:
    """`value` as an int of at least `minimum`; raises an error that names the argument."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentTypeError(
            f"{name}={value!r} is a {type(value).__name__}; pass a whole number, {minimum} or more."
        )
    number = operator.index(value)
    if number < minimum:
        raise ArgumentError(
            f"{name}={number} is too small; pass a whole number, {minimum} or more."
        )
    return number


def optional_number(name: str, value: Any, minimum: int) -> int | None:
    """The same for an argument that may be left out."""
    return None if value is None else whole_number(name, value, minimum)


def fraction(name: str, value: Any) -> float:
    """`value` as a float from 0 up to, not including, 1."""
    if isinstance(value, (str, bool)) or not hasattr(value, "__float__"):
        raise ArgumentTypeError(
            f"{name}={value!r} is a {type(value).__name__}; pass a number such as 0.2."
        )
    if not 0 <= float(value) < 1:
        raise ArgumentError(
            f"{name}={value} does not fit; pass a share from 0 up to 1, such as 0.2."
        )
    return float(value)


def step_settings(
    precision: Any, accumulate: Any, jit_compile: Any, cuda_graph: Any
) -> StepSettings:
    """The settings of `compile` that say how a batch is computed."""
    if precision not in (None, "fp32", "bf16"):
        raise ArgumentError(
            f"precision={precision!r} does not fit; pass None (as the weights are) or 'bf16'."
        )
    batches = whole_number("accumulate", accumulate, 1)
    is_recorded = flag("compile", "cuda_graph", cuda_graph)
    if is_recorded and batches > 1:
        raise ArgumentError(
            f"cuda_graph=True and accumulate={batches} do not go together: a recorded batch "
            "replaces the gradients, it cannot add to them. Pass one of them."
        )
    return StepSettings(
        accumulate=batches,
        precision="bf16" if precision == "bf16" else None,
        jit_compile=flag("compile", "jit_compile", jit_compile),
        cuda_graph=is_recorded,
    )


def verbosity(value: Any) -> int:
    """0 (silent), 1 (bar) or 2 (a line per epoch); `True`, `False` and 'auto' are understood."""
    if value == "auto":
        return 1
    if value in (0, 1, 2):
        return int(value)
    raise ArgumentError(
        f"verbose={value!r} does not fit; pass 0 (silent), 1 (a bar) or 2 (a line per epoch)."
    )


def whole_numbers(name: str, value: Any) -> int | Container[int]:
    """`value` as an int of at least 1, or a container of epoch numbers counted from 1."""
    if isinstance(value, Container) and not isinstance(value, (str, bytes)):
        if isinstance(value, (list, tuple, set, frozenset)):
            for each in cast(Iterable[Any], value):
                whole_number(f"an epoch in {name}", each, minimum=1)
        return cast(Container[int], value)
    return whole_number(name, value, minimum=1)
