"""File names with places in them, such as `weights.{epoch:02d}-{val_loss:.2f}.hdf5`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

from backbeat.callbacks._values import number
from backbeat.errors import ArgumentError
from backbeat.registry import nearest

__all__ = ["Template"]

# What a file system takes for one name; the temporary file beside it has a longer one.
_LONGEST_NAME = 200
# What a number may look like, whatever its format.
_NUMBER = r"(?:[-+\d.,_% ]+(?:[eE][-+]\d+)?|[-+]?(?:nan|inf))"


_NO_COUNTS: Mapping[str, int] = MappingProxyType({})


class _NameFormatter(Formatter):
    """Fills in values so that none of them leads out of the directory."""

    def format_field(self, value: Any, format_spec: str) -> str:
        text = str(super().format_field(value, format_spec))
        for dangerous in ("/", "\\", "\0", ".."):
            text = text.replace(dangerous, "_" * len(dangerous))
        return text


_FORMATTER = _NameFormatter()


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

    def fill(
        self, epoch: int, logs: Mapping[str, Any], counts: Mapping[str, int] = _NO_COUNTS
    ) -> str:
        """The text for `epoch`, which counts from 0 and is filled in counted from 1.

        `counts` are filled in as they are, and come before logged values of the same name.

        Raises ArgumentError if a value is missing or does not fit its format.
        """
        counts = {**counts, "epoch": epoch + 1}
        self._check_names({*logs, *counts})
        values = {
            name: counts[name] if name in counts else _plain(logs[name]) for name in self.names
        }
        try:
            return _shortened(_FORMATTER.vformat(self.text, (), values), self.text)
        except (ValueError, TypeError) as error:
            raise ArgumentError(
                f"{self.text!r} cannot be filled in with {_told(values)}: {error}."
            ) from error

    def means(self, logs: Mapping[str, Any]) -> dict[str, Any]:
        """What it needs of `logs` in the middle of an epoch: the means so far, where there are."""
        return {name: _mean(logs, name) for name in self.names if name in logs}

    def check(self, names: frozenset[str]) -> None:
        """Raise ArgumentError if the logs, which will hold `names`, cannot fill it in."""
        self.fill(0, dict.fromkeys(names, 0.5))

    def example(self) -> str:
        """The text as it might become, whatever the logs will hold."""
        try:
            return self.fill(0, dict.fromkeys(self.names, 0.5))
        except ArgumentError:  # a format for texts, say
            return self.text.partition("{")[0]

    def could_give(self, path: str) -> bool:
        """Whether filling in numbers could make it `path`."""
        texts = (re.escape(text) for text, *_ in _FORMATTER.parse(self.text))
        places = (_NUMBER if place[1] is not None else "" for place in _FORMATTER.parse(self.text))
        pattern = "".join(text + place for text, place in zip(texts, places, strict=True))
        return re.fullmatch(pattern, path) is not None

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


def _shortened(path: str, template: str) -> str:
    """`path`, with names that became too long by what was filled in replaced by a digest."""
    given = template.split("/")
    return "/".join(
        _short(name) if name not in given and len(name.encode()) > _LONGEST_NAME else name
        for name in path.split("/")
    )


def _short(name: str) -> str:
    """The beginning of `name`, its digest, and what chooses the format."""
    suffix = next((each for each in (".weights.h5",) if name.endswith(each)), Path(name).suffix)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    beginning = name.encode()[: _LONGEST_NAME - 40].decode(errors="ignore")
    return f"{beginning}-{digest}{suffix if len(suffix) < 20 else ''}"


def _mean(logs: Any, name: str) -> Any:
    try:
        return logs.mean(name)
    except (AttributeError, KeyError):  # a plain dict, or what has no mean
        return logs[name]


def _plain(value: Any) -> Any:
    as_float = number(value)
    return value if as_float is None else as_float


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
