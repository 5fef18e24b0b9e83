from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


@pytest.mark.parametrize("tail", [b"1,0.", b'1,"[0.5, ', b'1,"a\nb', b"1,0.5", b"1,0.5\r"])
def test_a_torn_row_is_put_aside(path: Path, tail: bytes) -> None:
    """A run was killed while it wrote: what comes next is a row of its own, nothing is deleted."""
    path.write_bytes(b"epoch,loss\r\n0,1.0\r\n" + tail)
    play(CSVLogger(path, append=True), [{"loss": 0.5}], initial_epoch=2)

    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n2,0.5\r\n"
    assert path.with_name("log.csv.orphan").read_bytes() == tail


def test_what_is_put_aside_is_numbered(path: Path) -> None:
    """An orphan that is there already is kept."""
    for tail in (b"1", b"2", b"3"):
        path.write_bytes(b"epoch,loss\r\n" + tail)
        play(CSVLogger(path, append=True), EPOCHS[:1])

    names = ["log.csv.orphan", "log.csv.orphan-2", "log.csv.orphan-3"]
    assert [path.with_name(name).read_bytes() for name in names] == [b"1", b"2", b"3"]


def test_quotes_of_others(path: Path) -> None:
    """A quote inside a cell that is not quoted is a sign like any other: no row seems torn."""
    path.write_bytes(b'epoch,size\n0,5" wide\n1,6\n')
    play(CSVLogger(path, append=True), [{"size": 7}], initial_epoch=2)

    assert path.read_bytes() == b'epoch,size\n0,5" wide\n1,6\n2,7\r\n'


def test_quotes_that_are_letters(path: Path) -> None:
    """In a cell without quotes around it they do not hide that the last row is torn."""
    path.write_bytes(b'epoch,loss,size 3"\r\n0,1.0,a\r\n1,0.5,"b\n')
    play(CSVLogger(path, append=True), [{"loss": 0.25}])

    assert rows(path) == [["epoch", "loss", 'size 3"'], ["0", "1.0", "a"], ["0", "0.25", "NA"]]
    assert path.with_name("log.csv.orphan").read_bytes() == b'1,0.5,"b\n'


def test_cells_that_are_too_large_to_be_read(path: Path) -> None:
    """One warning says what to do; the file stays as it is."""
    before = b'epoch,note\r\n0,"' + b"x" * 200_000 + b'"\r\n'
    path.write_bytes(before)
    with pytest.warns(
        BackbeatWarning, match=r"field_size_limit\(size\), or give another"
    ) as warned:
        play(CSVLogger(path, append=True), [{"note": "a"}, {"note": "b"}])

    assert len(warned) == 1
    assert path.read_bytes() == before


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


def resumed(state: dict[str, Any], logger: CSVLogger, epochs: list[dict[str, Any]]) -> None:
    """A new run that begins with what an earlier one has stored."""
    logger.set_model(FakeHost())
    logger.on_train_begin()
    logger.load_state_dict(json.loads(json.dumps(state)))
    for epoch, logs in enumerate(epochs, 2 - len(epochs)):
        logger.on_epoch_end(epoch, dict(logs))
    logger.close()


