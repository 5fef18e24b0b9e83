"""Makes a virtual environment for each contender: `python benchmarks/_venvs.py [NAME ...]`.

They lie in .benchmarks/venvs, or below the folder that BACKBEAT_BENCHMARKS names. torch, NumPy and
what these need are not installed again: every environment sees the ones of the Python that runs
this, through a folder of links and a .pth file. Nothing else of that Python is visible, so no
contender imports what it did not ask for.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(
    os.environ.get("BACKBEAT_BENCHMARKS") or Path(__file__).resolve().parent.parent / ".benchmarks"
)
SHARED = ("torch", "numpy")

BOARD, KERAS = "tensorboard==2.21.0", "keras==3.15.1"
TENSORFLOW = "tensorflow-cpu==2.21.0"

# What pip is told, by name of the environment.
CONTENDERS: dict[str, list[str]] = {
    # Keras' own TensorBoard callback needs TensorFlow, whatever the backend.
    "keras": [KERAS, "jax==0.10.2", TENSORFLOW, BOARD],
    "lightning": ["lightning==2.6.6", BOARD],
    "poutyne": ["poutyne==1.19.0", BOARD],
    "skorch": ["skorch==1.4.0", BOARD],
    "transformers": ["transformers==5.23.0", "accelerate==1.15.0", BOARD],
    "ignite": ["pytorch-ignite==0.5.5", "tqdm", BOARD],
    # What it needs, less torchvision and spaCy: neither is used to train on tensors.
    "fastai": [
        *("fastcore>=2.2.22", "fasttransform", "fastprogress", "fastdownload<2"),
        *("plum-dispatch<2.10", "cloudpickle", "matplotlib", "pandas", "pillow", "pyyaml"),
        *("requests", "scikit-learn", "scipy", "packaging", BOARD),
    ],
    "composer": ["mosaicml==0.32.1"],
    "tensorboardx": ["tensorboardX==2.6.5"],
    "tensorboardx-crc32c": ["tensorboardX==2.6.5", "crc32c"],
}
# Installed afterwards and without asking what it needs: a torchvision, and that a torch of its own.
ALONE = {"fastai": ["--no-deps", "fastai==2.8.12"]}


def python(name: str) -> Path | None:
    """The interpreter of that environment, or None if it has not been made."""
    return _interpreter(name) if (ROOT / "venvs" / name / "made").exists() else None


def make(name: str) -> str | None:
    """Create one environment unless it is there; returns why it could not be made."""
    if python(name):
        return None
    folder = ROOT / "venvs" / name
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "torch_at_hand.pth").write_text(f"{_link_shared()}\n", encoding="utf-8")
    for wanted in filter(None, (CONTENDERS[name], ALONE.get(name))):
        problem = _install(_interpreter(name), wanted)
        if problem:
            return problem
    (folder / "made").touch()
    return None


def _interpreter(name: str) -> Path:
    return ROOT / "venvs" / name / "bin" / "python"


def _install(interpreter: Path, wanted: list[str]) -> str | None:
    """Install into an environment, without touching torch; returns pip's complaint."""
    constraint = ROOT / "constraints.txt"
    pins = [f"{name}=={distribution(name).version}" for name in SHARED]
    constraint.write_text("\n".join(pins) + "\n", encoding="utf-8")
    pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = _run(["nice", *pip, "--prefer-binary", "--constraint", str(constraint), *wanted])
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return None if done.returncode == 0 else (errors or ["pip failed"])[0]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, check=False, text=True)


def _link_shared() -> Path:
    """A folder that shows torch and NumPy with what they need, and nothing else."""
    links = ROOT / "torch"
    links.mkdir(parents=True, exist_ok=True)
    for package in _closure(SHARED):
        place = Path(str(package.locate_file("")))
        for top in sorted({file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}):
            link = links / top
            if not link.exists():
                link.symlink_to(place / top)
    return links


def _closure(names: tuple[str, ...]) -> Iterator[Distribution]:
    """These distributions and everything that they require here."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another platform
            continue
        yield package
        needs = [each for each in package.requires or () if "extra ==" not in each]
        waiting += [re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needs]


def main() -> None:
    """Make the environments that are named, or all; a word for each that failed."""
    for name in sys.argv[1:] or CONTENDERS:
        print(f"{name}: {make(name) or 'ready'}", flush=True)


if __name__ == "__main__":
    main()
