"""The ruler: measure the house, and print each number beside what it aims for.

Run it with `python tests/house/ruler.py`. The aims are for review, not quotas.
"""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from grimp import build_graph

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "backbeat"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Named = Function | ast.ClassDef


@dataclass(frozen=True)
class Measure:
    """One line of the ruler."""

    name: str
    found: str
    aim: str


def measure() -> list[Measure]:
    """Every line of the ruler, measured now."""
    files = [SourceFile(path) for path in sorted(SOURCE.rglob("*.py"))]
    return [
        file_lengths(files),
        function_lengths(files),
        import_knots(),
        hidden_imports(files),
        typed(files),
        documented(files),
        comments(files),
        tests_to_code(files),
        mirrored(files),
        Measure("README line of the first code", str(first_code_line(ROOT / "README.md")), "≤ 30"),
        hops_from_fit(),
    ]


class SourceFile:
    """One module: its text, its tree, and which of its lines are what."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    @property
    def length(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def code_lines(self) -> set[int]:
        """The numbers of the lines with code on them: no docstrings, comments or blanks."""
        lines: set[int] = set()
        for token in tokens(self.text):
            if token.type not in NO_CODE and token.line.strip():
                lines.update(range(token.start[0], token.end[0] + 1))
        return lines - self.docstring_lines

    @cached_property
    def docstring_lines(self) -> set[int]:
        holders = [node for node in ast.walk(self.tree) if isinstance(node, ast.Module | Named)]
        strings = [node.body[0] for node in holders if node.body and ast.get_docstring(node)]
        return set(chain.from_iterable(range(s.lineno, s.end_lineno + 1) for s in strings))

    @property
    def comment_count(self) -> int:
        return sum(token.type == tokenize.COMMENT for token in tokens(self.text))

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    def function_length(self, function: Function) -> int:
        return len(self.code_lines & set(range(function.lineno, function.end_lineno + 1)))

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.path.relative_to(SOURCE).parts)


NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


def tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


# One line of the ruler each


def file_lengths(files: list[SourceFile]) -> Measure:
    longest = max(files, key=lambda file: file.length)
    median = statistics.median(file.length for file in files)
    found = f"{median:.0f} / {longest.length} ({longest.path.relative_to(SOURCE)})"
    return Measure(f"file length, median / longest of {len(files)}", found, "~90 / ~260")


def function_lengths(files: list[SourceFile]) -> Measure:
    lengths = [
        (file.function_length(function), f"{file.path.stem}.{function.name}")
        for file in files
        for function in file.functions
    ]
    mean = statistics.mean(length for length, _ in lengths)
    longest, name = max(lengths)
    found = f"{mean:.1f} / {longest} ({name})"
    return Measure("function length in code, mean / longest", found, "~8 / ~45")


def import_knots() -> Measure:
    """How many circles of modules import each other at import time, types apart."""
    graph = build_graph("backbeat", exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    return Measure("import knots", str(len(knots(imports))), "0")


def hidden_imports(files: list[SourceFile]) -> Measure:
    """Imports inside functions; those of our own rooms are the ones that hide a knot."""
    inside = [
        node
        for file in files
        for function in file.functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    ours = sum("backbeat" in ast.unparse(node) for node in inside)
    return Measure("hidden imports, ours / packages", f"{ours} / {len(inside) - ours}", "0 / few")


def typed(files: list[SourceFile]) -> Measure:
    functions = [function for file in files for function in file.functions]
    arguments = list(chain.from_iterable(map(own_arguments, functions)))
    hints = [argument.annotation for argument in arguments]
    returns = [function.returns for function in functions]
    return Measure("typed arguments / returns", f"{share(hints)} / {share(returns)}", "100 %")


def own_arguments(function: Function) -> list[ast.arg]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [each for each in every if each is not None and each.arg not in ("self", "cls")]


def documented(files: list[SourceFile]) -> Measure:
    public = list(chain.from_iterable(public_names(file.tree) for file in files if file.is_public))
    found = share([ast.get_docstring(node) for node in public])
    return Measure(f"own docstrings of {len(public)} public names", found, "100 %")


def public_names(parent: ast.Module | ast.ClassDef) -> Iterator[Named]:
    """The public classes and functions of a module, and the public methods of the former."""
    for node in parent.body:
        if isinstance(node, Named) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_names(node)


def comments(files: list[SourceFile]) -> Measure:
    count, code = sum(file.comment_count for file in files), code_length(files)
    return Measure("comment ÷ code", f"{count / code:.0%}", "5–10 %")


def tests_to_code(files: list[SourceFile]) -> Measure:
    tests = [SourceFile(path) for path in TESTS.rglob("*.py")]
    return Measure("tests ÷ code", f"{code_length(tests) / code_length(files):.1f}", "1.5–2")


def code_length(files: Iterable[SourceFile]) -> int:
    return sum(len(file.code_lines) for file in files)


def mirrored(files: list[SourceFile]) -> Measure:
    public = [file.path.relative_to(SOURCE) for file in files if file.is_public]
    missing = [str(path) for path in public if not (TESTS / mirror(path)).exists()]
    found = f"{len(public) - len(missing)} of {len(public)}"
    return Measure("public modules with a test", found + names_of(missing), "all")


def mirror(path: Path) -> Path:
    # tests/data/ holds the golden files.
    parts = ("data_sources" if part == "data" else part for part in path.parts)
    return Path(*parts).with_name(f"test_{path.name}")


def names_of(missing: list[str], shown: int = 5) -> str:
    more = f", and {len(missing) - shown} more" if len(missing) > shown else ""
    return f" (not: {', '.join(missing[:shown])}{more})" if missing else ""


def first_code_line(path: Path) -> int:
    """The number of the line that opens the first code block."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("```"))


def hops_from_fit() -> Measure:
    """Which files a reader passes through between `Model.fit` and the hook that it rings."""
    # Here and not at the top: everything else is measured without loading torch.
    import numpy as np

    from backbeat.callbacks import Callback
    from backbeat.layers import Dense
    from backbeat.models import Sequential

    passed: list[str] = []

    class Witness(Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            stack = [Path(frame.filename) for frame in traceback.extract_stack()[:-1]]
            passed.extend(dict.fromkeys(path.stem for path in stack if SOURCE in path.parents))

    model = Sequential([Dense(1, input_dim=1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((1, 1)), np.zeros((1, 1)), verbose=0, callbacks=[Witness()])
    between = passed[1:]
    return Measure("hops from fit to the hook", f"{len(between)} ({', '.join(between)})", "3")


# Small tools


def share(things: list[object]) -> str:
    """How many of `things` are there, in percent; never rounded up to 100."""
    return f"{int(1000 * sum(thing is not None for thing in things) / len(things)) / 10:g} %"


def knots(imports: dict[str, set[str]]) -> list[set[str]]:
    """The groups of modules that reach each other and themselves."""
    reach = {name: reachable(name, imports) for name in imports}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in imports
        if name in reach[name]
    }
    return [set(group) for group in groups]


def reachable(start: str, imports: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(imports[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += imports.get(name, ())
    return seen


def main() -> None:
    """Print the ruler."""
    for line in measure():
        print(f"{line.name:<42}{line.aim:<14}{line.found}")


if __name__ == "__main__":
    main()
