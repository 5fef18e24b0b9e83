"""Training: the loop, and what `fit` does with it."""

from backbeat.training.loop import Loop
from backbeat.training.schedulers import TorchScheduler

__all__ = ["Loop", "TorchScheduler"]
