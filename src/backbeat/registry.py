"""A name → the thing itself; a miss answers with the nearest names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from backbeat.errors import ArgumentError, UnknownNameError

__all__ = ["Registry", "nearest"]

Thing = TypeVar("Thing")


class Registry(Mapping[str, Thing], Generic[Thing]):
    """A mapping of names to things of one kind, whose misses teach.

    >>> colours = Registry("colour", {"red": 1, "green": 2})
    >>> colours["red"]
    1
    """

    def __init__(self, kind: str, things: Mapping[str, Thing] | None = None) -> None:
        self.kind = kind
        self._things: dict[str, Thing] = dict(things or {})

    def add(self, thing: Thing, *names: str) -> Thing:
        """Register `thing` under each of `names` and return it."""
        self._things.update(dict.fromkeys(names, thing))
        return thing

    def __getitem__(self, name: str) -> Thing:
        try:
            return self._things[name]
        except KeyError:
            raise self.miss(name) from None

    def described(
        self, given: Any, spell: Callable[[str], str] = str
    ) -> tuple[Thing, dict[str, Any]]:
        """What `{"class_name": …, "config": …}` means: a thing, and the arguments for it.

        `spell` says how the things are spelled here that have the names of classes there.
        """
        described = cast(Mapping[str, Any], given)
        if "class_name" not in described:
            raise ArgumentError(
                f"{self.kind} {dict(described)!r} does not say what it is; give a name, an object, "
                "or a dict {'class_name': …, 'config': {…}}."
            )
        return self[spell(str(described["class_name"]))], dict(described.get("config") or {})

    def __contains__(self, name: object) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def miss(self, name: str, others: Iterable[str] = ()) -> UnknownNameError:
        """The error for a name that is neither registered nor among `others`."""
        names = sorted({*self._things, *others})
        closest = nearest(name, names)
        guess = f"; did you mean {closest!r}?" if closest else "."
        return UnknownNameError(
            f"{self.kind} {name!r} is not known{guess} Known: {', '.join(names)}."
        )


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that looks most like `name`, or None if none does."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return found[0] if found else None
