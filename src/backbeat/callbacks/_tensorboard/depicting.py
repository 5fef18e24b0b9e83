"""Depicting: the part of TensorBoard that shows the model rather than the values of the run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backbeat.callbacks._tensorboard.embeddings import Embeddings, EmbeddingSettings
from backbeat.callbacks._tensorboard.layout import Layout
from backbeat.callbacks._tensorboard.portrait import Portrait
from backbeat.callbacks._tensorboard.runs import Runs
from backbeat.files.addresses import text_of
from backbeat.hooks.callback import Callback
from backbeat.hooks.host import Inspectable

__all__ = ["Depicting"]


class Depicting(Callback):
    """Looks at the model when that is due, in the epochs that the settings name."""

    log_dir: str | os.PathLike[str]
    histogram_freq: int
    batch_size: int
    write_graph: bool
    write_grads: bool
    write_images: bool
    embeddings_freq: int
    embeddings_layer_names: Sequence[str] | None
    embeddings_metadata: str | Mapping[str, str] | None
    embeddings_data: Any
    _layout: Layout

    def _begin_depicting(self) -> None:
        self._portrait: Portrait | None = None
        self._embeddings: Embeddings | None = None
        self._epoch = 0
        self._graph_is_written = False

    def _directory(self) -> Path:
        # Absolute, because the program may change its directory before the first value.
        return Path(text_of(self.log_dir)).absolute()

    def _opened(self) -> Runs:
        """The event files of this run."""
        raise NotImplementedError

    @property
    def silent_moments(self) -> Collection[str]:
        """The moments that these settings do not need; what a subclass overrides is heard."""
        return list(self._silent(Depicting, self._needs()))

    def _needs(self) -> dict[str, bool]:
        with_histograms = bool(self.histogram_freq)
        return {
            "on_backward_end": bool(self.write_grads) and with_histograms,
            "on_validation_begin": with_histograms,
            "on_validation_end": with_histograms,
        }

    def _silent(self, owner: type, needs: Mapping[str, bool]) -> Iterator[str]:
        for moment, is_needed in needs.items():
            if not is_needed and getattr(type(self), moment) is getattr(owner, moment):
                yield moment

    # The run

    def _problems(self) -> Iterator[str]:
        """What of the model will not be shown, in words, as far as it is known before training."""
        if isinstance(self.model, Inspectable):
            embeddings = self._new_embeddings(self.model)
            yield from () if embeddings is None else embeddings.problems()
        elif self.histogram_freq or self.embeddings_freq:
            yield (
                f"writes only the values of epochs and batches, for {type(self.model).__name__} "
                "does not show what it is made of."
            )

    def _meet(self) -> None:
        """Get to know the model, if it can be looked at."""
        if isinstance(self.model, Inspectable):
            self._portrait = Portrait(self.model, self._layout)
            self._embeddings = self._new_embeddings(self.model)
            if self.write_graph:
                self._portrait.watch_first_batch()

    def _new_embeddings(self, host: Inspectable) -> Embeddings | None:
        if not self.embeddings_freq:
            return None
        settings = EmbeddingSettings(
            self.embeddings_layer_names,
            self.embeddings_metadata,
            self.embeddings_data,
            self.batch_size,
        )
        return Embeddings(host.inspect(), self._directory() / self._layout.main, settings)

    def _part(self) -> None:
        """Take every hook away from the model."""
        portrait, self._portrait = self._portrait, None
        if portrait is not None:
            portrait.forget()

    # Epochs, and within them

    def _is_due(self, every: int) -> bool:
        return every > 0 and self._epoch % every == 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note whether this epoch's gradients are wanted."""
        self._epoch = epoch
        if self._portrait is not None:
            self._portrait.wants_gradients = self.write_grads and self._is_due(self.histogram_freq)

    def on_backward_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the gradients of the first batch of an epoch whose histograms are written."""
        self._take_gradients()

    def _take_gradients(self) -> None:
        portrait = self._portrait
        if portrait is not None and portrait.wants_gradients:
            portrait.write_gradients(self._opened(), self._epoch)

    def on_validation_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to listen to the layers, if the histograms of this epoch are written."""
        if self._portrait is not None and self._is_due(self.histogram_freq):
            self._portrait.begin_validation()

    def on_validation_end(self, logs: dict[str, Any] | None = None) -> None:
        """Stop listening."""
        if self._portrait is not None:
            self._portrait.end_validation()

    def _depict(self, runs: Runs) -> None:
        """Write what is due of the model at the end of an epoch."""
        portrait = self._portrait
        if portrait is not None:
            self._graph_is_written |= portrait.write_graph(runs, self._epoch)
            if self._is_due(self.histogram_freq):
                portrait.write_weights(runs, self._epoch, as_images=self.write_images)
                data, size = self.validation_data, self.batch_size
                portrait.write_outputs(runs, self._epoch, data, size)
        if self._embeddings is not None and self._is_due(self.embeddings_freq):
            runs[self._layout.main].projector(self._embeddings.collect())
