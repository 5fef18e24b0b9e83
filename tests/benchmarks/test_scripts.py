"""Each benchmark runs, in a tiny size, with backbeat and the loops by hand: no time is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

OURS = ["--contenders", "raw", "backbeat"]


@pytest.fixture
def run(tmp_path):
    """Runs one script; its results go into a folder of the test."""
    environment = {**os.environ, "BACKBEAT_BENCHMARKS": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def run(question: str, *options: str) -> str:
        command = [sys.executable, str(BENCHMARKS / f"{question}.py"), *options]
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def kept(tmp_path: Path, question: str) -> list[dict]:
    lines = (tmp_path / "results" / f"{question}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_throughput_times_bare_and_full_and_is_reported(run, tmp_path):
    """All take part in `bare`, only who can in `full`; the report prints the same tables again."""
    contenders = ["--contenders", "raw", "by hand", "backbeat"]

    printed = run("throughput", "--quick", "--models", "tiny", *contenders)

    head, *rows = kept(tmp_path, "throughput")
    timed = {(row["contender"], row["full"]) for row in rows if "contender" in row}
    assert head["models"] == ["tiny"]
    assert timed == {
        *(("raw", False), ("by hand", True)),
        *(("backbeat", False), ("backbeat", True)),
    }
    assert all(row["after"] < row["before"] for row in rows if "learns" in row)
    assert printed.strip() in run("report")


def test_evaluate_and_predict_are_timed(run, tmp_path):
    """Both contenders do both."""
    run("evaluate_predict", "--quick", "--model", "tiny", *OURS)

    timed = {(row.get("contender"), row.get("task")) for row in kept(tmp_path, "evaluate_predict")}
    assert {(who, what) for who in ("raw", "backbeat") for what in ("evaluate", "predict")} < timed


def test_start_up_is_timed_by_stage(run, tmp_path):
    """The stages of a start add up to the whole, from the start of the process on."""
    run("start_up", "--quick", *OURS)

    starts = [row for row in kept(tmp_path, "start_up") if "contender" in row]
    assert {row["contender"] for row in starts} == {"raw", "backbeat"}
    for row in starts:
        stages = row["python"] + row["import"] + row["build"] + row["fit"]
        assert stages == pytest.approx(row["all"])


def test_remote_posts_every_epoch(run, tmp_path):
    """With a server that answers and with none, each epoch has its time and `fit` returns."""
    run("remote", "--quick", "--contenders", "backbeat")

    rows = kept(tmp_path, "remote")[1:]
    assert [(row["server"], len(row["epochs"])) for row in rows] == [
        ("answers", 30),
        ("is down", 30),
    ]
    assert all(row["fit"] >= sum(row["epochs"]) for row in rows)


def test_growth_covers_every_kind(run, tmp_path):
    """Batches, callbacks, metrics and layers, each in more than one size."""
    run("growth", "--quick")

    sizes: dict[str, list[int]] = {}
    for row in kept(tmp_path, "growth")[1:]:
        sizes.setdefault(row["grows"], []).append(row["count"])
    assert list(sizes) == [
        *("batches (fit)", "batches (own loop)"),
        *("callbacks", "metrics", "layers"),
    ]
    assert all(len(counts) > 1 for counts in sizes.values())


def test_full_epoch_climbs_to_all_callbacks(run, tmp_path):
    """One thing more at a time, the last of them TensorBoard, and that once more."""
    run("full_epoch", "--quick")

    steps = [row["step"] for row in kept(tmp_path, "full_epoch")[1:]]
    assert steps[:3] == ["loop by hand, shuffled", "fit", "+ accuracy"]
    assert steps[-2:] == ["+ TensorBoard", "the same again"]


def test_gpu_says_when_there_is_none(run, monkeypatch):
    """Without a GPU nothing fails, and nothing is claimed."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    assert run("gpu", "--quick") == "No GPU here, so nothing was measured.\n"


def test_fit_starts_no_more_kernels_than_the_loop_by_hand(run, tmp_path):
    """With metrics and callbacks neither, and it needs fewer calls of Python."""
    run("host", "--quick")

    head, by_hand, *others = kept(tmp_path, "host")
    assert head["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert [row["contender"] for row in others] == ["bare", "full"]
    for row in others:
        assert 15 < row["kernels"] <= by_hand["kernels"]
        assert row["Python"] <= by_hand["Python"]


def test_writers_of_event_files_are_timed(run):
    """backbeat and torch's writer do all three kinds of work; memory stays bounded."""
    printed = run("event_files", "--quick")

    rows = [line for line in printed.splitlines() if line.startswith("torch.utils.tensorboard")]
    assert len(rows) == 3
    assert "tensorboardX: left out; make it with" in printed
    assert "memory grew by" in printed


def test_checkpoints_are_timed(run, tmp_path):
    """Ours and a plain copy; whoever is not installed is said to be missing."""
    ours = [f"--only={name}" for name in ("backbeat", "backbeat_in_line", "safetensors", "digests")]

    printed = run("checkpoints", "--quick", "--folder", str(tmp_path), *ours)

    assert "blocked / copy: " in printed
    assert "extra memory: " in printed
    assert "backbeat, in line, less digests / safetensors + fsync: " in printed
    assert "not installed" in run("checkpoints", "--quick", "--only=lightning")
