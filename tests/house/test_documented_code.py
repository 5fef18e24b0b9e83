"""The code in the README and the documentation runs, and prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backbeat
from tests.house.pages import Page, name, twins

# Twins share their code (test_twins.py), so the English one speaks for both.
PAGES = [Page(english) for english, _ in twins()]
PAGES = [page for page in PAGES if any(block.language == "python" for block in page.blocks)]
NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: name(page.path))
def test_page_runs(page, tmp_path):
    """The blocks of a page, run in order as one program, print the outputs shown.

    Digits may differ from machine to machine; every word, and how many numbers there are, may not.
    """
    printed = run(program(page), tmp_path)

    assert words(printed) == words(shown(page))


def program(page: Page) -> str:
    """Every Python block of the page, as one program."""
    return "\n\n".join(block.text for block in page.blocks if block.language == "python")


def shown(page: Page) -> str:
    """Everything that the page says is printed."""
    return "".join(block.text for block in page.blocks if block.language == "text")


def run(code: str, folder: Path) -> str:
    """Run `code` in a process of its own, as a user does, and return what it prints."""
    script = folder / "page.py"
    script.write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(backbeat.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    return result.stdout


def words(text: str) -> list[str]:
    """`text` with each number replaced by a sign, line by line."""
    return [" ".join(NUMBER.sub("#", line).split()) for line in text.splitlines() if line.strip()]
