"""Saving: the part of a model that writes itself to files and reads its weights back."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from backbeat import losses, optimizers
from backbeat.checkpoints import format_of, write_model
from backbeat.errors import CheckpointError
from backbeat.layers.keras_layout import KerasWeight, keras_weights
from backbeat.models.compiled import Compiled
from backbeat.models.generators import Generators
from backbeat.models.optimizer_state import restore_optimizer
from backbeat.training.weights import load_weights, named_layers, save_weights, weights_of

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
        """
        self._require_built("save")
        _may_write(filepath, overwrite)
        if format_of(filepath) != "hdf5":
            save_weights(self, filepath)
            return
        compiled = self._compiled if include_optimizer else None
        config = self.keras_config()
        write_model(
            filepath,
            weights_of(self),
            model_config=None if config is None else json.dumps(config),
            training_config=None if compiled is None else json.dumps(_training_config(compiled)),
            optimizer_weights=None if compiled is None else self._optimizer_arrays(compiled),
        )

    def check_path(self, filepath: StrPath, *, weights_only: bool = False) -> None:
        """Raise ArgumentError if `filepath` names no format that a save could write.

        A `save` of your own may write what it likes.
        """
        method = type(self).save_weights if weights_only else type(self).save
        if method in (Saving.save_weights, Saving.save):
            format_of(filepath)

    def load(self, filepath: StrPath) -> None:
        """Read weights and optimizer state of a file that `save` wrote into this very model."""
        self._require_built("load")
        load_weights(self, filepath)
        if self._compiled is not None and format_of(filepath) == "hdf5":
            self.load_optimizer(filepath)

    def load_optimizer(self, filepath: StrPath) -> None:
        """Take over the optimizer state in `filepath`, if it holds any that fits."""
        optimizer = self._require_compiled("load_optimizer").optimizer
        if not optimizer.bound:
            self._bind(optimizer)
        restore_optimizer(optimizer, self.trained_weights(), filepath)

    def keras_config(self) -> dict[str, Any] | None:
        """The architecture as Keras describes it, or None if it cannot."""
        return None

    def trained_weights(self) -> list[KerasWeight]:
        """The weights that the optimizer changes, in Keras' order."""
        weights = [w for _, layer in named_layers(self) for w in keras_weights(layer)]
        return [weight for weight in weights if weight.tensor.requires_grad]

    def _optimizer_arrays(self, compiled: Compiled) -> list[tuple[str, Any]] | None:
        if not compiled.optimizer.bound or compiled.optimizer.iterations == 0:
            return None
        return list(compiled.optimizer.state_arrays(self.trained_weights()).items())


def _may_write(filepath: StrPath, overwrite: bool) -> None:
    if not overwrite and Path(filepath).exists():
        raise CheckpointError(
            f"{str(filepath)!r} is there already; choose another name or pass overwrite=True."
        )


def _training_config(compiled: Compiled) -> dict[str, Any]:
    """What `compile` was given, as Keras 2 writes it; names in full, as Keras 3 needs them."""
    return {
        "optimizer_config": optimizers.serialize(compiled.optimizer),
        "loss": None if compiled.loss is None else losses.serialize(compiled.loss),
        "metrics": [_metric_name(metric) for metric in compiled.metrics],
        "weighted_metrics": [_metric_name(metric) for metric in compiled.weighted_metrics],
        "sample_weight_mode": None,
        "loss_weights": compiled.loss_weights,
    }


def _metric_name(metric: Any) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
