"""Data as torch's convolutions see them, (batch, channels, height, width), without a copy."""

from __future__ import annotations

from torch import Tensor

from backbeat.errors import DataError

__all__ = ["from_images", "misfit", "to_images"]

_PLACES = {1: "steps", 2: "height, width"}


def to_images(inputs: Tensor, rank: int, channels_last: bool) -> Tensor:
    """A view of `inputs`, which have `rank` axes of places; sequences become images of height 1.

    Channels-last data stay as they are in memory: torch calls the view `torch.channels_last` and
    has kernels of its own for it, which answer in the same order.
    """
    if rank == 1:
        inputs = inputs.unsqueeze(1 if channels_last else 2)
    return inputs.permute(0, 3, 1, 2) if channels_last else inputs


def from_images(images: Tensor, rank: int, channels_last: bool) -> Tensor:
    """The view in which the user sees `images`: `to_images` backwards."""
    outputs = images.permute(0, 2, 3, 1) if channels_last else images
    return outputs.squeeze(1 if channels_last else 2) if rank == 1 else outputs


def misfit(name: str, inputs: Tensor, rank: int, channels_last: bool) -> DataError | None:
    """The error to raise if `inputs` have the wrong number of axes for the layer `name`."""
    if inputs.ndim == rank + 2:
        return None
    places = _PLACES[rank]
    wanted = f"batch, {places}, channels" if channels_last else f"batch, channels, {places}"
    return DataError(
        f"{name!r} takes inputs of {rank + 2} axes, ({wanted}); these have the shape "
        f"{tuple(inputs.shape)}."
    )
