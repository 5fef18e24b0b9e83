"""Checkpoint files, written whole or not at all, checked when read, without torch and pickle."""

from backbeat.checkpoints import background
from backbeat.checkpoints.checkpoint import (
    Draft,
    Format,
    LayerWeights,
    NamedArray,
    RawTensor,
    SavedTensors,
    SavedWeights,
    format_of,
)
from backbeat.checkpoints.hdf5 import read_weights, write_model, write_weights
from backbeat.checkpoints.matching import match
from backbeat.checkpoints.safetensors import read_tensors, write_tensors

__all__ = [
    "Draft",
    "Format",
    "LayerWeights",
    "NamedArray",
    "RawTensor",
    "SavedTensors",
    "SavedWeights",
    "background",
    "format_of",
    "match",
    "read_tensors",
    "read_weights",
    "write_model",
    "write_tensors",
    "write_weights",
]
