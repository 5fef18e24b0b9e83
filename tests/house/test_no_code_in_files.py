"""Loading never runs code: nothing in the house can, and it stays so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import backbeat

SOURCE = Path(backbeat.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CALLS = {"eval", "exec", "__import__", "torch.load", "torch.save", "torch.jit.load", "yaml.load"}
CALLS |= {"np.load", "numpy.load", "builtins.eval", "builtins.exec", "os.system"}


def faults(text: str) -> Iterator[str]:
    """Each import and call in a program that could run what a file says."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            yield f"line {node.lineno}: {ast.unparse(node.func)}"
            continue
        else:
            continue
        yield from (f"line {node.lineno}: {n}" for n in names if n.split(".")[0] in MODULES)


def test_nothing_in_the_house_can_run_a_file() -> None:
    """No module unpickles, evaluates or imports what a file names."""
    found = [
        f"{path.relative_to(SOURCE)} {fault}"
        for path in sorted(SOURCE.rglob("*.py"))
        for fault in faults(path.read_text("utf-8"))
    ]

    assert found == []


def test_it_would_be_found() -> None:
    """The search itself sees each way."""
    program = "import pickle.x\nfrom dill import loads\neval('1')\ntorch.load(p)\njson.loads(t)\n"

    assert len(list(faults(program))) == 4
