"""Windows that slide over data: their sizes, their steps, and what lies beyond the edge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from backbeat.errors import ArgumentError
from backbeat.layers._arguments import Shape, choice, whole_number

__all__ = [
    "CHANNELS_FIRST",
    "CHANNELS_LAST",
    "channels_in",
    "data_format_name",
    "output_length",
    "same_padding",
    "sizes",
    "slid_shape",
]

CHANNELS_LAST, CHANNELS_FIRST = "channels_last", "channels_first"


def sizes(owner: str, name: str, value: Any, rank: int, *, minimum: int = 1) -> tuple[int, ...]:
    """`value`, one whole number for all axes or one for each, as `rank` numbers."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (whole_number(owner, name, value, minimum=minimum),) * rank
    parts = list(cast(Iterable[Any], value))
    if len(parts) != rank:
        axes = "one axis" if rank == 1 else f"{rank} axes"
        raise ArgumentError(
            f"{owner}: {name} is one whole number, or one for each of {axes}; got {value!r}."
        )
    return tuple(
        whole_number(owner, f"each number in {name}", part, minimum=minimum) for part in parts
    )


def data_format_name(owner: str, value: Any) -> str:
    """Where the channels are; None means last."""
    if value is None:
        return CHANNELS_LAST
    return choice(owner, "data_format", value, (CHANNELS_LAST, CHANNELS_FIRST))


def channels_in(name: str, shape: Shape, rank: int, data_format: str) -> int:
    """The number of channels in inputs of `shape`, which the layer `name` must know to be built."""
    given = shape[-1 if data_format == CHANNELS_LAST else 1] if len(shape) == rank + 2 else None
    if given is None:
        raise ArgumentError(
            f"{name!r} must know how many channels its inputs have: it takes {rank + 2} axes, "
            f"{data_format}, and was given the shape {shape}."
        )
    return given


def same_padding(length: int, window: int, step: int, dilation: int = 1) -> tuple[int, int]:
    """What padding "same" adds before and behind an axis: the odd one goes behind."""
    steps = -(-length // step)
    reach = dilation * (window - 1) + 1
    total = max((steps - 1) * step + reach - length, 0)
    return total // 2, total - total // 2


def output_length(
    length: int | None, window: int, padding: str, step: int, dilation: int = 1
) -> int | None:
    """The number of positions that a window has on an axis of `length`."""
    if length is None:
        return None
    outside = 0 if padding == "valid" else dilation * (window - 1)
    return (length + outside - dilation * (window - 1) - 1) // step + 1


def slid_shape(
    shape: Shape,
    channels: int | None,
    data_format: str,
    windows: tuple[int, ...],
    padding: str,
    steps: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Shape:
    """The shape behind windows that slid over inputs of `shape`."""
    last = data_format == CHANNELS_LAST
    places = shape[1:-1] if last else shape[2:]
    lengths = tuple(
        output_length(length, window, padding, step, dilation)
        for length, window, step, dilation in zip(places, windows, steps, dilations, strict=True)
    )
    return (shape[0], *lengths, channels) if last else (shape[0], channels, *lengths)
