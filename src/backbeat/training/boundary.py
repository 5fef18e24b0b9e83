"""Boundary: where all batches of an epoch were done, to save the run if what follows fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from backbeat.tensors import same_trees

__all__ = ["Boundary", "likeness_of"]


@dataclass(frozen=True)
class Boundary:
    """What moves while a run validates and its callbacks hear the end of the epoch.

    What should not move, the weights above all, is not copied; its `likeness` tells if it did.
    """

    position: Mapping[str, Any]
    callbacks: Mapping[str, Any]
    data: list[Any]
    random: Mapping[str, Any]
    likeness: Any

    def still_holds(self, tree: Any) -> bool:
        """Whether the weights and all else that a run can be gone on with are as they were."""
        return same_trees(self.likeness, likeness_of(tree))


def likeness_of(tree: Any) -> Any:
    """`tree` with a sum in place of each tensor: reading is cheaper than copying, and is no wait.

    >>> likeness_of({"weight": torch.ones(3), "rate": 0.1})
    {'weight': tensor(3., dtype=torch.float64), 'rate': 0.1}
    """
    if isinstance(tree, torch.Tensor):
        return _sum(tree.detach())
    if isinstance(tree, np.ndarray):
        return cast(Any, tree).copy()
    if isinstance(tree, Mapping):
        return {name: likeness_of(part) for name, part in cast(Mapping[Any, Any], tree).items()}
    if isinstance(tree, (list, tuple)):
        return [likeness_of(part) for part in cast(list[Any], tree)]
    return tree


def _sum(tensor: torch.Tensor) -> torch.Tensor:
    # Types of one byte have hardly any kernels.
    plain = tensor.view(torch.uint8) if tensor.element_size() < 2 else tensor
    return plain.sum() if plain.is_complex() else plain.sum(dtype=torch.float64)
