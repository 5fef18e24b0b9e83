"""Checked: what a checkpoint callback finds out before the first batch."""

from __future__ import annotations

from typing import Any

from backbeat import files
from backbeat.callbacks._judging import Judging
from backbeat.callbacks._keeping import sentence
from backbeat.callbacks._rehearsal import Rehearsal, rehearse, room_warning
from backbeat.callbacks._template import Template
from backbeat.callbacks._triggers import Triggers
from backbeat.errors import ArgumentError, CheckpointError, StateError
from backbeat.hooks.plan import Plan

__all__ = ["Checked"]


class Checked(Judging):
    """Looks at names, places and room, and saves once for a rehearsal."""

    every: Any
    save_on_exception: str | None
    _template: Template
    _triggers: Triggers

    _rehearsal: Rehearsal | None = None
    _room_for: int = 0

    @property
    def rehearsal(self) -> Rehearsal | None:
        """Size and time of a save as tried out before training; None where that cannot be."""
        return self._rehearsal

    def _check_plan(self, plan: Plan) -> None:
        known = plan.epoch_names | {"batch", "step"} if self._hears_batches else plan.epoch_names
        if plan.complete:
            self._template.check(known)
        if self._triggers.hear_batches and not self._waits_for_value:
            self._refuse_late_names()
        if self._judges:
            self._watch.check(plan)
        example = self._template.example() or "."
        for path in (example, self.best_path, self.last_path, self.save_on_exception):
            if path is not None:
                files.probe(path)
        # Not every host knows file formats; one that does refuses a wrong suffix now.
        check_path = getattr(self.model, "check_path", None)
        if check_path is not None:
            check_path(example, weights_only=self.save_weights_only)
        self._rehearse(example)

    def _refuse_late_names(self) -> None:
        late = [name for name in self._template.names if name.startswith("val_")]
        if late:
            raise ArgumentError(
                f"ModelCheckpoint: {self._template.text!r} needs {late[0]!r}, which is known only "
                f"at the end of an epoch, but every={self.every!r} saves before it. Leave it out "
                "of the name, or save every 'epoch'."
            )

    def _rehearse(self, example: str) -> None:
        """Find out what a save takes, where the host can be copied."""
        saver = self._new_saver(in_background=self.background)
        try:
            self._rehearsal = rehearse(example, lambda path: saver.draft(self.model, path))
        except StateError:  # the model is built by its first batch
            self._rehearsal = None
        except CheckpointError as error:
            raise CheckpointError(
                f"ModelCheckpoint cannot save to {example}, as a rehearsal shows: {sentence(error)}"
            ) from error
        # Its memory is warm now.
        self._rehearsed = saver if self.background else None
        self._room_for = 0
        self._check_room(example, self._rehearsal.size if self._rehearsal else 0)

    def _check_room(self, path: str, size: int) -> None:
        """Warn if the disk has little room; again only if the files have become larger."""
        if size > self._room_for:
            self._room_for = size
            problem = room_warning(path, size)
            if problem is not None:
                self._warn(problem)
