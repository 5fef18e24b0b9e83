"""Everything that writes files which must be whole: how each writes a version, and reads it back.

A version is a number that is everywhere in the file, so that a mixture of two is noticed. To put
another writer through all the crashes and kills, add a line to `WRITERS`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backbeat import checkpoints
from backbeat.callbacks._csv_file import CsvFile
from backbeat.callbacks._csv_rows import end_of_whole_rows
from backbeat.checkpoints import LayerWeights, read_tensors, read_weights
from backbeat.checkpoints.generations import Generations


@dataclass(frozen=True)
class Writer:
    """Something that writes versions below a directory."""

    name: str
    write: Callable[[Path, int], object]
    read: Callable[[Path], set[int]]
    """The versions found: none where nothing is yet, several in a mixture. Raises if unreadable."""
    marker: str | None = None
    """The file that has to be the last one in its directory."""


def layers(version: int) -> list[LayerWeights]:
    names = {"hidden": (16, 8), "out": (8, 3)}
    return [
        LayerWeights(name, ((f"{name}/kernel", np.full(shape, version, np.float32)),), "dense")
        for name, shape in names.items()
    ]


def write_weights(path: Path, version: int) -> None:
    checkpoints.write_weights(path, layers(version))


def write_model(path: Path, version: int) -> None:
    checkpoints.write_model(
        path,
        layers(version),
        model_config=f'{{"version": {version}}}',
        optimizer_weights=[("Adam/iterations", np.array(version))],
    )


def write_tensors(path: Path, version: int) -> None:
    tensors = {name: array for layer in layers(version) for name, array in layer.weights}
    checkpoints.write_tensors(path, tensors, {"version": str(version)})


def weights_in(path: Path) -> set[int]:
    saved = read_weights(path)
    assert saved.verified
    values = [array for layer in saved.layers for _, array in layer.weights]
    values += [array for _, array in saved.optimizer_weights or ()]
    found = {int(value) for array in values for value in array.flat}
    return found | {int(json.loads(text)["version"]) for text in [saved.model_config] if text}


def tensors_in(path: Path) -> set[int]:
    saved = read_tensors(path)
    assert saved.verified
    found = {int(value) for raw in saved.tensors.values() for value in raw.array().flat}
    return found | {int(saved.metadata["version"])}


FILES: dict[str, Callable[[Path, int], object]] = {
    "weights.h5": write_weights,
    "model.h5": write_model,
    "new.weights.h5": write_weights,
    "tensors.safetensors": write_tensors,
}
"""Every kind of single file, by a name that chooses its format."""


def one_file(name: str) -> Writer:
    """A writer whose every version goes to the same path."""
    read = tensors_in if name.endswith(".safetensors") else weights_in
    write = FILES[name]

    def versions(folder: Path) -> set[int]:
        return read(folder / name) if (folder / name).exists() else set()

    return Writer(name, lambda folder, version: write(folder / name, version), versions)


def write_generation(folder: Path, version: int) -> None:
    generations = Generations(folder)
    generations.open()
    weights = {name: array for layer in layers(version) for name, array in layer.weights}
    generations.commit({"version": version, "weights": weights})
    generations.close()


def generation_in(folder: Path) -> set[int]:
    found = Generations(folder).newest()
    if found is None:
        return set()
    values = [value for array in found.state["weights"].values() for value in array.flat]
    return {int(value) for value in (found.state["version"], *values)}


def write_csv(folder: Path, version: int) -> None:
    """A row with a column that was not there before, so that the file is written anew."""
    file = CsvFile(folder / "log.csv", ",", goes_on=version > 1)
    file.write([dict.fromkeys(("epoch", "loss", f"late{version}"), str(version))])
    file.settle()
    file.close()


def csv_in(folder: Path) -> set[int]:
    """The version of the last row that was written to its end; each must be as it was written."""
    path = folder / "log.csv"
    data = path.read_bytes() if path.exists() else b""
    rows = list(csv.DictReader(io.StringIO(data[: end_of_whole_rows(data, ",")].decode())))
    for row in rows:
        own = {name for name, value in row.items() if value == row["epoch"]}
        assert own == {"epoch", "loss", f"late{row['epoch']}"}, row
        assert {row[name] for name in row.keys() - own} <= {"NA"}, row
    return {int(row["epoch"]) for row in rows[-1:]}


def leftovers(folder: Path) -> list[Path]:
    """What unfinished saves left below a directory."""
    return [each for each in folder.rglob(".*") if each.name != ".lock"]


CSV = Writer("csv", write_csv, csv_in)
SINGLE_FILES = {name: one_file(name) for name in FILES} | {"csv": CSV}
GENERATION = Writer("generation", write_generation, generation_in, "manifest.json")
WRITERS = {**SINGLE_FILES, "generation": GENERATION}
