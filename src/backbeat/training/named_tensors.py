"""Weights by torch's own names, as `.safetensors` files hold them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import torch
from torch import nn

from backbeat.checkpoints import RawTensor, SavedTensors, read_tensors
from backbeat.checkpoints.tensor_header import Place
from backbeat.errors import CheckpointCorruptError
from backbeat.files import place_of
from backbeat.hooks import StopLatch
from backbeat.layers._arguments import dtype_name
from backbeat.layers.raw_tensors import from_raw
from backbeat.layers.wrappers import bare, bare_name
from backbeat.warning import warn

__all__ = ["load_tensors", "state_of"]


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The live state of `module` under its torch names; what wraps it adds nothing to them."""
    contents = _contents(module)
    state = contents.state_dict(keep_vars=True)
    # A module may put other things into its state than tensors, which no file of ours can hold.
    return {
        bare_name(contents, name): each
        for name, each in state.items()
        if isinstance(each, torch.Tensor)
    }


def _contents(module: nn.Module) -> nn.Module:
    """What a model, or a wrapper of torch's, is put around; else `module` itself."""
    module = bare(module)
    inner = None
    if isinstance(getattr(module, "latch", None), StopLatch):
        inner = getattr(module, "wrapped", None)
    if isinstance(inner, nn.Module) and list(module.children()) == [inner]:
        return _contents(inner)
    return module


def load_tensors(
    module: nn.Module, path: str | PathLike[str], *, by_name: bool, skip_mismatch: bool
) -> None:
    """Read the tensors of `module` from `path`; as `load_weights`."""
    own = state_of(module)

    def check(there: Held) -> None:
        # Before the file's data are read, however many it may claim.
        if not skip_mismatch:
            _refuse(path, _problems(own, there, by_name=by_name))

    saved = read_tensors(path, check=check)
    if skip_mismatch:
        _warn(path, _problems(own, saved.tensors, by_name=by_name))
    _assign_tensors(own, saved)


def _assign_tensors(own: Mapping[str, torch.Tensor], saved: SavedTensors) -> None:
    fitting = {
        name: from_raw(saved.tensors[name])
        for name, tensor in own.items()
        if name in saved.tensors and not _misfit(tensor, saved.tensors[name])
    }
    with torch.no_grad():
        for name, tensor in fitting.items():
            own[name].copy_(tensor)


Held = Mapping[str, Place] | Mapping[str, RawTensor]


def _problems(own: Mapping[str, torch.Tensor], saved: Held, *, by_name: bool) -> list[str]:
    """What does not fit, as sentences."""
    names = [] if by_name else _wrong_names(own, saved)
    shapes = [(name, _misfit(tensor, saved[name])) for name, tensor in own.items() if name in saved]
    return names + [f"{name!r} {misfit}" for name, misfit in shapes if misfit]


def _refuse(path: str | PathLike[str], problems: list[str]) -> None:
    if problems:
        raise CheckpointCorruptError(
            f"{place_of(path)} does not fit this model: {_listed(problems)}. Build the model as it "
            "was when the file was written, or pass skip_mismatch=True to load what fits."
        )


def _warn(path: str | PathLike[str], problems: list[str]) -> None:
    if problems:
        warn(f"{place_of(path)}: left as they are: {_listed(problems)}.")


def _wrong_names(own: Mapping[str, torch.Tensor], saved: Held) -> list[str]:
    """Names that only one side has; of tied tensors a file need not hold more than one."""
    there = {id(tensor) for name, tensor in own.items() if name in saved}
    return [
        *(f"the file has no {n!r}" for n, tensor in own.items() if id(tensor) not in there),
        *(f"the model has no {n!r}" for n in saved if n not in own),
    ]


def _misfit(tensor: torch.Tensor, saved: Place | RawTensor) -> str:
    """Why a saved tensor does not fit, or nothing."""
    if saved.shape != tuple(tensor.shape):
        return f"has shape {saved.shape} in the file, {tuple(tensor.shape)} in the model"
    if saved.dtype.startswith("complex") and not tensor.is_complex():
        return f"is {saved.dtype} in the file, {dtype_name(tensor.dtype)} in the model"
    return ""


def _listed(problems: list[str]) -> str:
    more = f"; and {len(problems) - 6} more" if len(problems) > 6 else ""
    return "; ".join(problems[:6]) + more
