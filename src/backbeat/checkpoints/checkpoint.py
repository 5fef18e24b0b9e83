"""What a checkpoint is made of, with no torch and no file format in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from backbeat.errors import ArgumentError
from backbeat.files import PathLike
from backbeat.files.addresses import text_of

__all__ = [
    "Array",
    "Draft",
    "Format",
    "LayerWeights",
    "NamedArray",
    "RawTensor",
    "SavedTensors",
    "SavedWeights",
    "array_bytes",
    "format_of",
]

Array = np.ndarray[Any, Any]
NamedArray = tuple[str, Array]
Format = Literal["hdf5", "weights.h5", "safetensors"]


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer, in Keras' order and orientation."""

    name: str
    weights: tuple[NamedArray, ...] = ()
    """Names as in Keras, such as `dense_1/kernel`, without `:0`; trainable ones first."""
    kind: str = "layer"
    """The Keras class in snake_case, such as `dense`; the `.weights.h5` layout counts by it."""
    layers: tuple[LayerWeights, ...] = ()
    """A nested model's own layers; `weights` then repeats all of theirs, for the older layout."""


@dataclass(frozen=True)
class SavedWeights:
    """What an HDF5 file of weights, or of a whole model, holds."""

    path: Path | str
    """Where it was read from; an address is text."""
    layout: Literal["keras2", "keras3"]
    """`keras2`: layers by name, in order. `keras3` (`.weights.h5`): layers by class and number."""
    layers: tuple[LayerWeights, ...]
    verified: bool = False
    """Whether every byte was checked against the digests that backbeat writes."""
    top_level: tuple[NamedArray, ...] = ()
    """Weights that belong to the model itself, to none of its layers."""
    keras_version: str | None = None
    backend: str | None = None
    model_config: str | None = None
    """JSON of the architecture, in a whole-model file."""
    training_config: str | None = None
    """JSON of what `compile` was given, in a whole-model file."""
    optimizer_weights: tuple[NamedArray, ...] | None = None


@dataclass(frozen=True)
class RawTensor:
    """One tensor as dtype, shape and bytes, so that types travel which NumPy does not have.

    >>> RawTensor.of(np.array([[1, 2]], dtype=np.float32)).shape
    (1, 2)
    """

    dtype: str
    """As in NumPy and torch: `float32`, `bfloat16`, `int64`, …"""
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview
    """Row by row, little-endian."""

    @classmethod
    def of(cls, array: Array) -> RawTensor:
        """`array`'s bytes, not copied where they lie in order already."""
        return cls(array.dtype.name, array.shape, array_bytes(array))

    def array(self) -> Array:
        """The values as an array that shares these bytes; bfloat16 as a float32 copy.

        Raises ArgumentError for other types that NumPy does not have.
        """
        if self.dtype == "bfloat16":
            # The upper half of a float32.
            halves = np.frombuffer(self.data, "<u2").astype("<u4") << 16
            return halves.view("<f4").reshape(self.shape)
        try:
            dtype = np.dtype(self.dtype).newbyteorder("<")
        except TypeError:
            raise ArgumentError(
                f"NumPy has no type {self.dtype}; read the tensor with torch instead, from .data."
            ) from None
        return np.frombuffer(self.data, dtype).reshape(self.shape)


@dataclass(frozen=True)
class SavedTensors:
    """What a `.safetensors` file holds."""

    path: Path | str
    """Where it was read from; an address is text."""
    tensors: dict[str, RawTensor]
    metadata: dict[str, str]
    verified: bool = False
    """Whether every byte was checked against the digests that backbeat writes."""


@dataclass(frozen=True)
class Draft:
    """A checkpoint that lies complete in memory, for any thread to write whenever it likes."""

    size: int
    """How many bytes its tensors take in the file."""
    write: Callable[[PathLike], None]
    """Writes it to a path of the format that it was made for, whole or not at all."""
    memory: Any = None
    """What holds the copies, for a later draft to use again; None if they are no copies."""


def array_bytes(array: Array) -> memoryview:
    """The bytes of `array`, row by row, little-endian, copied only where that is needed."""
    ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return memoryview(cast(Any, ordered.reshape(-1).view(np.uint8)))


def format_of(path: PathLike) -> Format:
    """The format that the suffix of `path` names.

    Raises ArgumentError for any other suffix, saying which ones there are, ArgumentTypeError for
    what is no path at all.

    >>> format_of("best.h5"), format_of("best.weights.h5")
    ('hdf5', 'weights.h5')
    """
    text_of(path)
    name = Path(path).name.lower()
    if name.endswith(".weights.h5"):
        return "weights.h5"
    if name.endswith((".h5", ".hdf5")):
        return "hdf5"
    if name.endswith(".safetensors"):
        return "safetensors"
    raise ArgumentError(
        f"{str(path)!r}: {_why_not(Path(name).suffix)} The suffix chooses the format: .h5 or .hdf5 "
        "(weights or a whole model, opens in Keras), .weights.h5 (weights, as Keras 3 writes "
        "them), .safetensors (weights, by their torch names)."
    )


def _why_not(suffix: str) -> str:
    """What is wrong with `suffix`."""
    if suffix == ".keras":
        return "the .keras format belongs to Keras 3 and is neither written nor read here."
    if suffix in (".pt", ".pth", ".ckpt", ".pkl", ".bin"):
        return f"{suffix} files are usually pickles, which can run code; none is written or read."
    return f"the suffix {suffix!r} names no format." if suffix else "there is no suffix."
