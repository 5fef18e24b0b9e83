"""Values as TensorBoard's tabs take them: histograms, images, texts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backbeat.event_files import protos

__all__ = ["histogram_value", "image_value", "text_value"]

# The numbers of the types in TensorBoard's protobufs.
_FLOAT64, _STRING = 2, 7


def histogram_value(tag: str, rows: NDArray[np.float64]) -> Any:
    """Buckets of shape (buckets, 3) for HISTOGRAMS and DISTRIBUTIONS."""
    tensor = _tensor(_FLOAT64, rows.shape)
    tensor.tensor_content = rows.astype("<f8").tobytes()
    return _value(tag, tensor, "histograms")


def image_value(tag: str, width: int, height: int, pngs: list[bytes]) -> Any:
    """PNG files of one size, which IMAGES shows side by side."""
    strings = [str(width).encode(), str(height).encode(), *pngs]
    return _value(tag, _tensor(_STRING, (len(strings),), string_val=strings), "images")


def text_value(tag: str, text: str, plugin: str = "text", content: bytes = b"") -> Any:
    """One string: Markdown for TEXT, or what another plugin takes as text."""
    tensor = _tensor(_STRING, (), string_val=[text.encode("utf-8", "backslashreplace")])
    return _value(tag, tensor, plugin, content)


def _tensor(dtype: int, shape: tuple[int, ...], **fields: Any) -> Any:
    tensor = protos.TensorProto(dtype=dtype, **fields)
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _value(tag: str, tensor: Any, plugin: str, content: bytes = b"") -> Any:
    value = protos.Summary().value.add(tag=tag, tensor=tensor)
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    return value
