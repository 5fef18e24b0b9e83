"""The seed system's public helpers."""

from backbeat.utils.to_categorical import to_categorical

__all__ = ["to_categorical"]
