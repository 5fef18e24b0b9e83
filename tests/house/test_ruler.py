"""The ruler runs, and measures what it says it measures."""

import subprocess
import sys

from tests.house.ruler import ROOT, SourceFile, knots, measure


def test_every_line_has_a_number():
    """Each line of the ruler holds a name, a measured value and an aim."""
    lines = measure()

    assert len(lines) == 11
    assert all(line.name and line.aim and any(map(str.isdigit, line.found)) for line in lines)


def test_it_runs_as_a_script():
    """`python tests/house/ruler.py` prints one line per measure."""
    script = [sys.executable, ROOT / "tests" / "house" / "ruler.py"]
    result = subprocess.run(script, capture_output=True, text=True, check=True)

    assert len(result.stdout.splitlines()) == 11
    assert "function length in code" in result.stdout


def test_code_lines_leave_out_docstrings_comments_and_blanks(tmp_path):
    """Only lines that hold code count towards the length of a function."""
    path = tmp_path / "sample.py"
    lines = [
        "def f():",
        '    """Two',
        '    lines."""',
        "",
        "    # why",
        "    return (",
        "        1",
        "    )",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sample = SourceFile(path)

    assert sample.code_lines == {1, 6, 7, 8}
    assert sample.function_length(sample.functions[0]) == 4
    assert sample.comment_count == 1


def test_a_circle_of_imports_is_a_knot():
    """Modules that reach each other are one knot, however many they are; a chain is none."""
    circle = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    chain = {"a": {"b"}, "b": {"c"}, "c": set()}

    assert knots(circle) == [{"a", "b", "c"}]
    assert knots(chain) == []
