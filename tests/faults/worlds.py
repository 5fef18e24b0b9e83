"""What a disk may hold after a crash: every world that an operation can leave behind.

`RecordedDisk` does everything for real below one directory and notes each operation with its data.
From the notes follows, for every moment, what a power failure could leave:

- bytes written since the last fsync of their file are all there, torn, zeroes, or not there;
- names created, changed or removed since the last fsync of their directory are there or not,
  each by itself, so that the order in which they reach the disk is not relied upon.

The world in which everything is there is the one after kill -9, which keeps the page cache.

    crashes = crash_everywhere(folder, lambda: write_weights(folder / "w.h5", new))
    for world in crashes.during:        # distinct ones, over all moments
        world.build(other_folder)
        ...                             # the loader finds all of the old or all of the new there
    for world in crashes.after:         # possible once the call has returned
        ...                             # all of the new

`crash_everywhere` also applies the oracle: it fails if a file gets its name before its bytes are
durable, a directory before everything in it, if something old is removed before its successor is
durable, if the call returns before the new name is, or if the `marker` is not the last of its
directory. `check_every_crash` does the rest of a typical test: build, recover, crash again while
recovering, check.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path

from backbeat import files

ROOT = 0
NAMING = ("create", "replace", "unlink", "make_directory", "remove_directory")


@dataclass(frozen=True)
class Event:
    """One operation, with nodes (numbers of files and directories) in place of paths."""

    kind: str
    node: int
    directory: int = -1
    """The directory whose names change."""
    name: str = ""
    old_name: str = ""
    offset: int = 0
    """Where the data go; of a truncation, the new size."""
    data: bytes = b""


@dataclass(frozen=True)
class World:
    """The contents of every file by its path below the directory; None for a directory."""

    contents: frozenset[tuple[str, bytes | None]]

    def paths(self) -> list[tuple[str, bytes]]:
        """Something to put worlds in order by, the same in every run."""
        return sorted((path, data or b"") for path, data in self.contents)

    def build(self, directory: Path) -> Path:
        """Make `directory`, emptied first, look like this."""
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for path, data in sorted(self.contents):
            if data is None:
                (directory / path).mkdir()
            else:
                (directory / path).write_bytes(data)
        return directory


@dataclass
class Crashes:
    """The worlds that one action can leave."""

    during: set[World]
    after: set[World]
    """Those still possible after the action returned."""


@dataclass
class Tree:
    """What a directory holds: nodes, their names, and the contents of the files."""

    names: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    contents: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def find(self, parts: Sequence[str]) -> int | None:
        node: int | None = ROOT
        for part in parts:
            node = self.names.get(node, {}).get(part) if node is not None else None
        return node

    def add(self, directory: Path, node: int = ROOT) -> None:
        for entry in sorted(directory.iterdir()):
            number = len(self.names) + len(self.contents)
            self.names[node][entry.name] = number
            if entry.is_dir():
                self.names[number] = {}
                self.add(entry, number)
            else:
                self.contents[number] = entry.read_bytes()

    def apply(self, event: Event) -> None:
        """Change the names as `event` does; the node counts, whatever it was called before."""
        names = self.names.setdefault(event.directory, {})
        if event.kind == "make_directory":
            self.names.setdefault(event.node, {})
        if event.kind in ("replace", "unlink", "remove_directory"):
            gone = event.old_name if event.kind == "replace" else event.name
            if names.get(gone) == event.node:
                del names[gone]
        if event.kind in ("create", "make_directory", "replace"):
            names[event.name] = event.node

    def copy(self) -> Tree:
        return Tree({node: dict(names) for node, names in self.names.items()}, dict(self.contents))

    def paths(self, node: int = ROOT, above: str = "") -> Iterator[tuple[str, int]]:
        for name, below in self.names.get(node, {}).items():
            yield above + name, below
            yield from self.paths(below, f"{above}{name}/")


class RecordedDisk(files.Disk):
    """A real disk that notes every change below `root`, and complaints about their order."""

    def __init__(self, root: Path, marker: str | None = None) -> None:
        self.root = root
        self.marker = marker
        self.start = Tree()
        self.start.add(root)
        self.live = self.start.copy()
        self.events: list[Event] = []
        self.complaints: list[str] = []
        self._old = set(self.start.names) | set(self.start.contents)
        self._nodes = len(self._old)
        self._open: dict[int, list[int]] = {}
        self._lock = threading.RLock()

    # Paths and nodes

    def _parts(self, path: Path) -> tuple[str, ...] | None:
        return path.relative_to(self.root).parts if path.is_relative_to(self.root) else None

    def _node(self, path: Path) -> int | None:
        parts = self._parts(path)
        return None if parts is None else self.live.find(parts)

    def _new_node(self) -> int:
        self._nodes += 1
        return self._nodes - 1

    def _note_name(self, kind: str, node: int, path: Path, old_name: str = "") -> None:
        directory = self._node(path.parent)
        if directory is not None:
            self._note(Event(kind, node, directory, path.name, old_name))

    def _note(self, event: Event) -> None:
        self.complaints += objections(self, event)
        self.events.append(event)
        if event.kind in NAMING:
            self.live.apply(event)
        elif event.kind in ("write", "truncate"):
            self.live.contents[event.node] = changed(self.live.contents[event.node], event)

    # Operations

    def open(self, path: Path, flags: int, mode: int = 0o666) -> int:
        with self._lock:
            descriptor = super().open(path, flags, mode)
            node = self._node(path)
            if node is None and self._parts(path) is not None:
                node = self._new_node()
                self.live.contents[node] = b""
                self._note_name("create", node, path)
            if node is not None and node in self.live.contents:
                if flags & os.O_TRUNC:
                    self._note(Event("truncate", node))
                self._open[descriptor] = [node, -1 if flags & os.O_APPEND else 0]
            return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        with self._lock:
            written = super().write(descriptor, data)
            if descriptor in self._open:
                node, place = self._open[descriptor]
                offset = len(self.live.contents[node]) if place < 0 else place
                self._note(Event("write", node, offset=offset, data=bytes(data[:written])))
                if place >= 0:
                    self._open[descriptor][1] = offset + written
            return written

    def seek(self, descriptor: int, offset: int, whence: int) -> int:
        with self._lock:
            place = super().seek(descriptor, offset, whence)
            if descriptor in self._open and self._open[descriptor][1] >= 0:
                self._open[descriptor][1] = place
            return place

    def truncate(self, descriptor: int, size: int) -> None:
        with self._lock:
            super().truncate(descriptor, size)
            if descriptor in self._open:
                self._note(Event("truncate", self._open[descriptor][0], offset=size))

    def fsync(self, descriptor: int) -> None:
        with self._lock:
            super().fsync(descriptor)
            if descriptor in self._open:
                self._note(Event("fsync", self._open[descriptor][0]))

    def close(self, descriptor: int) -> None:
        with self._lock:
            self._open.pop(descriptor, None)
            super().close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            super().replace(source, target)
            node = self._node(source)
            if node is not None:
                assert source.parent == target.parent, "a rename into another directory"
                self._note_name("replace", node, target, source.name)

    def unlink(self, path: Path) -> None:
        self._remove("unlink", path)

    def remove_directory(self, path: Path) -> None:
        self._remove("remove_directory", path)

    def _remove(self, kind: str, path: Path) -> None:
        with self._lock:
            getattr(super(), kind)(path)
            node = self._node(path)
            if node is not None:
                self._note_name(kind, node, path)

    def make_directory(self, path: Path) -> None:
        with self._lock:
            super().make_directory(path)
            if self._parts(path) is not None:
                self._note_name("make_directory", self._new_node(), path)

    def fsync_directory(self, path: Path) -> None:
        with self._lock:
            super().fsync_directory(path)
            node = self._node(path)
            if node is not None:
                self._note(Event("fsync_directory", node))

    def is_old(self, node: int) -> bool:
        """Whether it was there before the recording began."""
        return node in self._old


# The oracle


def objections(disk: RecordedDisk, event: Event) -> Iterator[str]:
    """What is wrong with doing `event` now."""
    written, named = pending_writes(disk.events), pending_names(disk.events)
    what = f"{event.kind} {event.old_name} {event.name}"
    if event.kind == "replace":
        below = [event.node, *(node for _, node in disk.live.paths(event.node))]
        if any(node in written for node in below):
            yield f"{what}: its bytes are not durable"
        if any(each.directory in below for each in named):
            yield f"{what}: the names in it are not durable"
    goes = event.kind in ("unlink", "remove_directory") or "trash" in event.name
    if goes and disk.is_old(event.node):
        new = [each for each in named if each.kind in ("create", "replace", "make_directory")]
        if any(each.directory == event.directory and not is_hidden(each.name) for each in new):
            yield f"{what}: its successor is not durable"
    if disk.marker is not None and event.name == disk.marker:
        siblings = set(disk.live.names[event.directory].values()) - {event.node}
        if siblings & written.keys():
            yield f"{what}: other files of its directory are not durable"


def is_hidden(name: str) -> bool:
    return name.startswith(".")


def pending_writes(events: Sequence[Event]) -> dict[int, list[Event]]:
    """The changes of each file since its last fsync."""
    pending: dict[int, list[Event]] = {}
    for event in events:
        if event.kind in ("write", "truncate"):
            pending.setdefault(event.node, []).append(event)
        elif event.kind == "fsync":
            pending.pop(event.node, None)
    return pending


def pending_names(events: Sequence[Event]) -> list[Event]:
    """The changes of names since the last fsync of their directory."""
    pending: list[Event] = []
    for event in events:
        if event.kind in NAMING:
            pending.append(event)
        elif event.kind == "fsync_directory":
            pending = [each for each in pending if each.directory != event.node]
    return pending


# Worlds


def crash_everywhere(
    root: Path, act: Callable[[], object], *, marker: str | None = None
) -> Crashes:
    """Do `act` once below `root`; the distinct worlds over every moment at which it could crash."""
    disk = RecordedDisk(root, marker)
    with using(disk):
        act()
    left = [event.name for event in pending_names(disk.events) if event.kind == "replace"]
    visible = [name for name in left if not is_hidden(name)]
    assert not visible, f"returned before these names were durable: {visible}"
    assert not disk.complaints, disk.complaints
    during = {
        world for end in range(len(disk.events) + 1) for world in worlds(disk, disk.events[:end])
    }
    return Crashes(during, set(worlds(disk, disk.events)))


@contextmanager
def using(disk: files.Disk) -> Iterator[None]:
    """Let everything go to `disk`."""
    before, files.disk.current = files.disk.current, disk
    try:
        yield
    finally:
        files.disk.current = before


def check_every_crash(
    folder: Path,
    act: Callable[[Path], object],
    check: Callable[[Path], object],
    *,
    prepare: Callable[[Path], object] = lambda path: None,
    recover: Callable[[Path], object] | None = None,
    check_after: Callable[[Path], object] | None = None,
    marker: str | None = None,
    recover_from_every: int = 1,
) -> int:
    """Crash `act(path)` everywhere and `check(path)` each world; the number of worlds.

    Then `recover(path)` starts from each world, is itself crashed everywhere, and each of those
    worlds is checked too; of many worlds, from every so many-th. `check_after` is applied to what
    may be there once `act`, or a recovery, has returned.
    """
    first, second, third = folder / "first", folder / "second", folder / "third"
    shutil.rmtree(first, ignore_errors=True)
    first.mkdir()
    prepare(first)
    crashes = crash_everywhere(first, lambda: act(first), marker=marker)
    seen: set[World] = set()
    seen_after: set[World] = set()
    for number, world in enumerate(sorted(crashes.during, key=World.paths)):
        check(world.build(second))
        if recover is None or number % recover_from_every:
            continue
        # Every inner world must hold what is promised; equal ones need one look only.
        inner = crash_everywhere(second, lambda: recover(second), marker=marker)
        for nested in inner.during - seen:
            check(nested.build(third))
        if check_after is not None:
            for nested in inner.after - seen_after:
                check_after(nested.build(third))
        seen |= inner.during
        seen_after |= inner.after
    if check_after is not None:
        for world in crashes.after:
            check_after(world.build(second))
    return len(crashes.during) + len(seen)


def worlds(disk: RecordedDisk, events: Sequence[Event]) -> Iterator[World]:
    """Every world that a power failure right after `events` may leave."""
    lost_writes = pending_writes(events)
    candidates = {node: list(versions(disk, events, node)) for node in lost_writes}
    kept = contents_after(disk, events)
    pending = pending_names(events)
    for lost in selections(pending):
        tree = disk.start.copy()
        for event in events:
            if event.kind in NAMING and not any(event is each for each in lost):
                tree.apply(event)
        paths = dict(tree.paths())
        unsure = [node for node in candidates if node in paths.values()]
        for choice in mixtures([candidates[node] for node in unsure]):
            content = kept | dict(zip(unsure, choice, strict=True))
            yield World(
                frozenset(
                    (path, None if node in tree.names else content[node])
                    for path, node in paths.items()
                )
            )


def selections(pending: Sequence[Event]) -> Iterator[tuple[Event, ...]]:
    """Which changes of names are lost: any of few; of many all from one on, all but one, or one."""
    if len(pending) <= 5:
        for size in range(len(pending) + 1):
            yield from combinations(pending, size)
        return
    for number in range(len(pending) + 1):
        yield tuple(pending[number:])
    for each in pending:
        yield (each,)
        yield tuple(other for other in pending if other is not each)


def mixtures(candidates: Sequence[Sequence[bytes]]) -> Iterator[tuple[bytes, ...]]:
    """One version for each file: every mixture of few, else all alike or one that differs."""
    if len(candidates) <= 3:
        yield from product(*candidates)
        return
    for kind in range(4):
        alike = [each[kind % len(each)] for each in candidates]
        yield tuple(alike)
        for place, each in enumerate(candidates):
            for version in each:
                yield (*alike[:place], version, *alike[place + 1 :])


def contents_after(disk: RecordedDisk, events: Sequence[Event]) -> dict[int, bytes]:
    """The contents of all files, had nothing been lost."""
    contents = dict(disk.start.contents)
    for event in events:
        if event.kind in ("write", "truncate"):
            contents[event.node] = changed(contents.get(event.node, b""), event)
        elif event.kind == "create":
            contents.setdefault(event.node, b"")
    return contents


def versions(disk: RecordedDisk, events: Sequence[Event], node: int) -> Iterator[bytes]:
    """What may be in a file: as at its last fsync, torn, zeroes, or all of it."""
    changes = [event for event in events if event.node == node]
    synced = max((n for n, event in enumerate(changes, 1) if event.kind == "fsync"), default=0)
    durable = disk.start.contents.get(node, b"")
    for event in changes[:synced]:
        durable = changed(durable, event)
    whole = torn = durable
    total = sum(len(event.data) for event in changes[synced:])
    room = total // 2
    for event in changes[synced:]:
        whole = changed(whole, event)
        if room > 0 or event.kind == "truncate":
            torn = changed(torn, cut(event, room))
            room -= len(event.data)
    zeroes = durable[: len(whole)] + bytes(max(0, len(whole) - len(durable)))
    yield from dict.fromkeys((durable, torn, zeroes, whole))


def cut(event: Event, size: int) -> Event:
    return Event(event.kind, event.node, offset=event.offset, data=event.data[: max(0, size)])


def changed(content: bytes, event: Event) -> bytes:
    """`content` after a write or a truncation; other events leave it."""
    if event.kind == "truncate":
        return content[: event.offset] + bytes(max(0, event.offset - len(content)))
    if event.kind != "write":
        return content
    filled = content + bytes(max(0, event.offset - len(content)))
    return filled[: event.offset] + event.data + filled[event.offset + len(event.data) :]
