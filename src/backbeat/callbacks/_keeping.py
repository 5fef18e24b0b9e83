"""Keeping: what a callback that saves does besides deciding when: start, learn, warn, try again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from backbeat.callbacks._anchor import Anchor
from backbeat.callbacks._saver import Save, Saver
from backbeat.callbacks._template import Template
from backbeat.errors import CheckpointError
from backbeat.files.addresses import is_address, text_of
from backbeat.hooks.callback import Callback, Role, RunsOn
from backbeat.warning import warn

__all__ = ["Keeping", "sentence"]


class Keeping(Callback):
    """Carries out saves, and takes up in the thread that trains how they ended."""

    role: ClassVar[Role | None] = "keeper"
    runs_on: ClassVar[RunsOn] = "main"

    announce: Callable[[Path | str], None] | None = None
    """Told of every complete save; the Loop lets all the other callbacks know by it."""
    listen_anew: Callable[[str], None] | None = None
    """Called when it begins or ceases to answer a moment; the Loop sees to it that it is rung."""

    filepath: str | os.PathLike[str]
    save_weights_only: bool
    background: bool
    when_busy: str
    _template: Template
    _hears_batches: bool
    _rehearsed: Saver | None = None

    def _begin_keeping(self) -> None:
        self.skipped = 0
        self._owes = False
        self._last: tuple[int, dict[str, Any]] | None = None
        self._failure: Exception | None = None
        self._anchor = Anchor()
        # Used bare, without a run that closes it, everything is done in line.
        self._saver = self._new_saver(in_background=False)

    def _use_background(self) -> None:
        """From here on there is a run, which ends with `close`."""
        rehearsed, self._rehearsed = self._rehearsed, None
        self._saver = rehearsed or self._new_saver(in_background=self.background)

    def _new_saver(self, *, in_background: bool) -> Saver:
        self._hear(self._hears_batches)
        return Saver(
            in_background=in_background,
            weights_only=self.save_weights_only,
            as_text=isinstance(self.filepath, str),
        )

    def _hear(self, wants: bool) -> None:
        """Answer the end of batches, or leave it."""
        if wants:
            self.on_train_batch_end = self._after_batch
        else:
            vars(self).pop("on_train_batch_end", None)

    def _undo(self, save: Save) -> None:
        """Forget what was noted of `save` when it was started."""
        raise NotImplementedError

    def _consider(self, epoch: int, logs: dict[str, Any]) -> None:
        """Save, if the values of `epoch` are good enough."""
        raise NotImplementedError

    def _take_up(self, *, wait: bool = False) -> None:
        """Learn how the save in the background ended, if it has or if that is to be waited for."""
        ended = self._saver.outcome(wait=wait)
        if ended is None:
            return
        save, error = ended
        if error is None:
            self._succeed(save)
        else:
            self._fail(save, error)

    def _start(self, save: Save) -> None:
        """Carry out `save`; whatever stands in the way is a failed save."""
        save = save.with_names(self._anchor.name)
        try:
            is_over = self._saver.start(self.model, save)
        except Exception as error:
            self._fail(save, error)
            return
        if is_over:
            self._succeed(save)

    def _succeed(self, save: Save) -> None:
        self._failure = None
        for problem in save.remained:
            self._warn(f"an earlier file could not be removed: {problem}")
        if self.announce is not None:
            for path in (save.path, *save.also):
                self.announce(path if is_address(path) else Path(text_of(path)))

    def _fail(self, save: Save, error: Exception) -> None:
        self._failure = error
        self._undo(save)
        self._warn(
            f"could not save {save.path}: {sentence(error)} What was saved before is as it was. "
            "It is tried again at the next save and when training ends."
        )

    def _warn(self, text: str) -> None:
        warn(f"{type(self).__name__} {text}")

    # Between saves

    def _attend(self) -> None:
        """Hear the end of batches only as long as there is something to learn from it."""
        # Between the kernels of a batch no call is cheap: nothing of it is in the caches.
        wants = self._hears_batches or self._saver.is_pending
        if ("on_train_batch_end" in vars(self)) == wants or self.listen_anew is None:
            return
        self._hear(wants)
        self.listen_anew("on_train_batch_end")

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch, logs
        self._take_up()
        self._attend()

    def _may_start(self) -> bool:
        """Whether there is nothing in the way of a save, after waiting for it if that is wanted."""
        self._owes = self._saver.is_busy and self.when_busy == "skip"
        if not self._owes:
            self._take_up(wait=True)
            return True
        self.skipped += 1
        if self.skipped == 1:
            self._warn(
                f"left out a save to {self._template.text}: the one before is still being "
                "written. Further ones are only counted, in its attribute skipped; pass "
                "when_busy='wait' to wait instead."
            )
        return False

    # The end

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait until all is written; try again what failed last, and raise if it fails for good."""
        self._take_up(wait=True)
        if self._last is not None and (self._owes or self._failure is not None):
            self._consider(*self._last)
            self._take_up(wait=True)
        if self._failure is not None:
            raise CheckpointError(
                f"ModelCheckpoint could not save {self._template.text}: "
                f"{sentence(self._failure)} The model is still in memory: save it elsewhere with "
                "model.save(path)."
            ) from self._failure

    def on_exception(self, error: BaseException) -> None:
        """Wait until all is written."""
        self._take_up(wait=True)

    def close(self) -> None:
        """Wait until all is written, and let go of the memory."""
        try:
            self._take_up(wait=True)
        finally:
            self._rehearsed = None
            self._saver = self._new_saver(in_background=False)

    def __getstate__(self) -> dict[str, Any]:
        # The hooks of the run belong to the run.
        left_out = ("listen_anew", "on_train_batch_end", "_failure", "_saver", "_rehearsed")
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._failure = None
        self._saver = self._new_saver(in_background=False)


def sentence(error: Exception) -> str:
    """What `error` says, with a full stop."""
    text = str(error) or type(error).__name__
    return text if text.endswith((".", "?")) else f"{text}."
