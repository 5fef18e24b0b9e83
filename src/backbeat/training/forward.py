"""Forward: how a module is called, found out once for a kind of inputs and not in every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from backbeat.training.calls import Labelled, caller
from backbeat.training.jitted import Jitted
from backbeat.training.precision import in_bfloat16
from backbeat.training.step_settings import StepSettings
from backbeat.training.straight import straight

__all__ = ["Forward"]


class Forward:
    """Calls `module` with inputs as they come: one tensor, a list of inputs, or a dict of them."""

    def __init__(self, module: nn.Module, settings: StepSettings) -> None:
        self._module = module
        self._settings = settings
        self._kind: type | None = None
        self._call: Callable[[Any], Any] = module
        self._plain: Callable[[Any], Any] = module

    def __call__(self, x: Any) -> Any:
        """The module's outputs for `x`."""
        if type(x) is not self._kind:
            self._settle(x)
        return self._call(x)

    def plain(self, x: Any) -> Callable[[Any], Any]:
        """What gives the outputs for inputs like `x`, left uncompiled."""
        if type(x) is not self._kind:
            self._settle(x)
        return self._plain

    def unsettle(self) -> None:
        """Find out anew how to call the module: since the last pass it may have been changed."""
        if not self._settings.jit_compile:
            self._kind = None

    def _settle(self, x: Any) -> None:
        call = caller(self._module, x)
        if not self._settings.jit_compile and not isinstance(x, Labelled):
            call = straight(self._module, call)
        if self._settings.precision == "bf16":
            call = in_bfloat16(call, self._module)
        self._kind, self._plain = type(x), call
        self._call = Jitted(call) if self._settings.jit_compile else call
