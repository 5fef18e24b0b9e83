"""The seed system's public helpers."""

from backbeat.utils.sequence import Sequence
from backbeat.utils.to_categorical import to_categorical

__all__ = ["Sequence", "to_categorical"]
