"""Structure: what a model and its optimizer are made of, compared before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from backbeat.optimizers import Optimizer

__all__ = ["first_difference", "structure_of", "tensors_in"]


def tensors_in(module: nn.Module) -> dict[str, torch.Tensor]:
    """All parameters and buffers by name, those included that no file of weights holds."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def structure_of(module: nn.Module, optimizer: Optimizer | None) -> dict[str, Any]:
    """Type and shape of every weight, and how many weights each group of the optimizer has."""
    kinds = {
        name: f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        for name, tensor in tensors_in(module).items()
    }
    if optimizer is None:
        return {"weights": kinds, "optimizer": None, "groups": []}
    groups = [len(group["params"]) for group in optimizer.torch.param_groups]
    return {"weights": kinds, "optimizer": type(optimizer.torch).__name__, "groups": groups}


def first_difference(saved: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """What is the first thing in which the backup and this run differ; None if nothing is."""
    return next(_differences(saved, own), None)


def _differences(saved: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    theirs, mine = saved["weights"], own["weights"]
    for name in [*mine, *(name for name in theirs if name not in mine)]:
        if theirs.get(name) != mine.get(name):
            yield f"{name!r} is {_told(theirs.get(name))} there and {_told(mine.get(name))} here"
    if saved["optimizer"] != own["optimizer"]:
        yield f"the optimizer is {_told(saved['optimizer'])} there, {_told(own['optimizer'])} here"
    if saved["groups"] != own["groups"]:
        yield f"the optimizer's groups hold {saved['groups']} weights there, {own['groups']} here"


def _told(thing: str | None) -> str:
    return "missing" if thing is None else thing
