"""Judging: which saves are good enough, which one is the best, and which files stay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backbeat.callbacks._fixed_names import whole_name
from backbeat.callbacks._improvement import is_better, worst
from backbeat.callbacks._keeping import Keeping
from backbeat.callbacks._monitor import Monitor, guess_direction
from backbeat.callbacks._retention import Retention
from backbeat.callbacks._saver import Save
from backbeat.hooks.host import Direction
from backbeat.outlets import tell

__all__ = ["Judging"]


class Judging(Keeping):
    """Asks the watched value whether to save, where it is to decide anything."""

    monitor: str
    verbose: int
    save_best_only: bool
    mode: str
    initial_value_threshold: float | None
    keep_last: int | None
    keep_best: int | None
    best_path: str | None
    last_path: str | None
    _watch: Monitor
    _fixed_names: Mapping[str, str | None]

    def _begin_judging(self) -> None:
        self._is_resolved = not self._judges
        self._was_asked = False
        self._set_direction(guess_direction(self.monitor) if self.mode == "auto" else self.mode)

    @property
    def _judges(self) -> bool:
        """Whether the watched value decides anything."""
        return self.save_best_only or self.keep_best is not None or self.best_path is not None

    @property
    def _waits_for_value(self) -> bool:
        """Whether a save in the middle of an epoch cannot be decided on before its end."""
        is_kept_anyway = self.keep_last is not None or self.keep_best is None
        return self.save_best_only or not is_kept_anyway

    def _set_direction(self, direction: Any) -> None:
        self._direction: Direction = direction
        self.monitor_op = np.less if direction == "min" else np.greater
        threshold = self.initial_value_threshold
        self.best = worst(direction) if threshold is None else float(threshold)
        self._retention = Retention(
            keep_last=self.keep_last, keep_best=self.keep_best, direction=direction
        )

    def _resolve_direction(self) -> None:
        """Now that the model is known, ask it which way is better."""
        if not self._is_resolved:
            self._is_resolved = True
            self._set_direction(self._watch.direction(self.model, self.mode))

    def _consider(self, epoch: int, logs: dict[str, Any]) -> None:
        """Save, if this epoch is good enough."""
        if not self._judges:
            self._save(epoch, logs, "saving model to")
            return
        current = self._watch.find(logs)
        if current is None and self._waits_for_value:
            return
        self._resolve_direction()
        self._was_asked = self._was_asked or current is not None
        is_best = current is not None and is_better(current, self.best, self._direction)
        if is_best:
            news = (
                f"{self.monitor} improved from {self.best:0.5f} to {current:0.5f}, saving model to"
            )
            self._save(epoch, logs, news, current)
        elif self.save_best_only or not self._retention.wants(current):
            self._tell(epoch, f"{self.monitor} did not improve from {self.best:0.5f}")
        else:
            self._save(epoch, logs, "saving model to", current)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Wait until all is written; say so if no value was good enough to be the best."""
        super().on_train_end(logs)
        if self._was_asked and not math.isfinite(self.best):
            self._warn(
                f"kept no best model: {self.monitor} was a finite number in no epoch. The last one "
                "is still in memory: save it with model.save(path)."
            )

    def _save(
        self, epoch: int, logs: dict[str, Any], news: str, value: float | None = None
    ) -> None:
        raise NotImplementedError

    def _other_names(self, is_best: bool) -> tuple[str, ...]:
        best = (self.best_path,) if is_best else ()
        return tuple(name for name in (*best, self.last_path) if name is not None)

    def _removable(self, gone: Sequence[str]) -> tuple[str, ...]:
        """What of `gone` has not become a fixed name meanwhile, by a text that was logged."""
        fixed = {whole_name(path) for path in self._fixed_names.values() if path is not None}
        return tuple(path for path in gone if whole_name(path) not in fixed)

    def _undo(self, save: Save) -> None:
        """As if `save` had not been tried."""
        if save.before is not None:
            self.best, files = save.before
            self._retention.load_state(files)

    def _tell(self, epoch: int, text: str) -> None:
        if self.verbose > 0:
            tell(f"\nEpoch {epoch + 1:05d}: {text}")
