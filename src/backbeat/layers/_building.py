"""How a layer learns that its `build` is done, however the author wrote it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["finishing"]


def finishing(build: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """`build`, after whose outermost call the layer counts as built."""

    @functools.wraps(build)
    def finished(layer: Any, input_shape: Any) -> None:
        outermost = not layer._being_built
        layer._being_built = True
        try:
            build(layer, input_shape)
        finally:
            layer._being_built = not outermost
        if outermost:
            layer._get_ready()

    return finished
