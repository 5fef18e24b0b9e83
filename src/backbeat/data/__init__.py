"""Anything a user has → batches, settled before the loop begins."""

from backbeat.data.array_source import ArraySource
from backbeat.data.arrays import is_array
from backbeat.data.batches import Batch, Source, size_of
from backbeat.data.feeds import feed_of
from backbeat.data.place import Place
from backbeat.data.randomness import Randomness, is_generator
from backbeat.data.sources import as_source
from backbeat.data.split import split_tail
from backbeat.data.streams import StreamSource

__all__ = [
    "ArraySource",
    "Batch",
    "Place",
    "Randomness",
    "Source",
    "StreamSource",
    "as_source",
    "feed_of",
    "is_array",
    "is_generator",
    "size_of",
    "split_tail",
]
