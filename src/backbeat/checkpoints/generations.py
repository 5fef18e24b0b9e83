"""Generations: the saved states of one run, each a directory that is there whole or not at all.

run/
├── gen-000007/          the newest
│   ├── manifest.json    written last: number, size and SHA-256 of each file
│   ├── state.json       strict JSON
│   └── tensors.safetensors
├── gen-000006/          the one before, in case the newest is damaged
└── .lock                whose directory it is
"""

from __future__ import annotations

import contextlib
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from backbeat import files
from backbeat.checkpoints import background
from backbeat.checkpoints.generation import (
    FILES,
    Contents,
    Generation,
    manifest_of,
    read_state,
    write_generation,
)
from backbeat.checkpoints.manifest import MANIFEST, Manifest, read_manifest
from backbeat.errors import CheckpointCorruptError, CheckpointError
from backbeat.files import disk
from backbeat.files.places import resolve
from backbeat.warning import warn

__all__ = ["Generations"]

_NAME = re.compile(r"gen-(\d{6,})")
_NUMBERED = re.compile(r"gen-(\d{6,})(\.\d+)?(\.corrupt)?")


class Generations:
    """The generations in `directory`, of which at least the newest `keep` stay.

    The newest one whose weights are finite stays too. What is not ours is never touched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = Generations(folder)
    ...     saved.open()
    ...     _ = saved.commit({"epoch": 3})
    ...     generation = saved.newest()
    ...     saved.close()
    >>> generation.number, generation.state
    (1, {'epoch': 3})
    """

    def __init__(self, directory: files.PathLike, *, keep: int = 2) -> None:
        self.directory = resolve(directory)
        self.keep = keep
        self._lock: files.Lock | None = None
        self._run = ""
        self._finite: dict[str, bool] = {}

    # Whose directory it is

    def open(self, run: str = "") -> None:
        """Lock the directory, made if it is missing, and remove what killed runs left unfinished.

        Raises DirectoryInUseError if another run writes there; `run` is what others are told.
        """
        # An earlier run of this process may have left without waiting for its last one.
        background.wait_for(self.directory)
        files.make_parents(self.directory / MANIFEST)
        if self._lock is None:
            self._run = run
            self._lock = files.lock_directory(self.directory, run)
            files.sweep(self.directory)

    def _keep_others_out(self) -> None:
        """Lock the directory again if somebody removed it, and the lock with it.

        Raises DirectoryInUseError if another run has taken it meanwhile.
        """
        lock = self._lock
        if lock is not None and not lock.is_held():
            self._lock = files.lock_directory(self.directory, self._run)
            lock.become_inert()

    def close(self) -> None:
        """Let other runs write there."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def discard(self) -> None:
        """Remove all generations, and the directory if nothing else is in it.

        Where another run has taken the directory meanwhile, they are its own, and stay.
        """
        is_ours = self._lock is None or self._lock.is_held()
        for path in self._paths() if is_ours else ():
            problem = self._remove(path)
            if problem is not None:
                warn(problem)
        self.close()
        with contextlib.suppress(OSError):
            disk.current.remove_directory(self.directory)

    # Writing

    def commit(self, state: Mapping[str, Any], *, is_finite: bool = True) -> Path:
        """Write `state`, plain data, as `write` does; a warning tells what could not be removed.

        Raises what `Contents.of` and `write` raise.
        """
        remained: list[str] = []
        path = self.write(Contents.of(state, is_finite=is_finite), remained)
        for problem in remained:
            warn(problem)
        return path

    def write(self, contents: Contents, remained: list[str]) -> Path:
        """Write the newest generation, durably, then remove those that are too old.

        May be called in any thread. Returns the new directory; `remained` gets a sentence for each
        old one that could not be removed.

        Raises CheckpointError if it cannot be written, or if another run has taken the directory
        since somebody removed it: all earlier ones are then as they were.
        """
        files.make_parents(self.directory / MANIFEST)  # somebody may have removed it meanwhile
        self._keep_others_out()
        number = 1 + max(self._numbers(), default=0)
        path = self.directory / f"gen-{number:06d}"
        write_generation(path, number, contents)
        self._finite[path.name] = contents.is_finite
        remained += self._retire()
        return path

    def _retire(self) -> list[str]:
        """Remove what is older than the newest `keep` and the newest finite one."""
        paths = sorted(self._paths(), key=_number, reverse=True)
        finite = next((path for path in paths if self._is_finite(path)), None)
        removed = [self._remove(path) for path in paths[self.keep :] if path != finite]
        return [problem for problem in removed if problem is not None]

    def _is_finite(self, path: Path) -> bool:
        if path.name not in self._finite:
            try:
                self._finite[path.name] = read_manifest(path).is_finite
            except CheckpointError:
                return False
        return self._finite[path.name]

    def _remove(self, path: Path) -> str | None:
        """Remove a generation, unless somebody put something of their own into it."""
        try:
            if set(disk.current.list(path)) <= FILES:
                files.remove_tree(path)
        except OSError as error:
            # The new one is safe: an old one too many hurts nobody.
            return f"{path} could not be removed: {error}"
        return None

    # Reading

    def newest(self) -> Generation | None:
        """The newest generation with finite weights that is what was written; None if none is.

        Where all have weights that are not finite, the newest of those. Damaged ones on the way
        are renamed to `*.corrupt`, with a warning.

        Raises CheckpointError if one was written by a newer backbeat.
        """
        found = {path: manifest for path in self._paths() if (manifest := self._manifest(path))}
        order = sorted(found, key=lambda path: (found[path].is_finite, found[path].number))
        for path in reversed(order):
            state = self._verified(path, found[path])
            if state is not None:
                self._tell_why(found[path], found.values())
                return Generation(found[path].number, path, state, found[path].is_finite)
        return None

    def _tell_why(self, taken: Manifest, found: Iterable[Manifest]) -> None:
        """Say so if weights that are not finite decided which generation it is."""
        if not taken.is_finite:
            why = "holds weights that are not finite, and there is no generation without such"
        elif any(not each.is_finite and each.number > taken.number for each in found):
            why = "is used, because the weights of the newer ones are not finite"
        else:
            return
        warn(f"{self.directory}: generation {taken.number} {why}.")

    def _manifest(self, path: Path) -> Manifest | None:
        """The manifest, or None if the generation had to be set aside."""
        try:
            return manifest_of(path, _number(path))
        except CheckpointError as error:
            if not _is_damage(path, error):
                raise
            self._set_aside(path, error)
            return None

    def _verified(self, path: Path, manifest: Manifest) -> dict[str, Any] | None:
        """The state, or None if the generation had to be set aside."""
        try:
            return read_state(path, manifest)
        except CheckpointError as error:
            self._set_aside(path, error)
            return None

    def _set_aside(self, path: Path, error: Exception) -> None:
        aside, count = path.with_name(f"{path.name}.corrupt"), 0
        while disk.current.entry(aside) is not None:
            count += 1
            aside = path.with_name(f"{path.name}.{count}.corrupt")
        said = f"{error} It is kept as {aside.name}, and the generation before it is used."
        try:
            files.rename_directory(path, aside)
        except CheckpointError as another:
            said = f"{error} The generation before it is used. ({another})"
        warn(f"{path} cannot be resumed: {said}")

    # The directory

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._paths())

    def _paths(self) -> list[Path]:
        """The directories that look like generations."""
        paths = [self.directory / name for name in self._names() if _NAME.fullmatch(name)]
        return [path for path in paths if _is_directory(path)]

    def _numbers(self) -> Iterable[int]:
        """Every number ever used, damaged generations included."""
        found = (_NUMBERED.fullmatch(name) for name in self._names())
        return [int(match[1]) for match in found if match]

    def _names(self) -> list[str]:
        try:
            return disk.current.list(self.directory)
        except FileNotFoundError:
            return []


def _number(path: Path) -> int:
    return int(path.name.removeprefix("gen-"))


def _is_directory(path: Path) -> bool:
    status = disk.current.entry(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _is_damage(path: Path, error: CheckpointError) -> bool:
    """Whether the generation is broken; not if it is only too new, or may not be read."""
    missing = disk.current.entry(path / MANIFEST) is None
    return isinstance(error, CheckpointCorruptError) or missing
