"""The results of the benchmarks find their places in the READMEs."""

from pathlib import Path

import pytest
import report

BENCHMARKS = Path(report.__file__).parent


def test_report_fills_both_pages():
    """Results replace what stands between the marks of their question, and nothing else."""
    page = (
        "a\n<!-- results: growth -->\nold\n<!-- end -->\nb\n<!-- results: gpu -->\n<!-- end -->\n"
    )

    filled = report.filled(page, {"growth": "new"})

    assert filled == page.replace("old", "new")
    assert report.filled(filled, {"growth": "new"}) == filled


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_pages_have_a_place_for_each_question(name):
    """No result goes missing, and each question of the pages can be answered."""
    page = (BENCHMARKS / name).read_text(encoding="utf-8")
    questions = (*report.QUESTIONS, *report.PRINTED)

    there = [question for question in questions if (BENCHMARKS / f"{question}.py").exists()]

    assert [each for each in there if report.PLACE.format(each) not in page] == []
