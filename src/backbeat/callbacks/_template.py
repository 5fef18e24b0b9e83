"""File names with places in them, such as `weights.{epoch:02d}-{val_loss:.2f}.hdf5`."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from backbeat.callbacks._values import number
from backbeat.errors import ArgumentError
from backbeat.registry import nearest

__all__ = ["Template"]

_FORMATTER = Formatter()


class Template:
    """A text in which `{epoch}` and `{name of a logged value}` are filled in.

    Only names, with a format if you like: attributes, indices and nested places are refused, so
    filling in runs nobody's code.

    >>> Template("w.{epoch:02d}-{loss:.2f}.h5").fill(0, {"loss": 0.25})
    'w.01-0.25.h5'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = _names_in(text)

    def fill(self, epoch: int, logs: Mapping[str, Any]) -> str:
        """The text for `epoch`, which counts from 0 and is filled in counted from 1.

        Raises ArgumentError if a value is missing or does not fit its format.
        """
        self._check_names({*logs, "epoch"})
        values = {name: _plain(logs[name]) for name in self.names if name != "epoch"}
        values["epoch"] = epoch + 1
        try:
            return _FORMATTER.vformat(self.text, (), values)
        except (ValueError, TypeError) as error:
            raise ArgumentError(
                f"{self.text!r} cannot be filled in with {_told(values)}: {error}."
            ) from error

    def check(self, names: frozenset[str]) -> None:
        """Raise ArgumentError if the logs, which will hold `names`, cannot fill it in."""
        self.fill(0, dict.fromkeys(names, 0.5))

    def example(self) -> str:
        """The text as it might become, whatever the logs will hold."""
        try:
            return self.fill(0, dict.fromkeys(self.names, 0.5))
        except ArgumentError:  # a format for texts, say
            return self.text.partition("{")[0]

    def _check_names(self, known: set[str]) -> None:
        for name in self.names:
            if name not in known:
                guess = nearest(name, known)
                hint = f" Did you mean {{{guess}}}?" if guess else ""
                raise ArgumentError(
                    f"{self.text!r} needs {name!r}, which is not logged.{hint} There are: "
                    f"{', '.join(sorted(known))}."
                )


def _names_in(text: str) -> tuple[str, ...]:
    try:
        places = [place for place in _FORMATTER.parse(text) if place[1] is not None]
    except ValueError as error:
        raise ArgumentError(
            f"{text!r} is no template for a file name: {error}. Write {{{{ and }}}} for braces "
            "that are meant."
        ) from None
    names: dict[str, None] = {}
    for _, name, spec, _ in places:
        if not name or name.isdigit() or "." in name or "[" in name or "{" in (spec or ""):
            raise ArgumentError(
                f"{text!r}: in braces stands the name of a logged value or 'epoch', with a format "
                f"if you like, as in {{epoch:02d}}; got {{{name}{':' if spec else ''}{spec}}}."
            )
        names[name] = None
    return tuple(names)


def _plain(value: Any) -> Any:
    as_float = number(value)
    return value if as_float is None else as_float


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
