"""Saving: the part of a model that writes itself to files and reads its weights back."""

from __future__ import annotations

from functools import partial
from os import PathLike
from typing import Any

from backbeat import files
from backbeat.checkpoints import (
    Draft,
    SavedWeights,
    background,
    format_of,
    read_weights,
    write_model,
)
from backbeat.errors import CheckpointError
from backbeat.hooks.host import is_overridden
from backbeat.layers.keras_weight import HeldWeight, KerasWeight
from backbeat.models.binding import bind
from backbeat.models.compile_config import training_config
from backbeat.models.config import text_of
from backbeat.models.generators import Generators
from backbeat.models.optimizer_state import optimizer_arrays, restore_optimizer
from backbeat.training.staging import Hold, alias, captured
from backbeat.training.weights import (
    all_weights,
    assign_weights,
    keras_view,
    load_weights,
    save_weights,
    size_of,
    weight_bytes,
    weights_draft,
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
        self._draft(filepath, alias, include_optimizer=include_optimizer).write(filepath)

    def capture(
        self, filepath: StrPath, *, weights_only: bool = False, reuse: Draft | None = None
    ) -> Draft | None:
        """A copy of what saving would write to `filepath` now, complete in memory.

        The memory of `reuse`, an earlier draft that nobody needs any more, is used again. None if a
        subclass saves in a way of its own: then it has to be asked to.
        """
        method = "save_weights" if weights_only else "save"
        if is_overridden(self, method, Saving):
            return None
        self._require_built(method)
        make = partial(weights_draft, self) if weights_only else self._draft
        return captured(partial(make, filepath), reuse)

    def _draft(self, filepath: StrPath, hold: Hold, include_optimizer: bool = True) -> Draft:
        """What `save` writes, each tensor read through `hold`."""
        if format_of(filepath) != "hdf5":
            return weights_draft(self, filepath, hold)
        compiled = self._compiled if include_optimizer else None
        training = None if compiled is None else training_config(compiled)
        layers, own = keras_view(self, hold)
        trained = [HeldWeight.of(weight, hold) for weight in self.trained_weights()]
        optimizer = optimizer_arrays(compiled.optimizer, trained) if compiled else None
        write = partial(
            write_model,
            layers=layers,
            model_config=text_of(self.keras_config(), "architecture", filepath),
            training_config=text_of(training, "compile settings", filepath),
            optimizer_weights=optimizer,
            top_level=own,
        )
        return Draft(size_of(layers, own, optimizer or ()), write)

    def check_path(self, filepath: StrPath, *, weights_only: bool = False) -> None:
        """Raise ArgumentError if `filepath` names no format that a save could write.

        A `save` of your own may write what it likes.
        """
        if not is_overridden(self, "save_weights" if weights_only else "save", Saving):
            format_of(filepath)

    def load(self, filepath: StrPath) -> None:
        """Read the weights of a file that `save` wrote into this very model, built as it was.

        A compiled model takes over the optimizer's state and rate as well.
        """
        self._require_built("load")
        if format_of(filepath) != "hdf5":
            load_weights(self, filepath)
            return
        saved = read_weights(filepath, expected_bytes=weight_bytes(self))
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
    background.wait_for(filepath)
    if not overwrite and files.exists(filepath):
        raise CheckpointError(
            f"{str(filepath)!r} is there already; choose another name or pass overwrite=True."
        )
