"""Tree: an HDF5 file as plain groups, arrays and texts, read with suspicion."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from backbeat.checkpoints import digests
from backbeat.checkpoints.checkpoint import Array
from backbeat.checkpoints.name_lists import get_names
from backbeat.checkpoints.reading import corrupt, existing_file
from backbeat.errors import ArgumentError, CheckpointError
from backbeat.files import PathLike

__all__ = ["DIGESTS", "Tree", "hdf5_package", "read_tree"]

DIGESTS = "backbeat_sha256"
"""The attribute with the digest of everything in a file."""
_DEEPEST = 64
_FILTERS = (1, 2, 3)
"""HDF5's own: gzip, shuffle, checksum."""


@dataclass
class Tree:
    """One group: texts about it, groups in it, arrays in it."""

    attributes: dict[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])
    groups: dict[str, Tree] = field(default_factory=dict[str, "Tree"])
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])

    def group(self, path: str) -> Tree:
        """The group at `path` below this one, created where it is missing."""
        tree = self
        for part in _parts(path):
            if part in tree.arrays:
                raise ArgumentError(f"{path!r} cannot be a group: {part!r} is a weight already.")
            tree = tree.groups.setdefault(part, Tree())
        return tree

    def add(self, path: str, array: Array) -> None:
        """Put `array` at `path`, whose groups are created where they are missing."""
        *groups, name = _parts(path)
        tree = self.group("/".join(groups)) if groups else self
        if name in tree.arrays or name in tree.groups:
            raise ArgumentError(f"two weights would both be called {path!r}; rename one of them.")
        tree.arrays[name] = array

    def find(self, path: str) -> Array | None:
        """The array at `path`, or None."""
        *groups, name = path.split("/")
        tree = self
        for part in groups:
            if part not in tree.groups:
                return None
            tree = tree.groups[part]
        return tree.arrays.get(name)

    def contents(self, above: str = "") -> Iterator[tuple[str, str | list[str] | Array]]:
        """Everything in here by its path, as a file holds it; texts as `group@name`."""
        for name, text in self.texts().items():
            yield f"{above}@{name}", text
        for name, array in self.arrays.items():
            yield above + name, array
        for name, tree in self.groups.items():
            yield from tree.contents(f"{above}{name}/")

    def digests(self) -> dict[str, str]:
        """The digest of everything in here, by its path."""
        return {
            name: digests.of_text(each) if isinstance(each, (str, list)) else digests.of(each)
            for name, each in self.contents()
        }

    def texts(self) -> dict[str, str | list[str]]:
        """The attributes, but for digests."""
        return {n: text for n, text in self.attributes.items() if not n.startswith(DIGESTS)}

    def kind(self) -> Hashable:
        """Equal for trees that differ in nothing but the values of their arrays."""
        texts = [(n, t if isinstance(t, str) else tuple(t)) for n, t in self.texts().items()]
        arrays = [(name, each.dtype.str, each.shape) for name, each in self.arrays.items()]
        groups = [(name, tree.kind()) for name, tree in self.groups.items()]
        return tuple(texts), tuple(arrays), tuple(groups)


