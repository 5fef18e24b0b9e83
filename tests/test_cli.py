"""`backbeat curves`: last and best values and a curve, for people and for programs."""

import json
import math
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from backbeat import __version__
from backbeat.cli import main
from backbeat.event_files import EventFileWriter

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    """Two runs, one of them with a value that is not finite."""
    train = EventFileWriter(tmp_path / "logs" / "train")
    for step, loss in enumerate([1.0, 0.5, math.nan, 0.25, 0.5]):
        train.scalar("epoch_loss", loss, step)
        train.scalar("epoch_accuracy", step / 4, step)
    train.scalar("lr", 0.001, 0)
    train.close()
    validation = EventFileWriter(tmp_path / "logs" / "validation")
    validation.scalar("epoch_loss", 2.0, 0)
    validation.close()
    return tmp_path / "logs"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a user starts it."""
    command = [sys.executable, "-m", "backbeat", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, check=False
    )


def test_text(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One block for each run, one line for each tag."""
    status = main(["curves", str(logdir)])

    assert status == 0
    assert capsys.readouterr().out == (
        "train\n"
        "                  steps   last  best\n"
        "  epoch_accuracy      5      1  1 at 4     ▁▃▅▆█\n"
        "  epoch_loss          5    0.5  0.25 at 3  █▃×▁▃\n"
        "  lr                  1  0.001             ▁\n"
        "\n"
        "validation\n"
        "              steps  last  best\n"
        "  epoch_loss      1     2  2 at 0  ▁\n"
    )


def test_json(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All values as strict JSON; what is not finite is a text."""
    status = main(["curves", str(logdir), "--json"])
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    assert status == 0
    assert list(printed["runs"]) == ["train", "validation"]
    assert printed["runs"]["train"]["epoch_loss"] == {
        "last": {"step": 4, "value": 0.5},
        "best": {"step": 3, "value": 0.25},
        "steps": [0, 1, 2, 3, 4],
        "values": [1.0, 0.5, "nan", 0.25, 0.5],
    }
    assert printed["runs"]["train"]["lr"]["best"] is None


@pytest.mark.parametrize(("columns", "signs"), [("100", 32), ("60", 17), ("20", 8)])
def test_long_curves(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
    signs: int,
) -> None:
    """A curve is as long as there is room, each sign the mean of several values."""
    monkeypatch.setenv("COLUMNS", columns)
    writer = EventFileWriter(tmp_path)
    for step in range(10_000):
        writer.scalar("some/rather/long/tag", step, step)
    writer.close()
    main(["curves", str(tmp_path)])
    curve = capsys.readouterr().out.split()[-1]

    assert len(curve) == signs
    assert curve == "".join(sorted(curve))
    assert (curve[0], curve[-1]) == ("▁", "█")


def test_extreme_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest and the smallest numbers, and nothing but nan, can be drawn."""
    writer = EventFileWriter(tmp_path)
    for step, value in enumerate([3.4e38, -3.4e38, 3.4e38]):
        writer.scalar("loss/large", value, step)
        writer.scalar("loss/nan", math.nan, step)
    writer.close()

    assert main(["curves", str(tmp_path)]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[2:]] == [
        "█▁█",
        "×××",
    ]


def test_a_missing_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there: status 1, and what to give instead."""
    status = main(["curves", str(tmp_path / "nowhere")])
    printed = capsys.readouterr()

    assert status == 1
    assert printed.out == ""
    assert printed.err == (
        f"backbeat curves: there is no directory {tmp_path / 'nowhere'}. Give the directory that "
        "TensorBoard(log_dir=...) writes to.\n"
    )


def test_an_empty_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No event files: the same."""
    (tmp_path / "notes.txt").write_text("")

    assert main(["curves", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"backbeat curves: there are no event files in or below {tmp_path}. Give the directory "
        "that TensorBoard(log_dir=...) writes to.\n"
    )


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is not a directory."""
    (tmp_path / "notes.txt").write_text("")

    assert main(["curves", str(tmp_path / "notes.txt")]) == 1
    assert f"{tmp_path / 'notes.txt'} is a file. Give" in capsys.readouterr().err


def test_no_scalars_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Event files that hold other things: status 1 too, with another word."""
    writer = EventFileWriter(tmp_path)
    writer.text("note", "", 0)
    writer.close()

    assert main(["curves", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"backbeat curves: there are event files in {tmp_path}, but no scalars in them yet.\n"
    )


def test_in_a_process_of_its_own(logdir: Path) -> None:
    """`python -m backbeat` prints the same, and passes the status on."""
    good, bad = run("curves", logdir), run("curves", logdir / "nowhere")

    assert (good.returncode, good.stderr) == (0, "")
    assert "  epoch_loss          5    0.5  0.25 at 3  █▃×▁▃\n" in good.stdout
    assert (bad.returncode, bad.stdout) == (1, "")


def test_help_and_version() -> None:
    """Help names the commands; a wrong command is a usage error."""
    helped, wrong, version = run("--help"), run("curvs"), run("--version")

    assert helped.returncode == 0
    assert "last and best values of every logged scalar" in helped.stdout
    assert wrong.returncode == 2
    assert "curvs" in wrong.stderr
    assert version.stdout == f"backbeat {__version__}\n"


def test_without_torch() -> None:
    """The command starts without loading torch."""
    code = "import sys, backbeat.cli; print('torch' in sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert printed.stdout == "False\n"


def test_a_reader_that_goes_away(logdir: Path) -> None:
    """Piped into something that stops reading, it ends without a word."""
    command = f"{sys.executable} -m backbeat curves {logdir} --json | head -c 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_full_disk(logdir: Path, arguments: list[str]) -> None:
    """One line says so, and the status."""
    command = [sys.executable, "-m", "backbeat", "curves", str(logdir), *arguments]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            check=False,
        )

    assert result.returncode == 1
    assert result.stderr == "backbeat: stdout cannot be written: No space left on device.\n"


@pytest.mark.parametrize("arguments", [["curves"], ["curves", "--help"]])
def test_a_terminal_without_the_signs(logdir: Path, arguments: list[str]) -> None:
    """The figures are shown all the same, with question marks for the curve."""
    result = subprocess.run(
        [sys.executable, "-m", "backbeat", *arguments, str(logdir)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii"},
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert "?" in result.stdout


def test_it_is_installed() -> None:
    """The package installs the command under its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["scripts"] == {"backbeat": "backbeat.cli:main"}
