"""The environments of the contenders see torch and NumPy of ours, and nothing else of it."""

import subprocess
import sys

import numpy as np
import torch

from benchmarks import _venvs


def test_shared_folder_shows_torch_and_numpy(tmp_path, monkeypatch):
    """Through the folder of links alone, a Python imports the same torch and the same NumPy."""
    monkeypatch.setattr(_venvs, "ROOT", tmp_path)
    code = "import numpy, torch; print(torch.__version__, numpy.__version__)"

    links = _venvs._link_shared()

    # -I -S: neither site-packages nor the folder that this runs in.
    code = f"import sys; sys.path.append({str(links)!r}); {code}"
    command = [sys.executable, "-I", "-S", "-c", code]
    seen = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()

    assert seen == [torch.__version__, np.__version__]


def test_shared_folder_hides_the_rest(tmp_path, monkeypatch):
    """What only we need is not there: a contender must not find our test tools or backbeat."""
    monkeypatch.setattr(_venvs, "ROOT", tmp_path)

    shown = {link.name for link in _venvs._link_shared().iterdir()}

    assert {"torch", "numpy", "typing_extensions.py"} <= shown
    assert shown.isdisjoint({"backbeat", "keras", "pytest", "tensorboard", "sklearn"})


def test_what_was_made_is_found_again(tmp_path, monkeypatch):
    """An environment counts once its installation went through, not before."""
    monkeypatch.setattr(_venvs, "ROOT", tmp_path)
    folder = tmp_path / "venvs" / "lightning"
    folder.mkdir(parents=True)

    before = _venvs.python("lightning")
    (folder / "made").touch()

    assert before is None
    assert _venvs.python("lightning") == folder / "bin" / "python"
