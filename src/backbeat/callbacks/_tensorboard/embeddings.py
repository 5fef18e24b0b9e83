"""Embeddings: the vectors that the PROJECTOR tab shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from backbeat.errors import ArgumentError
from backbeat.event_files import Embedding
from backbeat.hooks import Inspection

__all__ = ["EmbeddingSettings", "Embeddings"]

# What a browser can handle; of more the first rows are shown.
_MOST_ROWS = 10_000


@dataclass(frozen=True)
class EmbeddingSettings:
    """The arguments of the callback that speak of embeddings."""

    layers: Sequence[str] | None
    metadata: str | Mapping[str, str] | None
    data: Any
    batch_size: int

    def labels(self, named: Sequence[str]) -> dict[str, str]:
        """The file of labels of each layer that has one."""
        given = self.metadata or {}
        return dict(given) if isinstance(given, Mapping) else dict.fromkeys(named, given)


class Embeddings:
    """Collects the vectors of the chosen layers.

    `<layer>_embedding` is what the layer gives for the data of the callback, one row per sample;
    `<layer>_table` the vectors of an embedding layer, one row per number that it looks up.
    """

    def __init__(self, look: Inspection, directory: Path, settings: EmbeddingSettings) -> None:
        self._look = look
        self._directory = directory
        self._settings = settings

    def problems(self) -> Iterator[str]:
        """What will not be shown, in words, as far as it can be known before the training."""
        tables = self._look.tables()
        named = list(self._settings.layers or tables)
        if not named:
            yield "has no embeddings to show: the model has no embedding layer."
        missing = [name for name in named if name not in tables]
        if missing and self._settings.data is None:
            yield (
                f"cannot show {', '.join(map(repr, missing))}: not an embedding layer, so "
                "embeddings_data= must say for which inputs its outputs are wanted."
            )
        for name in named:
            problem = self._problem_with(name) if self._settings.data is not None else None
            if problem is not None:
                yield f"cannot show {name!r}. {problem}"
        labels = self._settings.labels(named)
        for path in sorted(set(labels.values())):
            if not self._found(path).is_file():
                yield f"finds no labels at {path!r}, neither in {self._directory} nor here."
        for name, path in labels.items():
            sizes = [len(tables[name])] if name in tables else []
            sizes += [] if self._settings.data is None else [_samples_in(self._settings.data)]
            columns = _table_in(self._found(path))[1] if self._found(path).is_file() else None
            if columns is not None and sizes and len(columns[0]) not in sizes:
                yield (
                    f"shows {name!r} without labels: there are {len(columns[0])} in {path!r}, and "
                    f"{' or '.join(map(str, sizes))} vectors."
                )

    def collect(self) -> list[Embedding]:
        """The vectors as they are now, with the labels of which there are as many."""
        tables = self._look.tables()
        named = list(self._settings.layers or tables)
        shown = {f"{name}_table": (name, tables[name]) for name in named if name in tables}
        if self._settings.data is not None and named:
            heard = [name for name in named if self._problem_with(name) is None]
            shown |= {f"{name}_embedding": (name, rows) for name, rows in self._outputs(heard)}
        labels = self._settings.labels(named)
        return [
            Embedding(name, rows[:_MOST_ROWS], self._labels(labels.get(layer), len(rows)))
            for name, (layer, rows) in sorted(shown.items())
        ]

    def _outputs(self, named: Sequence[str]) -> Iterator[tuple[str, NDArray[Any]]]:
        """What each layer gives for the data: one row per sample."""
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in named}

        def hear(layer: str, outputs: Sequence[Any]) -> None:
            first = np.array(outputs[0], np.float32)
            parts[layer].append(first.reshape(len(first), -1))

        with self._look.watch_outputs(hear, named):
            self._look.run(self._settings.data, self._settings.batch_size)
        return ((name, np.concatenate(each)) for name, each in parts.items() if each)

    def _problem_with(self, name: str) -> ArgumentError | None:
        """Why the outputs of a layer called `name` cannot be shown; None if they can."""
        try:
            with self._look.watch_outputs(lambda layer, outputs: None, [name]):
                return None
        except ArgumentError as error:
            return error

    def _found(self, path: str) -> Path:
        """The file of labels: below the run's directory, as TensorBoard looks for it, else here."""
        inside = self._directory / path
        return inside if inside.is_file() else Path(path)

    def _labels(self, path: str | None, rows: int) -> Sequence[str] | dict[str, list[str]]:
        """The labels in a file, if there are `rows` of them; several columns have their names."""
        if path is None or not self._found(path).is_file():
            return ()
        names, columns = _table_in(self._found(path))
        if len(columns[0]) != rows:
            return ()
        shown = [column[:_MOST_ROWS] for column in columns]
        return dict(zip(names, shown, strict=True)) if names else shown[0]


def _table_in(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns of labels in a file, none if there is only one, and the columns."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or "\t" not in lines[0]:
        return [], [lines]
    names, *rows = [line.split("\t") for line in lines]
    return names, [
        [row[number] if number < len(row) else "" for row in rows] for number in range(len(names))
    ]


def _samples_in(data: Any) -> int:
    """How many samples there are in an array, or in the first of several."""
    if isinstance(data, Mapping):
        data = list(cast(Mapping[str, Any], data).values())
    several = isinstance(data, (list, tuple)) and hasattr(cast(Any, data)[0], "shape")
    return len(cast(list[Any], data)[0] if several else cast(list[Any], data))
