"""Embeddings: the projector plugin itself reads points and labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector import projector_plugin
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from backbeat import files
from backbeat.errors import ArgumentError
from backbeat.event_files import Embedding, EventFileWriter
from backbeat.event_files.projector import write_projector
from tests.files.disks import FailingDisk, names

POINTS = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def config_in(directory: Path) -> Any:
    return text_format.Parse((directory / "projector_config.pbtxt").read_text(), ProjectorConfig())


def points_in(directory: Path, number: int = 0) -> np.ndarray:
    path = directory / config_in(directory).embeddings[number].tensor_path
    return projector_plugin._read_tensor_tsv_file(str(path))


def labels_in(directory: Path, number: int = 0) -> str:
    return (directory / config_in(directory).embeddings[number].metadata_path).read_text()


def test_points_are_exact(tmp_path: Path) -> None:
    """The plugin's reader gets every float32 back, bit for bit, under the embedding's name."""
    awkward = np.array([[1e-45, 3.4e38, -0.1], [1 / 3, 0.0, 16777217]], np.float32)
    writer = EventFileWriter(tmp_path)
    writer.projector([Embedding('layer/임베딩 "1"', POINTS), Embedding("b", awkward)])
    writer.close()
    first, second = config_in(tmp_path).embeddings

    assert np.array_equal(points_in(tmp_path), POINTS)
    assert np.array_equal(points_in(tmp_path, 1), awkward)
    assert (first.tensor_name, second.tensor_name) == ('layer/임베딩 "1"', "b")
    assert list(first.tensor_shape) == [3, 4]
    assert first.metadata_path == ""


def test_labels(tmp_path: Path) -> None:
    """One label a point, on one line whatever it holds; a single column has no header."""
    write_projector(tmp_path, [Embedding("a", POINTS, ["고양이", "a\tb\nc", ""])])

    assert labels_in(tmp_path) == "고양이\na b c\n \n"
    write_projector(tmp_path, [Embedding("a", POINTS, {"digit": [1, 2, 3]})])
    assert labels_in(tmp_path) == "1\n2\n3\n"


def test_columns_of_labels(tmp_path: Path) -> None:
    """Several columns have their names above them."""
    labels = {"digit": [1, 2, 3], "name": ["one", "two", "three"]}
    write_projector(tmp_path, [Embedding("a", POINTS, labels)])

    assert labels_in(tmp_path) == "digit\tname\n1\tone\n2\ttwo\n3\tthree\n"


def test_a_file_of_labels(tmp_path: Path) -> None:
    """A file of the user's own is named in the configuration and left as it is."""
    (tmp_path / "mine.tsv").write_text("x\ny\nz\n")
    write_projector(tmp_path, [Embedding("a", POINTS, "mine.tsv")])

    assert labels_in(tmp_path) == "x\ny\nz\n"


def test_not_finite_points(tmp_path: Path) -> None:
    """What is not finite becomes 0 and is counted, for one of them would empty the page."""
    writer = EventFileWriter(tmp_path)
    writer.projector([Embedding("a", np.array([[np.nan, 1.0], [np.inf, -np.inf]]))])
    report = writer.close()

    assert points_in(tmp_path).tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert report.non_finite == 3
    assert report.complaint() == ""


def test_names_make_file_names(tmp_path: Path) -> None:
    """Names that differ only in what a file name cannot hold have files of their own."""
    write_projector(tmp_path, [Embedding("a/b", POINTS), Embedding("a:b", POINTS + 1)])

    assert names(tmp_path) == [
        "embedding-0-a-b.tsv",
        "embedding-1-a-b.tsv",
        "projector_config.pbtxt",
    ]
    assert np.array_equal(points_in(tmp_path, 1), POINTS + 1)


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (
            Embedding("a", np.zeros(3)),
            "embedding 'a': points have the shape (points, dimensions); got (3,).",
        ),
        (
            Embedding("a", POINTS, ["x"]),
            "embedding 'a': there are 3 points and 1 labels; give one for each point, or none.",
        ),
        (
            Embedding("a", POINTS, {"x": [1, 2, 3], "y": [1, 2]}),
            "embedding 'a': there are 3 points and 2 labels; give one for each point, or none.",
        ),
    ],
)
def test_what_does_not_fit(tmp_path: Path, embedding: Embedding, message: str) -> None:
    """Points and labels that do not fit are refused where they are given."""
    writer = EventFileWriter(tmp_path)
    with pytest.raises(ArgumentError) as raised:
        writer.projector([embedding])

    assert str(raised.value) == message
    assert names(tmp_path) == []


def test_a_failing_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses is counted and told; the files of before stay whole."""
    write_projector(tmp_path, [Embedding("a", POINTS)])
    monkeypatch.setattr(files.disk, "current", FailingDisk(2))
    writer = EventFileWriter(tmp_path)
    writer.projector([Embedding("a", POINTS + 1)])
    report = writer.close()

    assert np.array_equal(points_in(tmp_path), POINTS)
    assert report.complaint().startswith("Not written to the event files: 1 embeddings: ")
    assert "No space left" in report.complaint()
