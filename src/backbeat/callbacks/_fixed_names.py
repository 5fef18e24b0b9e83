"""The fixed names of a ModelCheckpoint: each is a file of its own, which nothing overwrites."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from backbeat.callbacks._template import Template
from backbeat.errors import ArgumentError
from backbeat.files.addresses import is_address, text_of

__all__ = ["check_fixed_names", "whole_name"]


def check_fixed_names(
    template: Template, names: Mapping[str, str | None], *, best_only: bool
) -> None:
    """Raise ArgumentError if a name in `names` is of another format, or could get another's file.

    `names` maps arguments to their values, `best_path` among them. With `best_only` the files of
    the template are the best ones too.
    """
    given = {name: path for name, path in names.items() if path is not None}
    for name, path in given.items():
        _check_format(template, name, path)
        _check_template(template, name, path)
    best = given.pop("best_path", None)
    if not best_only:
        given["filepath"] = template.text
    for name, path in given.items():
        if best is not None and whole_name(path) == whole_name(best):
            raise ArgumentError(
                f"ModelCheckpoint: best_path and {name} are both {path!r}, so the best save "
                "would be overwritten by others. Give best_path a name of its own."
            )


def whole_name(path: str) -> str:
    """What can be compared; links are not followed, nobody is asked."""
    return path if is_address(path) else str(Path(text_of(path)).absolute())


def _check_format(template: Template, name: str, path: str) -> None:
    if _suffix(path) != _suffix(template.text):
        raise ArgumentError(
            f"ModelCheckpoint: {name}={path!r} holds the same as {template.text!r}, so "
            "its suffix must be the same."
        )


def _check_template(template: Template, name: str, path: str) -> None:
    if template.names and Template(whole_name(template.text)).could_give(whole_name(path)):
        raise ArgumentError(
            f"ModelCheckpoint: {template.text!r} could give another save the name {name}={path!r}, "
            f"and so overwrite or remove it. Give {name} a name of its own."
        )


def _suffix(path: str) -> str:
    """What decides the format."""
    return ".weights.h5" if path.endswith(".weights.h5") else Path(path).suffix
