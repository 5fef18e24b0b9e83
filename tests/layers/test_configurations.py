"""Configurations that Keras 3 wrote, and what a layer cannot do."""

from typing import Any

import pytest
import torch

from backbeat.errors import ArgumentError
from backbeat.layers import BatchNormalization, Conv2D, Dense, Layer

POLICY = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float64"},
    "registered_name": None,
}


def test_policies_name_the_type_of_the_weights() -> None:
    """Keras 3 writes a type within a policy; a mixed one has wide weights."""
    mixed = {**POLICY, "config": {"name": "mixed_bfloat16"}}

    assert Dense.from_config({"units": 1, "dtype": POLICY}).dtype is torch.float64
    assert Dense.from_config({"units": 1, "dtype": mixed}).dtype is torch.float32
    assert Dense.from_config({"units": 1, "dtype": "bfloat16"}).dtype is torch.bfloat16


def test_what_keras_3_leaves_unused_is_left_out() -> None:
    """Newer words that say nothing are no obstacle."""
    unused = {"quantization_config": None, "lora_rank": None, "synchronized": False}

    assert isinstance(Dense.from_config({"units": 1, **unused}), Dense)
    assert isinstance(Conv2D.from_config({"filters": 1, "kernel_size": 1, **unused}), Conv2D)


def test_what_a_layer_cannot_do_is_told() -> None:
    """A word that changes what the layer computes is not ignored."""
    with pytest.raises(ArgumentError, match="says synchronized=True, which backbeat's BatchNorm"):
        BatchNormalization.from_config({"synchronized": True})
    with pytest.raises(ArgumentError, match="says lora_rank=4.* custom_objects={'Dense'"):
        Dense.from_config({"units": 1, "lora_rank": 4})


def test_a_layer_of_yours_takes_its_own_words() -> None:
    """Its constructor decides, also where it passes the rest on."""

    class Scale(Layer):
        def __init__(self, factor: float, **others: Any) -> None:
            self.unit = others.pop("unit", "m")
            super().__init__(**others)
            self.factor = factor

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "factor": self.factor, "unit": self.unit}

    config = Scale(2.0, unit="km", name="s", input_shape=(3,)).get_config()

    assert Scale.from_config(config).get_config() == config
