"""Images: arrays as PNG files."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backbeat.errors import ArgumentError

__all__ = ["as_pixels", "batch_of_images", "png"]

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def batch_of_images(images: NDArray[Any]) -> NDArray[Any]:
    """`images` with the shape (count, height, width, channels).

    Takes that shape, (height, width, channels) and (height, width); with 1 (grey), 2 (grey and
    opacity), 3 (RGB) or 4 (RGB and opacity) channels.

    Raises ArgumentError for any other shape, and for images without a pixel.
    """
    shape = images.shape
    if images.ndim == 2:
        images = images[None, :, :, None]
    elif images.ndim == 3:
        images = images[None]
    if images.ndim != 4 or images.shape[3] not in _COLOUR_TYPES or 0 in images.shape:
        raise ArgumentError(
            "images have the shape (height, width), (height, width, channels) or (count, height, "
            f"width, channels), with 1 to 4 channels; got {shape}."
        )
    return images


def as_pixels(images: NDArray[Any]) -> tuple[NDArray[np.uint8], int]:
    """Whole numbers of 0 to 255, and how many numbers were not finite.

    Whole numbers are taken as they are, fractions as 0.0 to 1.0; what is outside is moved to the
    nearest that fits, and what is not a number becomes 0.
    """
    if images.dtype.kind == "b":
        return images.astype(np.uint8) * np.uint8(255), 0
    if images.dtype.kind != "f":
        return np.clip(images, 0, 255).astype(np.uint8), 0
    non_finite = images.size - int(np.isfinite(images).sum())
    known = np.nan_to_num(images, nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(known, 0.0, 1.0) * 255).astype(np.uint8), non_finite


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of pixels with the shape (height, width, channels)."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    # Each line begins with how it is filtered: not at all.
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
