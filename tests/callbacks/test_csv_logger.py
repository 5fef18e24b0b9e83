from __future__ import annotations

import csv
import io
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import CSVLogger
from backbeat.errors import BackbeatWarning
from backbeat.files import disk
from backbeat.testing import FakeHost, play

EPOCHS = [{"loss": 1.0, "acc": 0.25}, {"loss": 0.5, "acc": 0.75}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def rows(path: Path, separator: str = ",") -> list[list[str]]:
    text = path.read_bytes().decode()
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def test_a_row_per_epoch(path: Path) -> None:
    """The epoch counts from 0, the names are sorted, lines end in CR LF."""
    play(CSVLogger(path), EPOCHS)

    assert path.read_bytes() == b"epoch,acc,loss\r\n0,0.25,1.0\r\n1,0.75,0.5\r\n"


def test_a_row_is_there_when_its_epoch_is_over(path: Path) -> None:
    """Whoever looks while it trains sees it."""
    logger = CSVLogger(path)
    logger.on_train_begin()

    assert not path.exists()
    logger.on_epoch_end(0, dict(EPOCHS[0]))
    assert len(rows(path)) == 2
    logger.close()


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0.1, "0.1"),
        (1, "1"),
        (True, "True"),
        (np.float32(0.1), "0.1"),
        (np.array(3.0), "3.0"),
        (torch.tensor(0.5), "0.5"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (np.float32("inf"), "inf"),
        (Decimal("NaN"), "nan"),
        (torch.tensor(math.inf), "inf"),
        ([1, 2.0], '"[1, 2.0]"'),
        ((1,), '"[1]"'),
        ([], '"[]"'),
        (np.array([0.5]), '"[0.5]"'),
        (np.array([0.5, math.nan]), '"[0.5, nan]"'),
        (np.array([[1, 2], [3, 4]]), '"[[1, 2], [3, 4]]"'),
        (torch.tensor([0.5, 1.0]), '"[0.5, 1.0]"'),
        (range(3), '"[0, 1, 2]"'),
        ("text", "text"),
        ("a,b", '"a,b"'),
        ('a"b', '"a""b"'),
        ("a\nb", '"a\nb"'),
        ("한글", "한글"),
        (b"bytes", "bytes"),
        (None, ""),
        (Path("a/b"), "a/b"),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_whatever_can_be_text(path: Path, value: Any, cell: str) -> None:
    """Numbers, lists, arrays, tensors, texts; quoted where that is needed."""
    play(CSVLogger(path), [{"value": value}])

    assert path.read_bytes().decode() == f"epoch,value\r\n0,{cell}\r\n"


def test_a_late_name_becomes_the_last_column(path: Path) -> None:
    """The rows from before have gaps there, whatever else is in them."""
    play(CSVLogger(path), [{"loss": 1.0, "note": 'a,"b\n'}, {"loss": 0.5, "acc": 0.5, "note": "c"}])

    assert path.read_bytes() == (b'epoch,loss,note,acc\r\n0,1.0,"a,""b\n",NA\r\n1,0.5,c,0.5\r\n')


def test_columns_that_are_known_are_there_from_the_beginning(path: Path) -> None:
    """With validation every second epoch no column comes late."""
    play(CSVLogger(path), [{"loss": 1.0}], params={"metrics": ["loss", "val_loss"]})

    assert path.read_bytes() == b"epoch,loss,val_loss\r\n0,1.0,NA\r\n"


def test_a_second_run_overwrites(path: Path) -> None:
    """append=False: the file of the last run, its own columns."""
    logger = CSVLogger(path)
    play(logger, EPOCHS)
    play(logger, [{"other": 1.0}])

    assert path.read_bytes() == b"epoch,other\r\n0,1.0\r\n"


def test_a_run_of_no_epochs_leaves_the_file(path: Path) -> None:
    """Nothing is opened, so nothing is emptied, before there is a row."""
    path.write_text("precious")
    play(CSVLogger(path), [])

    assert path.read_text() == "precious"


def test_append_goes_on(path: Path) -> None:
    """One header, all rows, equal epoch numbers included."""
    logger = CSVLogger(path, append=True)
    for _ in range(3):
        play(logger, EPOCHS[:1])

    assert rows(path) == [["epoch", "acc", "loss"]] + [["0", "0.25", "1.0"]] * 3


def test_append_follows_the_header_that_is_there(path: Path) -> None:
    """Whatever the order of its columns; a byte order mark is no part of the first one."""
    path.write_bytes(b"\xef\xbb\xbfloss,epoch,more\r\n1.0,0,x\r\n")
    play(CSVLogger(path, append=True), [{"loss": 0.5}], initial_epoch=1)

    assert path.read_bytes() == b"\xef\xbb\xbfloss,epoch,more\r\n1.0,0,x\r\n0.5,1,NA\r\n"


def test_append_with_further_names(path: Path) -> None:
    """The header grows, the old rows get gaps."""
    play(CSVLogger(path), [{"loss": 1.0}])
    play(CSVLogger(path, append=True), [{"loss": 0.5, "acc": 0.5}])

    assert path.read_bytes() == b"epoch,loss,acc\r\n0,1.0,NA\r\n0,0.5,0.5\r\n"


@pytest.mark.parametrize(
    ("tail", "kept"), [(b"1,0.", ["1", "0."]), (b'1,"[0.5, ', ["1", "[0.5, "])]
)
def test_a_torn_row_is_not_glued_to_the_next(path: Path, tail: bytes, kept: list[str]) -> None:
    """A run was killed while it wrote; what comes next is a row of its own."""
    path.write_bytes(b"epoch,loss\r\n0,1.0\r\n" + tail)
    play(CSVLogger(path, append=True), [{"loss": 0.5}], initial_epoch=2)

    assert rows(path) == [["epoch", "loss"], ["0", "1.0"], kept, ["2", "0.5"]]


def test_used_bare(path: Path) -> None:
    """Without on_train_begin: the first row begins the file, the next ones follow it."""
    path.write_text("old")
    logger = CSVLogger(path)
    logger.on_epoch_end(0, {"loss": 1.0})
    logger.close()
    logger.on_epoch_end(1, {"loss": 0.5})
    logger.close()

    assert rows(path) == [["epoch", "loss"], ["0", "1.0"], ["1", "0.5"]]


def test_another_separator(path: Path) -> None:
    """What must be quoted depends on it."""
    play(CSVLogger(path, separator="\t"), [{"a": "x,y", "b": "x\ty"}])

    assert path.read_bytes() == b'epoch\ta\tb\r\n0\tx,y\t"x\ty"\r\n'


def test_a_resumed_run_goes_on(path: Path) -> None:
    """Behind the rows of the run before, though append is False."""
    first = CSVLogger(path)
    play(first, EPOCHS[:1])
    second = CSVLogger(path)
    second.set_model(FakeHost())
    second.on_train_begin()
    second.load_state_dict(first.state_dict())
    second.on_epoch_end(1, dict(EPOCHS[1]))
    second.close()

    assert [row[0] for row in rows(path)] == ["epoch", "0", "1"]


class FullDisk(disk.Disk):
    """Refuses some writes."""

    def __init__(self) -> None:
        self.is_full = False

    def write(self, descriptor: int, data: memoryview) -> int:
        if self.is_full:
            import errno

            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(descriptor, data)


def test_rows_wait_for_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training goes on, and when there is room again the missing rows are written too."""
    full = FullDisk()
    monkeypatch.setattr(disk, "current", full)
    from backbeat.callbacks import LambdaCallback

    fill = LambdaCallback(on_epoch_begin=lambda e, logs: setattr(full, "is_full", e in (0, 2)))
    with pytest.warns(BackbeatWarning, match=r"CSVLogger.on_epoch_end failed: CheckpointError"):
        play([fill, CSVLogger(path)], [{"loss": float(i)} for i in range(4)])

    assert rows(path) == [["epoch", "loss"], *([str(i), f"{i}.0"] for i in range(4))]


def test_a_place_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """Before training; an observer never ends it."""
    (tmp_path / "file").write_text("not a directory")
    with pytest.warns(BackbeatWarning) as caught:
        play(CSVLogger(tmp_path / "file" / "log.csv"), EPOCHS)

    assert str(caught[0].message).startswith("CSVLogger will write nothing: ")
