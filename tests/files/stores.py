"""Stores behind addresses: fsspec's own one in memory, made to behave like others, or to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem


class Store(MemoryFileSystem):
    """`store://`: notes what is done, and fails where it is told to."""

    protocol: Any = "store"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    cachable = False
    done: list[str] = []
    failures: dict[str, Exception] = {}

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return super()._strip_protocol(str(path).partition("://")[2] or str(path))

    def _do(self, operation: str, path: str) -> None:
        self.done.append(f"{operation} {path.lstrip('/')}")
        if operation in self.failures:
            raise self.failures[operation]

    def put_file(self, lpath: Any, rpath: Any, *args: Any, **options: Any) -> None:
        """Fails, if it is told to, when half of the bytes are there."""
        if "put" in self.failures:
            data = Path(lpath).read_bytes()
            self.pipe_file(rpath, data[: len(data) // 2])
        self._do("put", rpath)
        super().put_file(lpath, rpath, *args, **options)

    def mv(self, path1: Any, path2: Any, **options: Any) -> None:
        self._do("mv", path2)
        super().mv(path1, path2, **options)

    def rm_file(self, path: Any) -> None:
        self._do("rm", path)
        super().rm_file(path)

    def cp_file(self, path1: Any, path2: Any, **options: Any) -> None:
        self._do("cp", path2)
        super().cp_file(path1, path2, **options)

    def get_file(self, rpath: Any, lpath: Any = None, **options: Any) -> None:
        self._do("get", rpath)
        super().get_file(rpath, lpath, **options)

    def exists(self, path: Any, **options: Any) -> bool:
        if "exists" in self.failures:
            raise self.failures["exists"]
        return super().exists(path, **options)


class Bucket(Store):
    """`bucket://`: as S3 has it; an object appears at once, and nobody creates a bucket."""

    protocol: Any = ("bucket", "s3")
    store: dict[str, Any] = {}
    pseudo_dirs = ["", "/runs"]

    def put_file(self, lpath: Any, rpath: Any, *args: Any, **options: Any) -> None:
        self._do("put", rpath)
        if not rpath.startswith("/runs/"):
            raise FileNotFoundError(2, "The specified bucket does not exist", rpath)
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def mkdir(self, path: Any, *args: Any, **options: Any) -> None:
        raise AssertionError("a bucket was created")


class Renaming(Store):
    """`renaming://`: one that needs its directories, and whose rename replaces nothing."""

    protocol: Any = "renaming"
    store: dict[str, Any] = {}
    pseudo_dirs = ["", "/host"]

    def put_file(self, lpath: Any, rpath: Any, *args: Any, **options: Any) -> None:
        self._do("put", rpath)
        if self._parent(rpath) not in self.pseudo_dirs:
            raise FileNotFoundError(2, "No such file or directory", rpath)
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def mv(self, path1: Any, path2: Any, **options: Any) -> None:
        if self.exists(path2):
            self.done.append("refused")
            raise FileExistsError(17, "File exists", path2)
        self.done.append(f"mv {path2.lstrip('/')}")
        self.store[path2] = self.store.pop(path1)

    def cp_file(self, path1: Any, path2: Any, **options: Any) -> None:
        raise NotImplementedError


class Shelf(LocalFileSystem):
    """`shelf://`: a directory of this machine as a store that outlives processes."""

    protocol: Any = "shelf"
    cachable = False
    halfway: Callable[[], None] = staticmethod(lambda: None)
    """Called when half of an upload is there."""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(str(path).removeprefix("shelf://"))

    def put_file(self, lpath: Any, rpath: Any, *args: Any, **options: Any) -> None:
        data = Path(lpath).read_bytes()
        Path(rpath).write_bytes(data[: len(data) // 2])
        self.halfway()
        Path(rpath).write_bytes(data)


KINDS = (Store, Bucket, Renaming)


@contextmanager
def stores() -> Iterator[None]:
    """Registers them, empty."""
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    for kind in KINDS:
        names = [kind.protocol] if isinstance(kind.protocol, str) else kind.protocol
        fsspec.register_implementation(names[0], kind, clobber=True)
    memory = dict(MemoryFileSystem.store), list(MemoryFileSystem.pseudo_dirs)
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.store.update(memory[0])
    MemoryFileSystem.pseudo_dirs[:] = memory[1]
    Store.done.clear()
    Store.failures.clear()
    for kind in KINDS:
        kind.store.clear()
        kind.pseudo_dirs[:] = [name for name in kind.pseudo_dirs if name in ("", "/runs", "/host")]


def held(kind: type[MemoryFileSystem] = MemoryFileSystem) -> list[str]:
    """The names of all files in a store."""
    return sorted(name.lstrip("/") for name in kind.store)
