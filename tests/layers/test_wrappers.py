"""Wrappers: what torch.compile and data parallelism put around a module, and how to see past it."""

from __future__ import annotations

from typing import Any

from torch import nn

from backbeat.layers.wrappers import bare, bare_name


def test_compiled_and_parallel_modules_are_seen_through() -> None:
    """One within the other, as whole models and as parts."""
    layer, wrapped = nn.Linear(2, 1), nn.Module()
    # What torch.compile gives, without the seconds that loading it takes.
    wrapped.add_module("_orig_mod", nn.DataParallel(layer))

    assert bare(wrapped) is layer
    assert bare_name(nn.Sequential(wrapped), "0._orig_mod.module.weight") == "0.weight"


def test_a_layer_may_be_called_module() -> None:
    """Only what wraps adds nothing to a name."""
    named = nn.ModuleDict({"module": nn.Linear(2, 1), "_orig_mod": nn.Linear(2, 1)})

    assert bare(named) is named
    assert bare_name(named, "module.weight") == "module.weight"
    assert bare_name(named, "_orig_mod.weight") == "_orig_mod.weight"


def test_siblings_are_not_looked_at() -> None:
    """A name among thousands would take thousands of times as long."""

    class Wide(nn.ModuleList):
        def named_children(self) -> Any:
            raise AssertionError("all of them")

    wide = nn.Sequential(Wide(nn.Linear(1, 1) for _ in range(3)))

    assert bare_name(wide, "0.2.weight") == "0.2.weight"
