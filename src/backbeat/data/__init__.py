"""Anything a user has → batches, settled before the loop begins."""

from backbeat.data.batches import Batch, Source, size_of
from backbeat.data.place import Place
from backbeat.data.sources import as_source
from backbeat.data.split import split_tail

__all__ = ["Batch", "Place", "Source", "as_source", "size_of", "split_tail"]
