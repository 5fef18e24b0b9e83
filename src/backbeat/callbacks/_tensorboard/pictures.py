"""Weights as pictures: one pixel per number, kernels as tiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["picture"]

# The longest side of a picture, and the most tiles in it; what lies behind is not shown.
_LONGEST = 1024
_MOST_TILES = 256


def picture(weight: NDArray[Any]) -> NDArray[np.uint8] | None:
    """`weight`, turned as Keras has it, in shades of grey; None for a single number.

    Axes of length 1 do not count. A vector is a column; a matrix lies on its longer side. Of three
    axes the last counts tiles, as in the kernel of a one-dimensional convolution. Of more the tiles
    are the two axes before the last two: height and width of a convolution's windows. Tiles stand
    in rows, one black pixel apart.

    Where every number is positive or zero, white is the largest; else grey is zero, white the
    largest magnitude above it and black the largest below. What is not finite is black.
    """
    grey = _shades(np.squeeze(np.asarray(weight)))
    if grey.ndim == 0 or grey.size == 0:
        return None
    if grey.ndim == 1:
        grey = grey[:, None]
    elif grey.ndim == 2:
        grey = grey.T if grey.shape[0] > grey.shape[1] else grey
    else:
        grey = _tiled(_tiles(grey))
    return grey[:_LONGEST, :_LONGEST]


def _shades(weight: NDArray[Any]) -> NDArray[np.uint8]:
    known = np.isfinite(weight)
    values = np.where(known, weight, 0).astype(np.float64)
    largest = float(np.abs(values).max(initial=0.0))
    has_negative = bool((values < 0).any())
    middle, reach = (128.0, 127.0) if has_negative else (0.0, 255.0)
    scaled = values * reach / largest if largest > 1e-30 else np.zeros_like(values)
    return np.where(known, middle + scaled, 0).astype(np.uint8)


def _tiles(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The tiles of a kernel, shape (tiles, height, width)."""
    if grey.ndim == 3:
        return np.moveaxis(grey, -1, 0)
    last = np.moveaxis(grey, (-4, -3), (-2, -1))
    return last.reshape(-1, *last.shape[-2:])


def _tiled(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    tiles = tiles[:_MOST_TILES]
    count, height, width = tiles.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows, height + 1, columns, width + 1), np.uint8)
    for number, tile in enumerate(tiles):
        sheet[number // columns, :height, number % columns, :width] = tile
    return sheet.reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]
