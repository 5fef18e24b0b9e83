"""The table that `summary()` prints."""

from __future__ import annotations

from typing import Any

from torch import nn

from backbeat.layers import Layer, keras_weights

__all__ = ["summary_text"]

_WIDTHS = (34, 26, 12)


def summary_text(model: Any) -> str:
    """A table of the layers of `model`: name and type, output shape, number of weights."""
    rows = [_row(model, name, layer) for name, layer in model.named_layers()]
    rule = "=" * sum(_WIDTHS)
    lines = [f"Model: {model.name}", rule, _line("Layer (type)", "Output shape", "Weights"), rule]
    lines += [_line(*row) for row in rows]
    return "\n".join([*lines, rule, *_totals(model)])


def _row(model: Any, name: str, layer: nn.Module) -> tuple[str, str, str]:
    unbuilt = isinstance(layer, Layer) and not layer.built
    shape = model.output_shapes.get(name)
    count = "?" if unbuilt else f"{sum(w.tensor.numel() for w in keras_weights(layer)):,}"
    return f"{name} ({type(layer).__name__})", "?" if shape is None else str(shape), count


def _line(*cells: str) -> str:
    first, second, third = cells
    # A name that is too long for its column still ends before the next one.
    return f"{first:<{_WIDTHS[0] - 1}} {second:<{_WIDTHS[1] - 1}} {third:>{_WIDTHS[2]}}"


def _totals(model: Any) -> list[str]:
    if not model.built:
        return ["Not built yet: the weights are made when the input shape is known."]
    weights = [w.tensor for _, layer in model.named_layers() for w in keras_weights(layer)]
    total = sum(each.numel() for each in weights)
    trained = sum(each.numel() for each in weights if each.requires_grad)
    return [f"Trainable weights: {trained:,} of {total:,}"]
