"""What is public says so, is listed once, and is documented."""

import importlib
import inspect
import pkgutil

import pytest

import backbeat

MODULES = [
    found.name
    for found in pkgutil.walk_packages(backbeat.__path__, "backbeat.")
    if not any(part.startswith("_") for part in found.name.split("."))
]
EVERY_MODULE = pytest.mark.parametrize("name", MODULES)


def public_things(module):
    """The public classes and functions written in `module` itself."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__ == module.__name__
    }


@EVERY_MODULE
def test_all_is_complete(name):
    """`__all__` is sorted, every name in it exists, and no public class or function is missing."""
    module = importlib.import_module(name)
    listed = module.__all__

    assert list(listed) == sorted(set(listed), key=as_ruff_sorts)
    assert [name for name in listed if not hasattr(module, name)] == []
    assert set(public_things(module)) - set(listed) == set()


def as_ruff_sorts(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@EVERY_MODULE
def test_module_opens_with_one_sentence(name):
    """Every module begins with a docstring whose first line is a sentence of its own."""
    summary = (importlib.import_module(name).__doc__ or "").split("\n")[0]

    assert summary.endswith((".", "?")), summary


@EVERY_MODULE
def test_public_things_are_documented(name):
    """Every public class, function, method and property has a docstring."""
    module = importlib.import_module(name)
    things = public_things(module)
    missing = [name for name, thing in things.items() if not inspect.getdoc(thing)]
    missing += [
        f"{owner}.{name}"
        for owner, thing in things.items()
        if inspect.isclass(thing)
        for name, method in vars(thing).items()
        if is_public_method(name, method) and not inspect.getdoc(getattr(thing, name))
    ]

    assert missing == []


def is_public_method(name: str, method: object) -> bool:
    kinds = (staticmethod, classmethod, property)
    return not name.startswith("_") and (inspect.isfunction(method) or isinstance(method, kinds))
