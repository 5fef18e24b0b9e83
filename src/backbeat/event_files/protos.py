"""The one door to TensorBoard's protobufs, opened when the first of them is needed."""

from __future__ import annotations

import importlib
from typing import Any

from backbeat.errors import MissingPackageError

__all__ = ["Event", "GraphDef", "Summary", "TensorProto"]


def Event(**fields: Any) -> Any:  # noqa: N802 the name of the message
    """One record of an event file: a wall time, a step, and what was observed."""
    return _module("event").Event(**fields)


def GraphDef(**fields: Any) -> Any:  # noqa: N802 the name of the message
    """A graph: nodes with their inputs."""
    return _module("graph").GraphDef(**fields)


def Summary(**fields: Any) -> Any:  # noqa: N802 the name of the message
    """Values, each with its tag; `Summary.Value` is one of them."""
    return _module("summary").Summary(**fields)


def TensorProto(**fields: Any) -> Any:  # noqa: N802 the name of the message
    """An array with its type and shape."""
    return _module("tensor").TensorProto(**fields)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"tensorboard.compat.proto.{name}_pb2")
    except ImportError:
        raise MissingPackageError(
            "Event files are made of TensorBoard's protobufs, and tensorboard is not installed: "
            'pip install "tensorboard>=2.17"'
        ) from None
