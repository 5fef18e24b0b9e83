"""Saver: carries out the saves of one callback, in line or in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from backbeat import files
from backbeat.checkpoints import background
from backbeat.checkpoints.checkpoint import Draft
from backbeat.checkpoints.pending import Pending
from backbeat.errors import CheckpointError
from backbeat.files.addresses import is_address, text_of
from backbeat.hooks.host import as_host

__all__ = ["Save", "Saver"]


@dataclass(frozen=True)
class Save:
    """One save that was decided on."""

    path: str
    before: tuple[float, list[list[Any]]] | None = None
    """The best value, and the files that were kept, to go back to if this one fails."""
    also: tuple[str, ...] = ()
    """Fixed names under which the same file is to be found, `best.h5` for example."""
    makes_room: tuple[str, ...] = ()
    """Earlier files that are removed when all that is there."""
    remained: list[str] = field(default_factory=list[str])
    """Why some of them could not be removed."""

    def as_meant_now(self) -> Save:
        """The same with absolute names: the program may change its directory meanwhile."""
        return self.with_names(_absolute)

    def with_names(self, change: Callable[[str], str]) -> Save:
        """The same with `change` applied to each name."""
        return replace(
            self,
            path=change(self.path),
            also=tuple(map(change, self.also)),
            makes_room=tuple(map(change, self.makes_room)),
        )

    def finish(self, write: Callable[[str], None]) -> None:
        """Write the file, then its other names, and only then make room for it."""
        write(self.path)
        for name in self.also:
            files.make_parents(name)
            if not files.link(self.path, name):
                write(name)
        for name in self.makes_room:
            try:
                files.remove(name)
            except CheckpointError as error:
                self.remained.append(str(error))


class Saver:
    """Writes what a host is made of at the moment, one save at a time.

    In the background only the copying of the weights is waited for, into memory that the next save
    uses again; a thread writes them. In line if `in_background` is False, if the host cannot
    be copied, or saves in a way of its own.
    """

    def __init__(self, *, in_background: bool, weights_only: bool, as_text: bool) -> None:
        self.in_background = in_background
        self._weights_only = weights_only
        self._as_text = as_text
        self._draft: Draft | None = None
        self._pending = Pending[Save]()

    @property
    def size(self) -> int:
        """The bytes of the last copy; 0 if there was none."""
        return 0 if self._draft is None else self._draft.size

    @property
    def is_busy(self) -> bool:
        """Whether a save is still being written."""
        return self._pending.is_there and self._pending.is_busy

    @property
    def is_pending(self) -> bool:
        """Whether there is a save whose outcome nobody took up yet."""
        return self._pending.is_there

    def start(self, model: Any, save: Save) -> bool:
        """Save; whether that is over already, because it was done in line.

        Raises whatever stands in the way, MemoryError included.
        """
        files.make_parents(save.path)
        draft = self.draft(model, save.path) if self.in_background else None
        if draft is None:
            save.finish(partial(self._write_in_line, model))
            return True
        names = [save.path, *save.also, *save.makes_room]
        self._pending.start(save, partial(save.as_meant_now().finish, draft.write), names)
        return False

    def draft(self, model: Any, path: str) -> Draft | None:
        """A copy of what would be saved now; None if there is none.

        It is in the memory of the last one, unless that is still being written.
        """
        capture = getattr(as_host(model), "capture", None)
        if capture is None:
            return None
        reuse = None if self._pending.is_busy else self._draft
        draft = capture(path, weights_only=self._weights_only, reuse=reuse)
        if draft is not None:
            self._draft = draft
        return draft

    def _write_in_line(self, model: Any, path: str) -> None:
        background.wait_for(path)
        host = as_host(model)
        # The kind that was given, because an overridden `save` may count on it.
        target = path if self._as_text else Path(path)
        (host.save_weights if self._weights_only else host.save)(target)

    def outcome(self, *, wait: bool) -> tuple[Save, Exception | None] | None:
        """The save that was started last and how it ended, once; None if it has not ended yet."""
        return self._pending.outcome(wait=wait)


def _absolute(name: str) -> str:
    return name if is_address(name) else str(Path(text_of(name)).absolute())
