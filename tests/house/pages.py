"""The pages of the documentation, read as headings and fenced blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = ROOT / "docs" / "en"
KOREAN = ROOT / "docs" / "ko"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language and its text."""

    language: str
    text: str


class Page:
    """One Markdown page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")

    @property
    def blocks(self) -> list[Block]:
        return [Block(*found) for found in FENCE.findall(self.text)]

    @property
    def headings(self) -> list[int]:
        """The level of each heading, in order; what looks like one inside code is none."""
        return [len(marks) for marks in HEADING.findall(FENCE.sub("", self.text))]

    @property
    def table_rows(self) -> int:
        return len(re.findall(r"^\|", FENCE.sub("", self.text), re.MULTILINE))

    @property
    def links(self) -> list[str]:
        """Where the links to other files of the repository point."""
        found = LINK.findall(FENCE.sub("", self.text))
        return [target for target in found if "://" not in target]

    @property
    def first_code_line(self) -> int:
        """The number of the line that opens the first code block."""
        lines = self.text.splitlines()
        return next(number for number, line in enumerate(lines, 1) if line.startswith("```"))


def twins() -> list[tuple[Path, Path]]:
    """Every English page with the path of its Korean twin, the README first."""
    pages = sorted(page.relative_to(ENGLISH) for page in ENGLISH.rglob("*.md"))
    readme = (ROOT / "README.md", ROOT / "README.ko.md")
    return [readme, *((ENGLISH / page, KOREAN / page) for page in pages)]


def name(path: Path) -> str:
    """How the tests call a page."""
    return str(path.relative_to(ROOT))
