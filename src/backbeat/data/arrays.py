"""Whatever a user calls an array → a checked tree of arrays that agree in their first axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Number
from reprlib import repr as shortened
from typing import Any, cast

import numpy as np
import torch

from backbeat.errors import ArgumentTypeError, DataError
from backbeat.tensors import to_tensor

__all__ = [
    "array_tree",
    "as_column_tensor",
    "count_samples",
    "is_array",
    "is_plain",
    "named_leaves",
]

Array = np.ndarray[Any, Any]

_NUMBER_KINDS = "biufc"


def is_array(thing: object) -> bool:
    """Whether `thing` is an array or says how to become one (pandas, JAX, h5py, Polars, ...)."""
    if isinstance(thing, (torch.Tensor, np.ndarray)):
        return True
    # SciPy's sparse matrices have only `toarray`; they count, so that they are told about it.
    return hasattr(thing, "__array__") or hasattr(thing, "toarray")


def is_plain(sequence: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list or tuple stands for one array: its first value is a number, or text.

    `[[1, 2], [3, 4]]` is one array of two samples, `[array, array]` are two inputs.
    """
    first = next((part for part in sequence if part is not None), None)
    if isinstance(first, (list, tuple)):
        return is_plain(cast(list[Any], first))
    if isinstance(first, Mapping):
        return False
    return not is_array(first) or np.ndim(cast(Any, first)) == 0


def array_tree(data: Any, name: str, *, optional: bool = False) -> Any:
    """`data` as the same lists, tuples and dicts, with a NumPy array or tensor at every leaf.

    `name` is what error messages call it. With `optional`, parts may be None (weights are).

    Raises:
        DataError: a leaf holds something else than numbers, or is a single number.
        ArgumentTypeError: a part is None or no array at all.
    """
    if isinstance(data, Mapping):
        parts = cast(Mapping[Any, Any], data).items()
        if not parts:
            raise DataError(f"{name} is an empty dict. Give at least one array, or leave it out.")
        return {key: array_tree(part, f"{name}[{key!r}]", optional=optional) for key, part in parts}
    if isinstance(data, (list, tuple)) and not is_plain(cast(list[Any], data)):
        inputs = [
            array_tree(part, f"{name}[{position}]", optional=optional)
            for position, part in enumerate(cast(list[Any], data))
        ]
        return inputs if isinstance(data, list) else tuple(inputs)
    if data is None and optional:
        return None
    return _array(cast(Any, data), name)


