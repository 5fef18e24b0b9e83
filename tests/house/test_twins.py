"""README and documentation say the same in English and Korean."""

import re

import pytest

from tests.house.pages import ENGLISH, KOREAN, ROOT, Page, name, twins

TWINS = pytest.mark.parametrize(
    ("english", "korean"),
    [(Page(first), Page(second)) for first, second in twins()],
    ids=[name(first) for first, _ in twins()],
)
PAGES = pytest.mark.parametrize(
    "page", [Page(path) for pair in twins() for path in pair], ids=lambda page: name(page.path)
)


def test_every_page_has_its_twin():
    """Both languages have the same pages under the same names."""
    english = {page.relative_to(ENGLISH) for page in ENGLISH.rglob("*.md")}
    korean = {page.relative_to(KOREAN) for page in KOREAN.rglob("*.md")}

    assert english
    assert english == korean


@TWINS
def test_same_headings(english, korean):
    """Twins have as many headings as each other, on the same levels, in the same order."""
    assert english.headings
    assert english.headings == korean.headings


@TWINS
def test_same_code(english, korean):
    """Twins show the same code and the same output, comments included."""
    assert english.blocks == korean.blocks


@TWINS
def test_same_tables(english, korean):
    """Twins have as many table rows as each other."""
    assert english.table_rows == korean.table_rows


@TWINS
def test_korean_is_korean(english, korean):
    """Most sentences of the Korean twin are written in Korean."""
    prose = re.sub(r"```.*?```|`[^`]*`", "", korean.text, flags=re.DOTALL)
    hangul, latin = re.findall(r"[가-힣]", prose), re.findall(r"[A-Za-z]", prose)

    assert len(hangul) > len(latin)


@PAGES
def test_links_lead_somewhere(page):
    """Every link to another file of the repository finds it."""
    missing = [link for link in page.links if not (page.path.parent / link).exists()]

    assert missing == []


@pytest.mark.parametrize("readme", ["README.md", "README.ko.md"])
def test_readme_shows_code_first(readme):
    """The first code of the README begins, and ends with its output, within 30 lines."""
    page = Page(ROOT / readme)
    first, output = page.blocks[:2]
    shown = page.text[: page.text.index(output.text) + len(output.text)]

    assert first.language == "python"
    assert page.first_code_line <= 30
    assert shown.count("\n") < 30