def _parts(path: str) -> list[str]:
    """The names along `path`; HDF5 would take some of them for something else."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise ArgumentError(
            f"{path!r} cannot be a name in an HDF5 file: no part between slashes may be empty, "
            "'.' or '..', or hold a zero byte. Rename the layer or weight."
        )
    return parts


def hdf5_package() -> Any:
    """The h5py package, imported when the first file needs it."""
    import h5py  # pyright: ignore[reportMissingTypeStubs] - it has no types

    return h5py


def read_tree(path: PathLike, expected_bytes: int | None = None) -> tuple[Tree, bool]:
    """Read an HDF5 file into memory; also whether its digests were there, and so were checked.

    Links out of the file or through it are refused, and no more memory is used than a file of
    that size can need, or one of a model that has `expected_bytes`.

    Raises CheckpointError if there is no such file, CheckpointCorruptError if it is no HDF5 file,
    is cut short, or differs from what was written.
    """
    target = existing_file(path)
    try:
        with target.open("rb") as source, hdf5_package().File(source, "r") as file:
            tree = _Reader(target, expected_bytes).read(file)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # h5py raises errors of many kinds over a damaged file
        raise corrupt(target, "HDF5", error) from error
    return tree, _verify(target, tree)


def _verify(path: Path, tree: Tree) -> bool:
    """Whether `tree` carried digests; raises if they are not those of its contents."""
    lines = get_names(tree.attributes, DIGESTS)
    if lines is None:
        return False
    promised = {name: digest for digest, _, name in (line.partition(" ") for line in lines)}
    digests.verify(path, tree.digests(), promised)
    return True


class _Reader:
    """Reads groups, counting how much memory the arrays take."""

    def __init__(self, path: Path, expected_bytes: int | None) -> None:
        self.path = path
        # Weights hardly compress; sixteenfold is generous, and a bomb is a thousandfold. A model's
        # file may hold three more values for each weight, and each in twice the precision.
        room = 16 * path.stat().st_size
        self.room = (64 << 20) + (room if expected_bytes is None else min(room, 8 * expected_bytes))
        self.seen: set[int] = set()

    def read(self, group: Any, depth: int = 0) -> Tree:
        """An HDF5 group as a Tree."""
        h5py = hdf5_package()
        self._enter(group, depth)
        tree = Tree(self._texts(group))
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise corrupt(self.path, "a checkpoint", f"{key!r} is a link, which may not be")
            member, name = group[key], _decoded(key)
            if isinstance(member, h5py.Group):
                tree.groups[name] = self.read(member, depth + 1)
            elif isinstance(member, h5py.Dataset) and member.dtype.kind in "fiubc":
                tree.arrays[name] = self._array(member)
        return tree

    def _enter(self, group: Any, depth: int) -> None:
        """Refuse groups in groups without end, by whatever names they lead to each other."""
        if depth > _DEEPEST:
            raise ValueError(f"groups are nested deeper than {_DEEPEST}")
        address = hdf5_package().h5o.get_info(group.id).addr
        if address in self.seen:
            raise ValueError(f"the group {group.name!r} is there under two names")
        self.seen.add(address)

    def _array(self, dataset: Any) -> Array:
        """A data set's values."""
        if dataset.external or dataset.is_virtual:
            raise corrupt(self.path, "a checkpoint", f"{dataset.name!r} lies in another file")
        self.room -= max(dataset.nbytes, self._chunk_bytes(dataset))
        if self.room < 0:
            raise corrupt(self.path, "a checkpoint", "it claims more data than a file can hold")
        values = np.asarray(dataset[()])
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def _chunk_bytes(self, dataset: Any) -> int:
        """The bytes of one chunk unpacked, which may be more than the whole data set has."""
        stored = dataset.id.get_create_plist()
        for number in range(stored.get_nfilters()):
            # Any other filter is code that HDF5 would look for on this machine.
            if stored.get_filter(number)[0] not in _FILTERS:
                raise corrupt(self.path, "a checkpoint", f"{dataset.name!r} needs a filter")
        return math.prod(dataset.chunks or (0,)) * dataset.dtype.itemsize

    @staticmethod
    def _texts(group: Any) -> dict[str, str | list[str]]:
        """The attributes that are texts; older and newer writers store them differently."""
        texts: dict[str, str | list[str]] = {}
        for key, value in group.attrs.items():
            # A name that is no text comes as bytes.
            name = _decoded(key)
            if isinstance(value, np.ndarray):
                parts = cast(Array, value)
                if parts.ndim == 1 and (parts.dtype.kind in "SO" or not parts.size):
                    texts[name] = [_decoded(part) for part in parts]
            elif isinstance(value, (bytes, str)):
                texts[name] = _decoded(value)
        return texts


def _decoded(value: Any) -> str:
    """A text, whatever it was stored as."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
