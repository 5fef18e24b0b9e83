"""Saving: the part of a model that writes itself to files and reads its weights back."""

from __future__ import annotations

from os import PathLike
from typing import Any

from backbeat.checkpoints import SavedWeights, format_of, read_weights, write_model
from backbeat.errors import CheckpointError
from backbeat.files.places import resolve
from backbeat.layers.keras_layout import KerasWeight
from backbeat.models.binding import bind
from backbeat.models.compile_config import training_config
from backbeat.models.config import text_of
from backbeat.models.generators import Generators
from backbeat.models.optimizer_state import optimizer_arrays, restore_optimizer
from backbeat.training.weights import (
    all_weights,
    assign_weights,
    load_weights,
    own_weights,
    save_weights,
    weights_of,
)

__all__ = ["Saving"]

StrPath = str | PathLike[str]


class Saving(Generators):
    """Files: the suffix of the path decides the format, and each file is whole or not there."""

    def save_weights(self, filepath: StrPath, overwrite: bool = True) -> None:
        """Write the weights: `.h5`/`.hdf5` (Keras 2), `.weights.h5` (Keras 3), `.safetensors`.

        Raises CheckpointError if it cannot be written; an older file is then still there.
        """
        self._require_built("save_weights")
        _may_write(filepath, overwrite)
        save_weights(self, filepath)

    def load_weights(
        self, filepath: StrPath, by_name: bool = False, skip_mismatch: bool = False
    ) -> None:
        """Read the weights from such a file, or from one of a whole model, ours or Keras'.

        Layers are paired in order, or with `by_name` by their names. Nothing is changed unless all
        fits; with `skip_mismatch` layers that do not fit are left as they are, with a warning.
        """
        self._require_built("load_weights")
        load_weights(self, filepath, by_name=by_name, skip_mismatch=skip_mismatch)

    def save(
        self, filepath: StrPath, overwrite: bool = True, include_optimizer: bool = True
    ) -> None:
        """Write the whole model to `.h5` or `.hdf5`: weights, architecture, compile, optimizer.

        A model without a config (subclassed, or with modules that Keras has not) is written
        without its architecture: build it yourself and use `load`. With another suffix, the
        weights alone are written.

        Raises CheckpointError if it cannot be written; an older file is then still there.
        """
        self._require_built("save")
        _may_write(filepath, overwrite)
        if format_of(filepath) != "hdf5":
            save_weights(self, filepath)
            return
        compiled = self._compiled if include_optimizer else None
        training = None if compiled is None else training_config(compiled)
        write_model(
            filepath,
            weights_of(self),
            model_config=text_of(self.keras_config(), "architecture", filepath),
            training_config=text_of(training, "compile settings", filepath),
            optimizer_weights=compiled
            and optimizer_arrays(compiled.optimizer, self.trained_weights()),
            top_level=[(weight.name, weight.array()) for weight in own_weights(self)],
        )

    def check_path(self, filepath: StrPath, *, weights_only: bool = False) -> None:
        """Raise ArgumentError if `filepath` names no format that a save could write.

        A `save` of your own may write what it likes.
        """
        method = type(self).save_weights if weights_only else type(self).save
        if method in (Saving.save_weights, Saving.save):
            format_of(filepath)

    def load(self, filepath: StrPath) -> None:
        """Read the weights of a file that `save` wrote into this very model, built as it was.

        A compiled model takes over the optimizer's state and rate as well.
        """
        self._require_built("load")
        if format_of(filepath) != "hdf5":
            load_weights(self, filepath)
            return
        saved = read_weights(filepath)
        assign_weights(self, saved)
        if self._compiled is not None:
            self.take_optimizer(saved)

    def take_optimizer(self, saved: SavedWeights) -> None:
        """Take over the optimizer state in `saved`, if it holds any that fits."""
        optimizer = self._require_compiled("take_optimizer").optimizer
        bind(optimizer, self)
        restore_optimizer(optimizer, self.trained_weights(), saved)

    def keras_config(self) -> dict[str, Any] | None:
        """The architecture as Keras describes it, or None if it cannot."""
        return None

    def trained_weights(self) -> list[KerasWeight]:
        """The weights that the optimizer changes, in Keras' order."""
        return [weight for weight in all_weights(self) if weight.tensor.requires_grad]


def _may_write(filepath: StrPath, overwrite: bool) -> None:
    if not overwrite and resolve(filepath).exists():
        raise CheckpointError(
            f"{str(filepath)!r} is there already; choose another name or pass overwrite=True."
        )