def stored_after(path: Path, epochs: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """What is stored after these epochs by a run that goes on a little, then dies."""
    logger = CSVLogger(path, **settings)
    logger.on_train_begin()
    for epoch, logs in enumerate(epochs):
        logger.on_epoch_end(epoch, dict(logs))
    state = logger.state_dict()
    logger.on_epoch_end(len(epochs), {"loss": 7.0, "late": "abandoned"})
    logger.close()
    return state


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_resumed_run_cuts_back(path: Path, append: bool, done: int) -> None:
    """Rows of work that is done again are put aside; the file is the one of a single run."""
    if append:
        path.write_bytes(b"epoch,acc,loss\r\n9,0.9,0.9\r\n")
    expected = (path.read_bytes() if append else b"epoch,acc,loss\r\n") + (
        b"0,0.25,1.0\r\n1,0.75,0.5\r\n"
    )
    state = stored_after(path, EPOCHS[:done], append=append)
    resumed(state, CSVLogger(path, append=append), EPOCHS[done:])

    rows_now = [row[: expected.count(b",", 0, expected.index(b"\r")) + 1] for row in rows(path)]
    assert rows_now == list(csv.reader(io.StringIO(expected.decode(), newline="")))
    assert b"abandoned" in path.with_name("log.csv.orphan").read_bytes()


def test_nothing_to_cut_leaves_no_file(path: Path) -> None:
    """A resumed run that finds what it left writes beside it nothing."""
    logger = CSVLogger(path)
    play(logger, EPOCHS[:1])
    resumed(logger.state_dict(), CSVLogger(path), EPOCHS[1:])

    assert path.read_bytes() == b"epoch,acc,loss\r\n0,0.25,1.0\r\n1,0.75,0.5\r\n"
    assert [each.name for each in path.parent.iterdir()] == ["log.csv"]


def test_a_fresh_run_with_append_keeps_every_row(path: Path) -> None:
    """Only a resumed one cuts back, though the epochs are the same."""
    stored_after(path, EPOCHS)
    play(CSVLogger(path, append=True), EPOCHS)

    assert [row[0] for row in rows(path)] == ["epoch", "0", "1", "2", "0", "1"]
    assert [each.name for each in path.parent.iterdir()] == ["log.csv"]


def test_the_file_of_a_resumed_run_is_gone(path: Path) -> None:
    """It is said, and a new one with the same header begins."""
    state = stored_after(path, EPOCHS[:1])
    path.unlink()
    with pytest.warns(BackbeatWarning, match="log.csv is no more what the run that is resumed"):
        resumed(state, CSVLogger(path), EPOCHS[1:])

    assert path.read_bytes() == b"epoch,acc,loss\r\n1,0.75,0.5\r\n"


def test_another_file_in_its_place(path: Path) -> None:
    """It is put aside whole."""
    state = stored_after(path, EPOCHS[:1])
    path.write_text("my,notes\n")
    with pytest.warns(BackbeatWarning, match="log.csv is no more what the run that is resumed"):
        resumed(state, CSVLogger(path), EPOCHS[1:])

    assert path.read_bytes() == b"epoch,acc,loss\r\n1,0.75,0.5\r\n"
    assert path.with_name("log.csv.orphan").read_text() == "my,notes\n"


def test_rows_that_are_missing(path: Path) -> None:
    """A power failure took them: the others are kept, and it is said."""
    state = stored_after(path, EPOCHS)
    path.write_bytes(b"epoch,acc,loss\r\n0,0.25,1.0\r\n")
    with pytest.warns(BackbeatWarning, match="log.csv lacks 1 rows of the earlier run"):
        resumed(state, CSVLogger(path), [])

    assert path.read_bytes() == b"epoch,acc,loss\r\n0,0.25,1.0\r\n"


def test_formulas(path: Path) -> None:
    """safe_cells: what a spreadsheet would execute is text; numbers stay numbers."""
    logs = {"=cmd|x": -1.5, "note": "@SUM(A1)", "sign": "-", "inf": -math.inf}
    for _ in range(2):
        play(CSVLogger(path, safe_cells=True, append=True), [logs])

    row = b"0,-1.5,-inf,'@SUM(A1),'-\r\n"
    assert path.read_bytes() == b"epoch,'=cmd|x,inf,note,sign\r\n" + row + row
    play(CSVLogger(path), [logs])
    assert path.read_bytes() == b"epoch,=cmd|x,inf,note,sign\r\n0,-1.5,-inf,@SUM(A1),-\r\n"


@pytest.mark.parametrize(
    "name",
    ["a,b", 'a"b', "a\nb", "a\r\nb", "a\0b", "a/b", "{x.__class__}", " ", "", "한글", "=1+1"],
)
def test_odd_names(path: Path, name: str) -> None:
    """Whatever a metric is called, its column can be read back, and another run follows it."""
    for _ in range(2):
        play(CSVLogger(path, append=True), [{name: 0.5}, {name: 0.25, "late": 1}])

    header, *values = rows(path)
    column = header.index(name)
    assert sorted(header) == sorted(["epoch", name, "late"])
    assert [row[column] for row in values] == ["0.5", "0.25"] * 2


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.lists(st.floats())),
        max_size=4,
    ),
    st.sampled_from([",", ";", "\t"]),
    st.integers(0),
)
def test_whatever_is_logged_can_be_read_back(
    logs: dict[str, Any], separator: str, cut: int
) -> None:
    """Any names and values are cells of one row; and cut anywhere, no wrong row is left."""
    logs = {name: value for name, value in logs.items() if name != "epoch"}
    cells = {name: plain(value) for name, value in logs.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        play(CSVLogger(path, separator), [logs])
        header, row = rows(path, separator)
        assert dict(zip(header, row, strict=True)) == {"epoch": "0", **cells}

        data = path.read_bytes()
        path.write_bytes(data[: cut % len(data)])
        play(CSVLogger(path, separator, append=True), [logs], initial_epoch=1)
        header, row = rows(path, separator)
        assert dict(zip(header, row, strict=True)) == {"epoch": "1", **cells}


def plain(value: Any) -> str:
    """How a value stands in a cell."""
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    return "" if value is None else str(value)


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
    with pytest.warns(
        BackbeatWarning, match=r"The disk is full.* the rows wait for the next epoch"
    ):
        play([fill, CSVLogger(path)], [{"loss": float(i)} for i in range(4)])

    assert rows(path) == [["epoch", "loss"], *([str(i), f"{i}.0"] for i in range(4))]


def test_a_place_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    """Before training; an observer never ends it."""
    (tmp_path / "file").write_text("not a directory")
    with pytest.warns(BackbeatWarning) as caught:
        play(CSVLogger(tmp_path / "file" / "log.csv"), EPOCHS)

    assert str(caught[0].message).startswith("CSVLogger will write nothing: ")
