"""Wrappers: what torch.compile and data parallelism put around a module, and how to see past it."""

from __future__ import annotations

from torch import nn

__all__ = ["bare", "bare_name"]

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def bare(module: nn.Module) -> nn.Module:
    """The module that such wrappers were put around; `module` itself if there are none.

    >>> layer = nn.Linear(2, 1)
    >>> bare(nn.DataParallel(layer)) is layer
    True
    """
    while (inside := _inside(module)) is not None:
        module = module.get_submodule(inside)
    return module


def bare_name(module: nn.Module, name: str) -> str:
    """The name of a tensor or module within `module`, as it would be without any wrappers.

    >>> bare_name(nn.Sequential(nn.DataParallel(nn.Linear(2, 1))), "0.module.weight")
    '0.weight'
    """
    kept: list[str] = []
    for part in name.split("."):
        if part != _inside(module):
            kept.append(part)
        module = _children(module).get(part) or module
    return ".".join(kept)


def _inside(module: nn.Module) -> str | None:
    """Under which name a wrapper holds what it is around."""
    # torch.compile's own class is not imported for this: that takes seconds.
    children = _children(module)
    if len(children) == 1 and "_orig_mod" in children:
        return "_orig_mod"
    return "module" if isinstance(module, _PARALLEL) else None


def _children(module: nn.Module) -> dict[str, nn.Module | None]:
    # `named_children` looks at all of them, and this is asked for each of thousands of tensors.
    return getattr(module, "_modules", {})
