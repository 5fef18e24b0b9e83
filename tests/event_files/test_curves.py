"""Curves: what TensorBoard would show, from the files of several writers."""

import math
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter as TensorBoardWriter
from torch.utils.tensorboard import SummaryWriter

from backbeat.event_files import EventFileWriter
from backbeat.event_files.curves import Curve, read_curves, runs_below
from tests.event_files.reading import scalars


def written(directory: Path, tag: str, values: dict[int, float]) -> None:
    writer = EventFileWriter(directory)
    for step, value in values.items():
        writer.scalar(tag, value, step)
    writer.close()


def points(curve: Curve) -> list[tuple[int, float]]:
    return list(zip(curve.steps, curve.values, strict=True))


def test_runs_and_tags(tmp_path: Path) -> None:
    """Every directory with event files is a run; curves are sorted by run and tag."""
    written(tmp_path, "loss", {0: 1.0})
    written(tmp_path / "b" / "validation", "loss", {0: 0.5, 1: 0.25})
    written(tmp_path / "b" / "validation", "accuracy", {0: 0.5})

    assert list(runs_below(tmp_path)) == [".", "b/validation"]
    assert [(curve.run, curve.tag, points(curve)) for curve in read_curves(tmp_path)] == [
        (".", "loss", [(0, 1.0)]),
        ("b/validation", "accuracy", [(0, 0.5)]),
        ("b/validation", "loss", [(0, 0.5), (1, 0.25)]),
    ]


def test_what_tensorboard_reads(tmp_path: Path) -> None:
    """The values are those that TensorBoard's own loader finds, not finite ones too."""
    written(tmp_path, "loss", {step: 1 / (step + 1) for step in range(50)})
    written(tmp_path, "wild", {0: math.inf, 1: -math.inf})

    loss, wild = read_curves(tmp_path)
    assert points(loss) == scalars(tmp_path, "loss")
    assert points(wild) == scalars(tmp_path, "wild")


def test_other_things_are_no_curves(tmp_path: Path) -> None:
    """Histograms, images and texts are passed over."""
    writer = EventFileWriter(tmp_path)
    writer.histogram("kernel", [1.0], 0)
    writer.images("picture", np.zeros((2, 2)), 0)
    writer.text("note", "1.0", 0)
    writer.close()

    assert read_curves(tmp_path) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("new_style", [True, False])
def test_files_of_torch(tmp_path: Path, new_style: bool) -> None:
    """What torch's writer wrote, in its older and its newer form, is read."""
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", step / 4, step, new_style=new_style)
            writer.add_scalar("other", step, step, double_precision=True, new_style=new_style)

    loss, other = read_curves(tmp_path)
    assert points(loss) == [(0, 0.0), (1, 0.25), (2, 0.5)]
    assert points(other) == [(0, 0.0), (1, 1.0), (2, 2.0)]


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, 1), (np.float64, 2)])
def test_values_as_bytes(tmp_path: Path, dtype: type, kind: int) -> None:
    """The form in which TensorFlow and Keras write a scalar is read too."""
    writer = TensorBoardWriter(str(tmp_path))
    for step in range(2):
        event = Event(step=step)
        value = event.summary.value.add(tag="loss")
        value.tensor.dtype = kind
        value.tensor.tensor_content = dtype(step / 4).tobytes()
        if step == 0:
            value.metadata.plugin_data.plugin_name = "scalars"
        writer.add_event(event)
    writer.close()

    assert points(read_curves(tmp_path)[0]) == [(0, 0.0), (1, 0.25)]


def test_a_run_that_was_resumed(tmp_path: Path) -> None:
    """A later file that begins again at a step replaces what was there from that step on."""
    written(tmp_path, "loss", {0: 3.0, 1: 2.0, 2: 9.0, 3: 9.0})
    writer = EventFileWriter(tmp_path, start_step=2)
    writer.scalar("accuracy", 1.0, 7)
    writer.close()
    written(tmp_path, "accuracy", {5: 0.5})

    accuracy, loss = read_curves(tmp_path)
    assert points(loss) == [(0, 3.0), (1, 2.0)]
    assert points(accuracy) == [(5, 0.5)]


def test_a_torn_tail(tmp_path: Path) -> None:
    """What is whole before a torn record is read, and so are later files."""
    written(tmp_path, "loss", {0: 3.0, 1: 2.0})
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    written(tmp_path, "loss", {2: 1.0})

    assert points(read_curves(tmp_path)[0]) == [(0, 3.0), (2, 1.0)]


def test_files_that_are_none(tmp_path: Path) -> None:
    """Directories and other files of such a name are passed over."""
    (tmp_path / "tfevents").mkdir()
    (tmp_path / "notes.tfevents").write_text("these are notes, not events")

    assert list(runs_below(tmp_path)) == ["."]
    assert read_curves(tmp_path) == []
