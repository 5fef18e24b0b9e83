"""Every program in examples/ runs as it stands, in an empty folder, and does what it says."""

import ast
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backbeat

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# A warning that an example is about is shown, any other is an error as in the other tests.
SHOW_OURS = ("-W", "default::RuntimeWarning")


def run(example: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run an example in `folder`, as a user does, in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-W", "error", *options, EXAMPLES / example],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(backbeat.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    return result


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_example_is_tested():
    """No program in examples/ is left out below; names that begin with _ are shared by them."""
    programs = {path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("_")}
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}

    assert programs
    assert programs - tests == set()


def test_custom_callback(tmp_path):
    """A callback sees params, model, validation data and logs as documented, and can stop."""
    printed = run("custom_callback.py", tmp_path).stdout

    assert "'epochs': 50" in printed
    assert "validation_data is what fit was given: True" in printed
    assert "on_batch_begin: batch, size\n" in printed
    assert "on_batch_end: acc, batch, loss, size\n" in printed
    assert "on_epoch_end: acc, loss, val_acc, val_loss\n" in printed
    assert re.search(r"largest weight: 0\.\d\d\nstopped by Reporter after \d+ epochs\n$", printed)
    assert files(tmp_path) == set()


def test_loss_history(tmp_path):
    """The list holds the loss of each of the 20 x 12 batches, and falls."""
    losses = ast.literal_eval(run("loss_history.py", tmp_path).stdout)

    assert len(losses) == 240
    assert all(isinstance(loss, float) for loss in losses)
    assert sum(losses[-12:]) < 0.5 * sum(losses[:12])


def test_model_checkpoint(tmp_path):
    """The one file that is left holds the model with the lowest validation loss seen."""
    printed = run("model_checkpoint.py", tmp_path).stdout
    loaded, seen = re.findall(r": (\d\.\d{4})$", printed, re.MULTILINE)

    assert "Epoch 00001: val_loss improved from inf to" in printed
    assert loaded == seen
    assert files(tmp_path) == {"weights.hdf5"}


def test_reduce_lr_on_plateau(tmp_path):
    """Without validation data it is said and nothing is lowered; with them the rate goes down."""
    result = run("reduce_lr_on_plateau.py", tmp_path, *SHOW_OURS)
    rates = ast.literal_eval(result.stdout.rsplit(":", maxsplit=1)[1].strip())

    assert result.stderr.count("ReduceLROnPlateau watches 'val_loss', but this run logs") == 1
    assert "epochs without validation data: 1\n" in result.stdout
    assert rates[:2] == pytest.approx([0.02, 0.004])
    assert min(rates) >= 0.001


def test_csv_logger(tmp_path):
    """A row per epoch, those of the continued training included."""
    printed = run("csv_logger.py", tmp_path).stdout
    with (tmp_path / "training.log").open(newline="") as log:
        rows = list(csv.DictReader(log))

    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert float(rows[-1]["acc"]) > float(rows[0]["acc"])
    assert printed.startswith("epoch,acc,loss\n0,")
    assert files(tmp_path) == {"training.log"}


def test_lambda_callbacks(tmp_path):
    """Each batch is printed, each epoch is a line of JSON, and the processes are gone."""
    *batches, last = run("lambda_callbacks.py", tmp_path).stdout.splitlines()
    lines = (tmp_path / "loss_log.json").read_text().splitlines()

    assert batches == [str(batch) for batch in range(12)] * 3
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    assert all(json.loads(line)["loss"] > 0 for line in lines)
    assert last == "processes left: 0"


def test_own_loop(tmp_path):
    """The callbacks hear a loop that is not ours: one stops it, one writes a row per epoch."""
    printed = run("own_loop.py", tmp_path).stdout
    epochs = int(re.search(r"epochs: (\d+)", printed)[1])
    header, *rows = (tmp_path / "own_loop.csv").read_text().splitlines()

    assert header == "epoch,loss,val_loss"
    assert len(rows) == epochs < 50
    assert printed.endswith("stopped by EarlyStopping\n")


def test_functional_model(tmp_path):
    """The model in the file is the trained one: it knows digits, and predicts what it evaluates."""
    result = run("functional_model.py", tmp_path).stdout
    loaded = re.search(r"not seen: accuracy (\S+), ink within (\S+)", result).groups()
    by_hand = re.search(r"the same by hand: (\S+), (\S+)", result).groups()

    assert float(loaded[0]) > 0.8
    assert by_hand == loaded
    assert result.endswith("with new weights: ('digit', 'ink')\n")
    assert files(tmp_path) == {"digits.h5"}


def test_pytorch_module(tmp_path):
    """The scheduler's rates are logged, and the file holds the weights by the module's names."""
    result = run("pytorch_module.py", tmp_path).stdout
    rates = ast.literal_eval(re.search(r"learning rates: (\[.*\])", result)[1])

    assert rates[0] == 0.01
    assert rates == sorted(rates, reverse=True)
    assert float(re.search(r"held-out accuracy: (\d\.\d+)", result)[1]) > 0.9
    assert result.endswith("True\n")
    assert files(tmp_path) == {"best.safetensors", "training.csv"}


@pytest.mark.slow
def test_demo(tmp_path):
    """It reaches 0.95, says why it stopped, what was written and what the callbacks cost."""
    printed = run("demo.py", tmp_path).stdout
    accuracy = float(re.search(r"test accuracy (\d\.\d+)$", printed.rstrip())[1])
    counts = re.findall(r"(?:of our own|posts to): (\d+)$", printed, re.MULTILINE)
    seen, received = map(int, counts)
    written = tmp_path / "demo-output"
    with (written / "training.csv").open(newline="") as log:
        rows = list(csv.DictReader(log))

    assert accuracy >= 0.95
    assert "Why it stopped: " in printed
    assert re.search(r"^callback +hook +calls +seconds$", printed, re.MULTILINE)
    assert received == len(rows) == len((written / "losses.jsonl").read_text().splitlines())
    assert [int(row["epoch"]) for row in rows] == list(range(len(rows)))
    assert seen == (received - 4) * 18  # without the warm-up, which was a fit of its own
    names = {name.split("/")[0] for name in files(written)}
    assert names == {"best.h5", "training.csv", "losses.jsonl", "logs"}
    assert all(str(Path("demo-output", name)) in printed for name in names)
    assert len(list((written / "logs").iterdir())) == 2  # a file for each of the two fits
