"""Names of layers and models: `dense_1`, counted per class, as Keras 2.3 does."""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["reset_names", "snake_case", "unique_name"]

_counts: Counter[str] = Counter()


def unique_name(stem: str) -> str:
    """`stem` with the next number of this process: `dense_1`, then `dense_2`.

    >>> reset_names()
    >>> unique_name("dense"), unique_name("dense"), unique_name("flatten")
    ('dense_1', 'dense_2', 'flatten_1')
    """
    _counts[stem] += 1
    return f"{stem}_{_counts[stem]}"


def reset_names() -> None:
    """Count from 1 again; for tests, and for building the same model twice in one process."""
    _counts.clear()


def snake_case(class_name: str) -> str:
    """The name of a class as layer names begin with it.

    >>> snake_case("BatchNormalization"), snake_case("Conv2D"), snake_case("ReLU")
    ('batch_normalization', 'conv2d', 're_lu')
    """
    word = re.sub(r"\W+", "", class_name)
    parted = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", word)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", parted).lower()
    # A leading underscore is no good start of a name in a file.
    return f"private{snake}" if snake.startswith("_") else snake
