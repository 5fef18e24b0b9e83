"""Writing a tree as an HDF5 file, whole or not at all."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from backbeat.checkpoints import background
from backbeat.checkpoints.blanks import Marks, write_and_fill
from backbeat.checkpoints.checkpoint import Array
from backbeat.checkpoints.digests import Passing, of_text
from backbeat.checkpoints.mould import Mould
from backbeat.checkpoints.name_lists import LARGEST_ATTRIBUTE, put_names
from backbeat.checkpoints.outline import Outline
from backbeat.checkpoints.tree import DIGESTS, Tree, hdf5_package
from backbeat.files import PathLike, make_parents, whole

__all__ = ["write_tree"]

_KEPT_MOULDS = 4
_moulds: dict[Hashable, Mould] = {}


def write_tree(path: PathLike, tree: Tree) -> None:
    """Write `tree` as an HDF5 file with digests of everything in it, whole or not at all.

    Missing directories are created. Raises CheckpointError if the file cannot be written.
    """
    contents = {
        name: of_text(each) if isinstance(each, (str, list)) else Passing(each)
        for name, each in tree.contents()
    }
    mould = _mould_of(tree, list(contents))
    arrays = [each for each in contents.values() if isinstance(each, Passing)]
    background.wait_for(path)
    make_parents(path)
    with whole(path) as target:
        write_and_fill(target, mould.parts(arrays), list(contents.values()))


def _mould_of(tree: Tree, names: list[str]) -> Mould:
    """The mould for `tree`; that of the save before fits the next save of the same model."""
    kind = tree.kind()
    mould = _moulds.get(kind)
    if mould is None:
        while len(_moulds) >= _KEPT_MOULDS:
            _moulds.pop(next(iter(_moulds)), None)
        mould = _moulds[kind] = _new_mould(tree, names)
    return mould


def _new_mould(tree: Tree, names: list[str]) -> Mould:
    marks, outline = Marks(len(names)), Outline()
    marked = Tree(tree.texts(), tree.groups, tree.arrays)
    lines = [f"{mark} {name}" for mark, name in zip(marks.texts, names, strict=True)]
    put_names(marked.attributes, DIGESTS, lines)
    # The earliest format has no checksums of its own, which filling the mould would break.
    with hdf5_package().File(outline, "w", libver="earliest") as file:
        _fill(file, marked, outline)
    return Mould(outline, marks)


def _fill(group: Any, tree: Tree, outline: Outline) -> None:
    """Describe `tree` in an HDF5 group of the file whose outline it is."""
    for name, text in tree.attributes.items():
        group.attrs[name] = _encoded(name, text)
    for name, array in tree.arrays.items():
        outline.place(_reserve(group, name, array), array.nbytes)
    for name, below in tree.groups.items():
        _fill(group.create_group(name), below, outline)


def _reserve(group: Any, name: str, array: Array) -> int | None:
    """Make a data set for `array` without writing it; where its bytes belong in the file."""
    h5py: Any = hdf5_package()
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    link = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    link.set_char_encoding(h5py.h5t.CSET_UTF8)
    kind = h5py.h5t.py_create(array.dtype.newbyteorder("<"), logical=True)
    shape = h5py.h5s.create_simple(array.shape) if array.ndim else h5py.h5s.create(h5py.h5s.SCALAR)
    return h5py.h5d.create(group.id, name.encode(), kind, shape, layout, link).get_offset()


def _encoded(name: str, text: str | list[str]) -> Any:
    """Texts as every version of h5py and Keras can read them back: fixed-length bytes."""
    if isinstance(text, list):
        return np.array([part.encode() for part in text], dtype=None if text else "S1")
    data = text.encode("utf-8", "surrogateescape")
    # Only a variable-length text may be longer; Keras itself writes its large ones so.
    fits = 0 < len(data) <= LARGEST_ATTRIBUTE
    return np.bytes_(data) if fits else data
