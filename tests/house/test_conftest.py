"""The suite's own guards catch what they are there for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import backbeat

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
CARELESS = """
import threading
import pytest

kept = []

def test_tidy(tmp_path):
    (tmp_path / "a.txt").write_text("a")

def test_open_file(tmp_path):
    kept.append(open(tmp_path / "left-open.txt", "w"))

def test_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, args=(5,), name="left-running", daemon=True).start()

def test_skip():
    pytest.skip("npm is missing: apt-get install npm")
"""


def test_guards(tmp_path):
    """A file left open, a thread left running and a skip in CI each fail, by name."""
    shutil.copy(CONFTEST, tmp_path)
    (tmp_path / "test_careless.py").write_text(CARELESS, encoding="utf-8")
    settings = {"BACKBEAT_NO_SKIP": "1", "PYTHONPATH": str(Path(backbeat.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "left behind: file" in result.stdout
    assert "left-open.txt" in result.stdout
    assert "left behind: thread 'left-running'" in result.stdout
    assert "this may not be skipped: Skipped: npm is missing: apt-get install npm" in result.stdout
    # Two of them pass before the guard looks at what they left behind.
    assert result.stdout.splitlines()[-1].startswith("1 failed, 3 passed, 2 errors")
