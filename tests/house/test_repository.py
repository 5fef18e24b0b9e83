"""The files around the source agree with each other."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

import backbeat

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s#]+)$")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = [line for line in text("constraints.txt").splitlines() if line and line[0] != "#"]
    found = [PIN.match(line) for line in lines]

    assert all(found), "constraints.txt holds a line that is no exact pin"
    return {normal(match[1]): match[2] for match in found if match}


def test_every_dependency_is_pinned():
    """Whatever pyproject.toml asks for, constraints.txt pins."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    wanted = chain(project["dependencies"], *extras)
    names = {normal(re.match(r"[A-Za-z0-9_.-]+", each)[0]) for each in wanted} - {"backbeat"}

    assert names - set(pins()) == set()


def test_one_version():
    """The package, pyproject.toml and the changelog name the same version."""
    version = PROJECT["project"]["version"]

    assert backbeat.__version__ == version
    assert f"## {version}" in text("CHANGELOG.md")


def test_every_ignored_rule_has_its_reason():
    """Each line of pyproject.toml that switches off a ruff rule says why."""
    table = text("pyproject.toml").split("\nignore = [\n")[1]
    table = table.split("[tool.importlinter]")[0]
    lines = [line for line in table.splitlines() if re.match(r'\s*"[A-Z]+\d*"', line)]
    silent = [line for line in lines if "#" not in line]

    assert lines
    assert silent == []


@pytest.mark.parametrize("name", ["demo", "test", "check", "bench"])
def test_make_targets_are_explained(name):
    """Every target that people type is in `make help` and in CONTRIBUTING.md."""
    assert f"#   make {name} " in text("Makefile")
    assert f"`make {name}`" in text("CONTRIBUTING.md")


def test_licence():
    """The licence is Apache-2.0, in full."""
    assert "Apache License" in text("LICENSE")
    assert "END OF TERMS AND CONDITIONS" in text("LICENSE")
    assert PROJECT["project"]["license"] == "Apache-2.0"
