"""as_source: anything a user has → a Source of batches, settled before the first one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from backbeat.data.array_source import ArraySource, Shuffle
from backbeat.data.arrays import array_tree, count_samples, is_array, named_leaves
from backbeat.data.batches import Batch, Source
from backbeat.data.class_weights import (
    ClassWeight,
    check_class_weight,
    one_weight_each,
    weighted,
)
from backbeat.data.foreign import Unpacker, parts_of
from backbeat.data.generators import IterableSource, IteratorSource
from backbeat.data.loaders import LoaderSource, is_dataset, loader_of, tensors_of
from backbeat.data.place import Place
from backbeat.data.sequences import SequenceSource
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.tensors import map_leaves

__all__ = ["as_source"]

DEFAULT_BATCH_SIZE = 32


def as_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    steps: int | None = None,
    class_weight: ClassWeight | None = None,
    place: Place,
    training: bool,
) -> Source:
    """A Source of batches from `x`, whatever it is.

    - **In memory**: NumPy arrays, tensors, anything with `__array__` (pandas), numbers in lists;
      lists, tuples and dicts of arrays are several inputs (or outputs); TensorDataset, and parts
      of one from `random_split`. A list or tuple is always data, never a list of batches.
    - **Datasets**: a map-style or iterable Dataset gets a DataLoader.
    - **Batches ready-made**: a DataLoader; a generator or other iterator, which every epoch
      continues; an object with `__len__` and `__getitem__`; any other iterable, which starts
      again each epoch. Each batch is `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

    Args:
        x: the inputs, or all of the data.
        y: the labels, for inputs in memory; None if the model makes its own loss.
        sample_weight: one weight per sample, shape (n,) or (n, 1); a list or dict of such arrays
            for several outputs, None for an output without.
        batch_size: samples per batch, 32 by default; not for batches ready-made.
        shuffle: draw a new order for every pass, from torch's global generator; "batch" shuffles
            whole batches. Loaders, generators and iterables keep their own order.
        steps: batches per epoch. In training the next epoch goes on where this one stopped;
            otherwise each epoch begins at the front, where the data allow it.
        class_weight: the weight of every class in `y`, multiplied into the sample weights.
        place: the device and dtype in which batches arrive.
        training: whether the epochs of this source are training epochs.

    Raises:
        ArgumentTypeError, ArgumentError: an argument does not fit `x`, or has no fitting value.
        DataError: there are no samples, no numbers, or numbers of samples that differ.

    >>> source = as_source([[1.0], [2.0], [3.0]], batch_size=2, place=Place(), training=False)
    >>> [batch.x.tolist() for batch in source.batches()]
    [[[1.0], [2.0]], [[3.0]]]
    """
    order = _checked_shuffle(shuffle)
    size = _count(batch_size, "batch_size")
    limit = _count(steps, "steps")
    weights = check_class_weight(class_weight)
    in_memory = _in_memory(x, y, sample_weight)
    if in_memory is not None:
        return _array_source(*in_memory, weights, size, order, limit, place, training)
    _refuse_beside_batches(x, y=y, sample_weight=sample_weight)
    unpack = Unpacker(place, weights)
    if is_dataset(x):
        loader = loader_of(x, size or DEFAULT_BATCH_SIZE, order)
        return LoaderSource(loader, unpack, limit, training)
    _refuse_beside_batches(x, batch_size=batch_size)
    return _stream_source(x, unpack, limit, training, order)


def _in_memory(x: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, Any] | None:
    """(x, y, sample_weight, rows) if the data are arrays in memory."""
    found = tensors_of(x)
    if found is not None:
        _refuse_beside_batches(x, y=y, sample_weight=sample_weight)
        tensors, rows = found
        return *parts_of(tensors), None if rows is None else torch.as_tensor(rows)
    if is_array(x) or isinstance(x, (list, tuple, Mapping)):
        return cast(Any, x), y, sample_weight, None
    return None


def _array_source(
    x: Any,
    y: Any,
    sample_weight: Any,
    rows: torch.Tensor | None,
    class_weight: ClassWeight | None,
    batch_size: int | None,
    shuffle: Shuffle,
    steps: int | None,
    place: Place,
    training: bool,
) -> ArraySource:
    x = array_tree(x, "x")
    y = None if y is None else array_tree(y, "y")
    weight = array_tree(sample_weight, "sample_weight", optional=True)
    samples = count_samples(x=x, y=y, sample_weight=weight)
    if rows is not None and not len(rows):
        raise DataError("There are no samples: the Subset chooses none. At least one is needed.")
    return ArraySource(
        x,
        y,
        weighted(_one_weight_each(weight), y, class_weight, rows),
        samples=samples if rows is None else len(rows),
        batch_size=batch_size or DEFAULT_BATCH_SIZE,
        place=place,
        shuffle=shuffle,
        steps=steps,
        training=training,
        rows=rows,
    )


def _one_weight_each(weight: Any) -> Any:
    names = (name for name, _ in named_leaves(weight, "sample_weight"))

    def flat(leaf: Any) -> Any:
        return None if leaf is None else one_weight_each(leaf, next(names))

    return map_leaves(flat, weight)


def _stream_source(
    x: Any,
    unpack: Callable[[Any], Batch],
    steps: int | None,
    training: bool,
    shuffle: Shuffle,
) -> Source:
    if isinstance(x, DataLoader):
        return LoaderSource(cast(DataLoader[Any], x), unpack, steps, training)
    if isinstance(x, (str, bytes)) or x is None:
        raise ArgumentTypeError(_unknown(x))
    if hasattr(x, "__len__") and hasattr(x, "__getitem__"):
        return SequenceSource(x, unpack, steps, training, shuffle)
    if hasattr(x, "__next__"):
        return IteratorSource(x, unpack, steps, training)
    if hasattr(x, "__iter__"):
        return IterableSource(x, unpack, steps, training)
    raise ArgumentTypeError(_unknown(x))


def _unknown(x: Any) -> str:
    if callable(x):
        name = getattr(x, "__name__", type(x).__name__)
        return f"x is the function {name}, not what it returns. Call it: {name}()."
    return (
        f"x is {x!r}, which holds no data. Give arrays (NumPy, torch, lists of numbers), a Dataset "
        f"or DataLoader, or something that yields batches (x, y)."
    )


def _refuse_beside_batches(x: Any, **arguments: Any) -> None:
    """An argument that only arrays can have was given together with batches."""
    for name, value in arguments.items():
        if value is None:
            continue
        if x is None:
            raise ArgumentTypeError(_unknown(x))
        cure = (
            "Set it where the batches are made."
            if name == "batch_size"
            else "Let them be (x, y) or (x, y, sample_weight)."
        )
        raise ArgumentError(
            f"{name}= cannot be given when x is a {type(x).__name__}, which brings its own in "
            f"every batch. {cure}"
        )


def _checked_shuffle(shuffle: bool | str) -> Shuffle:
    if isinstance(shuffle, bool):
        return shuffle
    if shuffle == "batch":
        return "batch"
    raise ArgumentError(
        f"shuffle={shuffle!r} does not fit. Give True (new order each epoch), False (as the "
        f"data come) or 'batch' (whole batches in new order)."
    )


def _count(value: Any, name: str) -> int | None:
    """`value` as a positive whole number, or None."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ArgumentTypeError(
            f"{name}={value!r} is a {type(value).__name__}. Give a whole number, such as 32."
        )
    if number < 1:
        raise ArgumentError(f"{name}={value!r} is too small. Give at least 1.")
    return number