def named_leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every array of an `array_tree` with the name that a reader would give it: `x['age']`."""
    if isinstance(tree, Mapping):
        for key, part in cast(Mapping[Any, Any], tree).items():
            yield from named_leaves(part, f"{name}[{key!r}]")
    elif isinstance(tree, (list, tuple)):
        for position, part in enumerate(cast(list[Any], tree)):
            yield from named_leaves(part, f"{name}[{position}]")
    elif tree is not None:
        yield name, tree


def count_samples(**trees: Any) -> int:
    """The number of samples that all these array trees agree on.

    Raises:
        DataError: they disagree (each one is named), or there are no samples.
    """
    counts = {
        label: leaf.shape[0]
        for name, tree in trees.items()
        for label, leaf in named_leaves(tree, name)
    }
    if len(set(counts.values())) > 1:
        told = [f"{label} has {count}" for label, count in counts.items()]
        # A list of many samples, taken for as many inputs, would be told for ever.
        listed = ", ".join(told if len(told) <= 8 else [*told[:3], "...", *told[-2:]])
        raise DataError(
            f"The data differ in their number of samples: {listed}. Every array needs one row "
            f"per sample along its first axis.{_hint(trees)}"
        )
    if not any(counts.values()):
        raise DataError(
            f"There are no samples: {', '.join(counts) or 'x'} is empty. "
            f"At least one is needed; look at how the data were loaded or filtered."
        )
    return next(iter(counts.values()))


def as_column_tensor(array: Any) -> torch.Tensor:
    """One array of an `array_tree` as a tensor that shares its memory wherever that is possible.

    Only for reading: a read-only array (a memory map, a frame's column) is shared too, where
    copying it could mean reading a file larger than the memory.
    """
    if isinstance(array, torch.Tensor):
        return array.detach()
    return to_tensor(array if array.flags.writeable else np.asarray(_WritableView(array)))


class _WritableView:
    """The same memory, declared writable, because torch takes no other; nobody writes to it."""

    def __init__(self, array: Array) -> None:
        self.array = array  # keeps the memory alive
        description = dict(array.__array_interface__)
        description["data"] = (description["data"][0], False)
        self.__array_interface__ = description


def _array(data: Any, name: str) -> Array | torch.Tensor:
    values = data if isinstance(data, torch.Tensor) else _numpy(data, name)
    if isinstance(values, torch.Tensor):
        if values.layout is not torch.strided:
            raise DataError(
                f"{name} is a sparse tensor, which cannot be cut into batches. Give "
                f"{name}.to_dense(), or a DataLoader that yields dense batches."
            )
    elif values.dtype.kind not in _NUMBER_KINDS:
        raise DataError(_no_numbers(values, data, name))
    if values.ndim == 0:
        raise DataError(
            f"{name} is a single number, {values.item()!r}. The first axis must count the "
            f"samples: one sample is [{values.item()!r}]."
        )
    return values


def _numpy(data: Any, name: str) -> Array:
    if data is None or isinstance(data, (str, bytes)) or not _may_become_array(data):
        raise ArgumentTypeError(
            f"{name} is {shortened(data)} ({type(data).__name__}), which is no array. Give a NumPy "
            f"array, a torch tensor, a list of numbers, or a list or dict of such arrays."
        )
    try:
        return np.asarray(data)
    except ValueError as error:
        raise DataError(
            f"{name} is a list whose parts differ in length, so it is no array ({error}). Bring "
            f"them to one length, by padding for instance."
        ) from None


def _may_become_array(data: Any) -> bool:
    return is_array(data) or isinstance(data, (list, tuple, Number))


def _no_numbers(values: Array, data: Any, name: str) -> str:
    """What to say about an array of text, dates or objects."""
    if hasattr(data, "toarray"):
        return f"{name} is a SciPy sparse matrix. Give {name}.toarray(), or batches made of it."
    index, value = _first_misfit(values)
    position = ", ".join(str(step) for step in index)
    where = f"{name}[{position}]" if index else name
    if _is_number(value):
        return (
            f"{name} has the dtype {values.dtype}, although it begins with the number "
            f"{where} = {shortened(value)}. Convert it first: np.asarray({name}, dtype='float32')."
        )
    return (
        f"{where} is {_shown(value)} (dtype {values.dtype}), where a number belongs. Turn text, "
        f"dates and categories into numbers first; for class names: "
        f"classes, {name} = np.unique({name}, return_inverse=True)."
    )


def _first_misfit(values: Array) -> tuple[tuple[int, ...], Any]:
    """Index and value of the first thing that is no number; of the very first, if all are."""
    first: tuple[tuple[int, ...], Any] = ((), values.dtype)
    for position, (index, value) in enumerate(np.ndenumerate(values)):
        if position == 0:
            first = (index, value)
        if not _is_number(value):
            return index, value
    return first


def _shown(value: Any) -> str:
    """`value` as a reader knows it: 'cat', not np.str_('cat')."""
    return shortened(value.item() if isinstance(value, (np.str_, np.bytes_)) else value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (Number, np.number, np.bool_))


def _hint(trees: dict[str, Any]) -> str:
    """The likely cause, when a list of samples was taken for a list of inputs."""
    x = trees.get("x")
    labels = [leaf.shape[0] for _, leaf in named_leaves(trees.get("y"), "y")]
    if isinstance(x, (list, tuple)) and labels and len(cast(list[Any], x)) == labels[0]:
        return (
            " x is a list, and a list of arrays means several inputs; if its items are the "
            "samples, give np.stack(x)."
        )
    return ""
