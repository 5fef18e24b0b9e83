"""The examples in docstrings run, and give what they show."""

import doctest
import importlib
import pkgutil

import pytest

import backbeat

MODULES = [found.name for found in pkgutil.walk_packages(backbeat.__path__, "backbeat.")]


@pytest.mark.parametrize("name", [name for name in MODULES if name != "backbeat.__main__"])
def test_examples_of_module(name, tmp_path, monkeypatch):
    """Every `>>>` example of the module prints what stands beneath it."""
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)

    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(example, out=report.append)

    assert runner.summarize(verbose=False).failed == 0, "".join(report)
