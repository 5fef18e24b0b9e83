"""A weight as files see it, without layers; and where Keras' own files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

DATA = Path(__file__).parents[1] / "data" / "keras-2.3.1"


@dataclass(frozen=True)
class Stored:
    """A weight whose Keras form is its transpose."""

    tensor: torch.Tensor
    trainable: bool = True

    def to_keras(self, tensor_like: torch.Tensor) -> Any:
        return tensor_like.detach().numpy().T.copy()

    def from_keras(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.asarray(array).T))
