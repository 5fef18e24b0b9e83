"""EventFileWriter: TensorBoard's own loader finds what was given, value for value."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.event_files import EventFileWriter, count
from tests.event_files.reading import events_in, loaded, scalars, series
from tests.files.disks import names


def test_scalars(tmp_path: Path) -> None:
    """Thousands of scalars of two tags arrive in order, as 32-bit floats, with their wall times."""
    writer = EventFileWriter(tmp_path)
    for step in range(3000):
        writer.scalar("loss", 1 / (step + 1), step)
        writer.scalar("한글/accuracy", step, step)
    report = writer.close()

    assert scalars(tmp_path, "loss") == [
        (step, float(np.float32(1 / (step + 1)))) for step in range(3000)
    ]
    assert scalars(tmp_path, "한글/accuracy")[-1] == (2999, 2999.0)
    assert report.written == 6000
    assert report.complaint() == ""
    times = [event.wall_time for event in events_in(tmp_path)[2:]]
    assert times == sorted(times)


def test_several_scalars_of_one_step(tmp_path: Path) -> None:
    """They arrive as one by one, and are counted one by one where nobody writes them."""
    writer = EventFileWriter(tmp_path)
    for step in range(3):
        writer.scalars([("loss", 1 / (step + 1)), ("rate", 0.5)], step)
    writer.close()
    writer.scalars([("loss", 0.0), ("rate", 0.0)], 3)

    assert [value for _, value in scalars(tmp_path, "loss")] == [1, 0.5, float(np.float32(1 / 3))]
    assert scalars(tmp_path, "rate") == [(0, 0.5), (1, 0.5), (2, 0.5)]
    assert writer.report.written == 6
    assert writer.report.dropped == {"scalars": 2}


def test_the_plugin_of_scalars(tmp_path: Path) -> None:
    """Both loaders show what names its plugin and is float32."""
    writer = EventFileWriter(tmp_path)
    writer.scalar("loss", 0.5, 0)
    writer.close()
    accumulator = loaded(tmp_path)

    assert accumulator.ActivePlugins() == {"scalars"}
    assert series(tmp_path, "loss")[0][1].dtype == np.float32


def test_not_finite_scalars(tmp_path: Path) -> None:
    """nan and infinity are shown as such, and counted; a nan loss is no reason to stop."""
    writer = EventFileWriter(tmp_path)
    for step, value in enumerate([np.nan, np.inf, -np.inf, 1e300, 1.0]):
        writer.scalar("loss", value, step)
    report = writer.close()

    assert np.isnan(scalars(tmp_path, "loss")[0][1])
    assert [value for _, value in scalars(tmp_path, "loss")[1:]] == [np.inf, -np.inf, np.inf, 1.0]
    assert report.non_finite == 3


def test_late_values(tmp_path: Path) -> None:
    """Values on a device are read by one call for all that wait, outside the training thread."""
    fetched: list[tuple[list[Any], threading.Thread]] = []

    def fetch(values: list[Any]) -> list[float]:
        fetched.append((values, threading.current_thread()))
        return [float(value) for value in values]

    writer = EventFileWriter(tmp_path, flush_seconds=60)
    writer.scalar("loss", "0.25", 0, fetch)
    writer.scalar("rate", 0.1, 0)
    writer.scalar("loss", "0.5", 1, fetch)
    writer.close()

    assert scalars(tmp_path, "loss") == [(0, 0.25), (1, 0.5)]
    assert [values for values, _ in fetched] == [["0.25", "0.5"]]
    assert fetched[0][1] is not threading.current_thread()


def test_unreadable_values(tmp_path: Path) -> None:
    """What is no number, and what cannot be fetched, is counted; everything else arrives."""

    def fetch(values: list[Any]) -> list[float]:
        raise RuntimeError("device lost")

    writer = EventFileWriter(tmp_path)
    writer.scalar("loss", "none", 0)
    writer.scalar("loss", 0.5, 1)
    writer.scalar("accuracy", 1, 1, fetch)
    report = writer.close()

    assert scalars(tmp_path, "loss") == [(1, 0.5)]
    assert report.unreadable == 2
    assert report.complaint() == (
        "Not written to the event files: 2 values that could not be read: accuracy: device lost"
    )


def test_histograms(tmp_path: Path) -> None:
    """The loader gets the buckets of `count`, with and without given edges, of that moment."""
    values = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    writer = EventFileWriter(tmp_path)
    given = values.copy()
    writer.histogram("kernel", given, 3)
    writer.histogram("edges", given, 3, edges=[-1, 0, 1])
    given[:] = 7
    writer.close()

    (step, rows), (_, by_edges) = *series(tmp_path, "kernel"), *series(tmp_path, "edges")
    assert step == 3
    assert np.array_equal(rows, count(values).rows)
    assert np.array_equal(by_edges, count(values, [-1, 0, 1]).rows)
    assert loaded(tmp_path).ActivePlugins() == {"histograms"}


def test_not_finite_numbers_in_histograms(tmp_path: Path) -> None:
    """They are left out and counted; a histogram of nothing else is empty, not an error."""
    writer = EventFileWriter(tmp_path)
    writer.histogram("kernel", [1.0, np.nan], 0)
    writer.histogram("kernel", [np.nan, np.inf], 1)
    report = writer.close()

    assert [rows.shape for _, rows in series(tmp_path, "kernel")] == [(1, 3), (0, 3)]
    assert report.non_finite == 3
    assert report.complaint() == ""


def test_images(tmp_path: Path) -> None:
    """Several images of a step stand side by side; a PNG reader gets their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    writer = EventFileWriter(tmp_path)
    writer.images("kernel", pixels, 3)
    writer.close()

    [(step, strings)] = series(tmp_path, "kernel")
    opened = [np.asarray(Image.open(io.BytesIO(each))) for each in strings[2:]]
    assert (step, strings[0], strings[1]) == (3, b"5", b"4")
    assert np.array_equal(opened, pixels)
    assert loaded(tmp_path).ActivePlugins() == {"images"}


