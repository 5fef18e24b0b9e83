"""feed_of: whatever your own loop iterates over, so that a resumed run can go on midway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from torch.utils.data import DataLoader

from backbeat.data.generators import IterableSource, IteratorSource
from backbeat.data.loaders import LoaderSource
from backbeat.data.streams import StreamSource

__all__ = ["feed_of"]


def feed_of(data: Iterable[Any]) -> StreamSource:
    """A stream whose `raw` gives the batches of `data`, epoch after epoch, as they are."""
    if isinstance(data, DataLoader):
        return LoaderSource(cast(DataLoader[Any], data), _as_it_is, None, training=True)
    kind = IteratorSource if hasattr(data, "__next__") else IterableSource
    return kind(data, _as_it_is, None, training=True)


def _as_it_is(batch: Any) -> Any:
    return batch
