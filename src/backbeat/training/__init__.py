"""Training: the loop, and what `fit` does with it."""

from backbeat.training.loop import Loop

__all__ = ["Loop"]
