"""The state of a torch optimizer that comes from another machine, or from another device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backbeat.optimizers.rates import Group

__all__ = ["made_here"]

_FORM = ("fused", "foreach")


def made_here(state: Mapping[str, Any], groups: Sequence[Group]) -> dict[str, Any]:
    """A saved state as torch takes it for an optimizer with these `groups`.

    torch numbers the parameters, which JSON turns into text; and the kernels that were chosen for
    `groups` must be kept, for the state may come from another device.
    """
    by_number = {int(number): held for number, held in state["state"].items()}
    forms = [{name: group[name] for name in _FORM if name in group} for group in groups]
    saved = [{**group, **form} for group, form in zip(state["param_groups"], forms, strict=True)]
    return {"state": by_number, "param_groups": saved}