def test_texts(tmp_path: Path) -> None:
    """A text arrives as it is; one for another plugin under that plugin's name."""
    writer = EventFileWriter(tmp_path)
    writer.text("note", "**굵게** \ud800", 0)
    writer.text("keras", "{}", 0, plugin="graph_keras_model", content=b"1")
    writer.close()
    accumulator = loaded(tmp_path)

    assert series(tmp_path, "note")[0][1].item().decode() == "**굵게** \\ud800"
    assert accumulator.ActivePlugins() == {"text", "graph_keras_model"}
    assert accumulator.SummaryMetadata("keras").plugin_data.content == b"1"


@pytest.mark.parametrize("values", [["a"], [1j], [None], [[1], [2, 3]]])
def test_what_is_no_number(tmp_path: Path, values: list[Any]) -> None:
    """A histogram of something else is refused where it is given."""
    writer = EventFileWriter(tmp_path)
    with pytest.raises((ArgumentTypeError, ValueError)):
        writer.histogram("kernel", values, 0)

    writer.close()
    assert names(tmp_path) == []


def test_the_refusal_teaches(tmp_path: Path) -> None:
    """The message says what is needed and what came."""
    writer = EventFileWriter(tmp_path)
    with pytest.raises(ArgumentTypeError) as raised:
        writer.histogram("kernel", ["a"], 0)
    with pytest.raises(ArgumentError, match="images have the shape"):
        writer.images("kernel", [1.0], 0)

    assert str(raised.value) == (
        "histogram: real numbers are needed, such as a NumPy array of float32; got list of <U1."
    )


def test_nothing_given_nothing_written(tmp_path: Path) -> None:
    """A writer that is given nothing starts no thread and creates no directory."""
    threads = threading.active_count()
    writer = EventFileWriter(tmp_path / "run")
    alive = threading.active_count()

    assert writer.flush()
    assert writer.close().written == 0
    assert alive == threads
    assert names(tmp_path) == []


def test_flush(tmp_path: Path) -> None:
    """After a flush everything is in the file, long before the flush time."""
    writer = EventFileWriter(tmp_path, flush_seconds=60)
    writer.scalar("loss", 0.5, 0)
    flushed = writer.flush()

    assert flushed
    assert scalars(tmp_path, "loss") == [(0, 0.5)]
    writer.close()


def test_flush_by_time(tmp_path: Path) -> None:
    """Without being asked the values are in the file soon."""
    writer = EventFileWriter(tmp_path, flush_seconds=0.01)
    writer.scalar("loss", 0.5, 0)
    for _ in range(500):
        if writer.report.written:
            break
        threading.Event().wait(0.01)

    assert scalars(tmp_path, "loss") == [(0, 0.5)]
    writer.close()


def test_after_close(tmp_path: Path) -> None:
    """A closed writer drops and counts what still comes; closing twice is allowed."""
    writer = EventFileWriter(tmp_path)
    writer.scalar("loss", 0.5, 0)
    writer.close()
    writer.scalar("loss", 0.5, 1)
    writer.histogram("kernel", [1.0], 1)
    writer.text("note", "", 1)
    report = writer.close()

    assert report.dropped == {"scalars": 1, "histograms": 1, "texts": 1}
    assert report.complaint() == (
        "Not written to the event files: 1 histograms, 1 scalars, 1 texts."
    )
    assert writer.flush()


def test_with(tmp_path: Path) -> None:
    """A `with` statement closes, also when its body raises."""
    with pytest.raises(ValueError, match="of mine"), EventFileWriter(tmp_path) as writer:
        writer.scalar("loss", 0.5, 0)
        raise ValueError("of mine")

    assert scalars(tmp_path, "loss") == [(0, 0.5)]


def test_a_second_writer_in_the_same_second(tmp_path: Path) -> None:
    """Each writer has its own file, which sorts behind those before."""
    for step in range(3):
        writer = EventFileWriter(tmp_path)
        writer.scalar("loss", step, step)
        writer.close()

    assert len(names(tmp_path)) == 3
    assert scalars(tmp_path, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_at_the_end_of_the_program(tmp_path: Path) -> None:
    """A program that forgets to close, or dies of an error, loses nothing."""
    code = (
        "import sys; from backbeat.event_files import EventFileWriter\n"
        "writer = EventFileWriter(sys.argv[1], flush_seconds=60)\n"
        "for step in range(100): writer.scalar('loss', step, step)\n"
        "raise SystemExit('an error')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert result.stderr == "an error\n"
    assert [step for step, _ in scalars(tmp_path, "loss")] == list(range(100))


def test_what_is_counted_already(tmp_path: Path) -> None:
    """A Histogram is written as it is."""
    counted = count(np.float32([1.0, 2.0, np.nan]))
    writer = EventFileWriter(tmp_path)
    writer.histogram("h", counted, 0)
    report = writer.close()

    assert series(tmp_path, "h")[0][1].tolist() == counted.rows.tolist()
    assert report.non_finite == 1
