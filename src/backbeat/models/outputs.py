"""Arguments of `compile` that may differ by output: one for all, a list, or a dict by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.registry import nearest

__all__ = ["lists_per_output", "names_told_by", "per_output"]


def per_output(argument: str, given: Any, names: Sequence[str]) -> list[Any]:
    """What each of the outputs called `names` gets of `given`: a dict, a list, or one for all.

    Raises ArgumentError for a name that no output has, or a list of another length.
    """
    if isinstance(given, Mapping) and "class_name" not in given:
        return _by_name(argument, cast(Mapping[str, Any], given), names)
    if isinstance(given, (list, tuple)):
        parts = list(cast(Sequence[Any], given))
        if len(parts) != len(names):
            raise ArgumentError(
                f"{argument} has {len(parts)} entries, but the model has {len(names)} outputs"
                f"{_listed(names)}; give one for each."
            )
        return parts
    return [given] * len(names)


def lists_per_output(argument: str, given: Any, names: Sequence[str]) -> list[list[Any]]:
    """As `per_output`, for arguments that are lists themselves: a flat list is for every output."""
    if given is None:
        return [[] for _ in names]
    if isinstance(given, Mapping):
        return [_as_list(each) for each in per_output(argument, given, names)]
    if isinstance(given, (list, tuple)):
        parts = list(cast(Sequence[Any], given))
        if any(isinstance(part, (list, tuple)) for part in parts):
            return [_as_list(each) for each in per_output(argument, parts, names)]
        return [list(parts) for _ in names]
    if isinstance(given, str) or callable(given) or hasattr(given, "update"):
        return [[given] for _ in names]
    raise ArgumentTypeError(f"{argument} is {given!r}; pass a list such as metrics=['acc'].")


def names_told_by(loss: Any) -> tuple[str, ...]:
    """Names for outputs that the model does not name itself: as many as `loss` speaks of."""
    if isinstance(loss, Mapping) and "class_name" not in loss:
        names = tuple(cast(Mapping[str, Any], loss))
    elif isinstance(loss, (list, tuple)):
        count = len(cast(Sequence[Any], loss))
        names = tuple(f"output_{number + 1}" for number in range(count))
    else:
        names = ("output",)
    if not names:
        raise ArgumentError(
            f"loss is {loss!r}, which names no loss; pass one, such as 'mse', or one for each "
            "output, or leave it out if the model computes its own."
        )
    return names


def _by_name(argument: str, given: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    for name in given:
        if name not in names:
            guess = nearest(name, names)
            hint = f"; did you mean {guess!r}?" if guess else "."
            raise ArgumentError(
                f"{argument} names an output {name!r}, but the model's outputs are"
                f"{_listed(names)}{hint}"
            )
    return [given.get(name) for name in names]


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(cast(Sequence[Any], given)) if isinstance(given, (list, tuple)) else [given]


def _listed(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})"
