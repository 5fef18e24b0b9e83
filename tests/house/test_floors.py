"""Imports only go down, and what promises to be free of torch is."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "backbeat"
TORCH_FREE = {"hooks", "callbacks", "event_files", "checkpoints", "monitor", "cli", "testing"}

CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
}


def test_contracts_are_kept():
    """All four import contracts of pyproject.toml are kept."""
    lint = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    result = subprocess.run(
        lint,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        # The contracts speak of this checkout, wherever the tests found the package.
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"},
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "Contracts: 4 kept, 0 broken." in result.stdout


def test_every_torch_free_room_is_watched():
    """Each room that promises to be free of torch is listed in the contract once it exists."""
    rooms = {f"backbeat.{path.stem}" for path in SOURCE.iterdir() if path.stem in TORCH_FREE}

    assert set(CONTRACTS["torch-free"]["source_modules"]) == rooms


def test_every_callback_is_watched():
    """Each public file in `callbacks/` is listed in the contract that keeps callbacks apart."""
    files = (SOURCE / "callbacks").glob("[!_]*.py")

    assert set(CONTRACTS["callbacks-alone"]["modules"]) == {
        f"backbeat.callbacks.{file.stem}" for file in files
    }


@pytest.mark.parametrize(
    "room", ["hooks", "callbacks", "checkpoints", "event_files", "files", "testing"]
)
def test_room_loads_without_torch(room):
    """Importing all of a torch-free room loads neither torch nor another heavy package."""
    heavy = "torch", "h5py", "requests", "tqdm", "keras", "tensorboard"
    code = (
        f"import sys; from backbeat.{room} import *; "
        f"print(*sorted(set(sys.modules) & set({heavy})))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert result.stdout.split() == []
