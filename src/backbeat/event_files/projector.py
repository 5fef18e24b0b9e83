"""Embeddings for TensorBoard's PROJECTOR tab: files beside the events, no events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backbeat import files
from backbeat.errors import ArgumentError

__all__ = ["Embedding", "check_embeddings", "write_projector"]

_CONFIG = "projector_config.pbtxt"


@dataclass(frozen=True)
class Embedding:
    """Points in a space of many dimensions, and what is known about each."""

    name: str
    points: NDArray[Any]
    """Shape (points, dimensions)."""
    labels: Sequence[str] | Mapping[str, Sequence[Any]] | str = ()
    """One label for each point; or several columns of them by name; or the name of a file in the
    same directory that holds them: a label a line, or tab-separated columns below their names."""


def write_projector(directory: Path, embeddings: Sequence[Embedding]) -> int:
    """Write all of a run's embeddings beside its event files, in place of earlier ones.

    Each file is replaced whole. Returns how many coordinates were not finite; they become 0.

    Raises ArgumentError if the labels do not fit the points, CheckpointError if the disk refuses.
    """
    check_embeddings(embeddings)
    files.make_parents(directory / _CONFIG)
    entries: list[str] = []
    non_finite = 0
    for number, each in enumerate(embeddings):
        stem = f"embedding-{number}-{re.sub(r'[^A-Za-z0-9_.-]', '-', each.name)[:100]}"
        points = np.asarray(each.points, np.float64)
        non_finite += points.size - int(np.isfinite(points).sum())
        _write(directory / f"{stem}.tsv", _tsv(np.nan_to_num(points, posinf=0.0, neginf=0.0)))
        entries.append(_entry(each, f"{stem}.tsv", _written_labels(directory, stem, each.labels)))
    # Last, for it names the others.
    _write(directory / _CONFIG, "".join(entries))
    return non_finite


def check_embeddings(embeddings: Sequence[Embedding]) -> None:
    """Raises ArgumentError if an embedding's points or labels have the wrong shape."""
    for each in embeddings:
        _check(each)


def _check(embedding: Embedding) -> None:
    shape = np.shape(embedding.points)
    if len(shape) != 2:
        raise ArgumentError(
            f"embedding {embedding.name!r}: points have the shape (points, dimensions); got "
            f"{shape}."
        )
    labels = embedding.labels
    columns = labels.values() if isinstance(labels, Mapping) else [labels]
    for column in columns:
        if not isinstance(labels, str) and len(column) not in (0, shape[0]):
            raise ArgumentError(
                f"embedding {embedding.name!r}: there are {shape[0]} points and {len(column)} "
                "labels; give one for each point, or none."
            )


def _tsv(points: NDArray[Any]) -> str:
    # Text, because TensorBoard tries text first, and takes some binary files for it. Nine digits
    # tell any two 32-bit floats apart.
    line = "\t".join(["%.9g"] * points.shape[1]) + "\n"
    return "".join(line % tuple(row) for row in points.tolist())


def _written_labels(
    directory: Path, stem: str, labels: Sequence[str] | Mapping[str, Sequence[Any]] | str
) -> str:
    """The name of the file with the labels, written if need be; empty if there are none."""
    if isinstance(labels, str):
        return labels
    if not labels:
        return ""
    columns = dict(labels) if isinstance(labels, Mapping) else {"": labels}
    rows = list(zip(*columns.values(), strict=True))
    if len(columns) > 1:
        # A single column has no header: TensorBoard would take it for a label.
        rows.insert(0, tuple(columns))
    text = "".join("\t".join(map(_cell, row)) + "\n" for row in rows)
    _write(directory / f"{stem}-labels.tsv", text)
    return f"{stem}-labels.tsv"


def _cell(value: Any) -> str:
    """A cell on one line; an empty label would shift those that follow."""
    return re.sub(r"[\t\r\n]+", " ", str(value)) or " "


def _entry(embedding: Embedding, tensor_path: str, metadata_path: str) -> str:
    lines = [f"  tensor_name: {_quoted(embedding.name)}", f"  tensor_path: {_quoted(tensor_path)}"]
    lines += [f"  tensor_shape: {size}" for size in np.shape(embedding.points)]
    if metadata_path:
        lines.append(f"  metadata_path: {_quoted(metadata_path)}")
    return "embeddings {\n" + "\n".join(lines) + "\n}\n"


def _quoted(text: str) -> str:
    """A string as protobuf's text form has it: plain characters, all else as octal bytes."""
    data = text.encode("utf-8", "replace")
    plain = (chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in data)
    return f'"{"".join(plain)}"'


def _write(path: Path, text: str) -> None:
    with files.whole(path) as file:
        file.write(text.encode("utf-8", "backslashreplace"))
