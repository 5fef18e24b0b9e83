from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from backbeat import files
from backbeat.errors import BackbeatError, CheckpointError
from backbeat.files import remote
from tests.files.disks import names
from tests.files.stores import Bucket, Renaming, Shelf, Store, held, stores


@pytest.fixture(autouse=True)
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stores, empty, and a place of their own for what is written on the way."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with stores():
        yield
    assert list((tmp_path / "temporary").iterdir()) == []


def write(address: str, text: str) -> None:
    with files.whole(address, "w") as file:
        file.write(text)


def read(address: str) -> str:
    return fsspec.open(address, "rb").open().read().decode()


@pytest.mark.parametrize(
    "address", ["memory://a/b/w.txt", "store://w.txt", "renaming://host/w.txt"]
)
def test_what_is_written_is_there_whole(address: str) -> None:
    """A second version takes the place of the first, and nothing is left beside it."""
    write(address, "old")
    write(address, "new and longer")

    assert read(address) == "new and longer"
    assert held(MemoryFileSystem) + held(Store) + held(Renaming) == [address.split("://")[1]]


def test_a_store_gets_a_file_under_another_name_first() -> None:
    """Then it is moved: nobody sees half of it."""
    write("store://runs/w.txt", "text")

    done = dict(each.split() for each in Store.done)
    assert done["put"].startswith("runs/.w.txt.")
    assert done["put"].endswith(".tmp")
    assert done["mv"] == "runs/w.txt"


def test_an_object_store_gets_one_upload() -> None:
    """Which is in one step there."""
    write("bucket://runs/a/w.txt", "text")

    assert Store.done == ["put runs/a/w.txt"]
    assert held(Bucket) == ["runs/a/w.txt"]


def test_no_bucket_is_created() -> None:
    """A mistyped name is an error."""
    with pytest.raises(CheckpointError) as caught:
        write("bucket://rums/w.txt", "text")

    assert str(caught.value) == (
        "bucket://rums/w.txt cannot be written: The specified bucket does not exist. Is there such "
        "a bucket or directory?"
    )


def test_missing_directories_are_created() -> None:
    """Where a store has any."""
    write("renaming://host/a/b/w.txt", "text")

    assert held(Renaming) == ["host/a/b/w.txt"]


def test_a_rename_that_replaces_nothing() -> None:
    """The old file is removed when all of the new one is there."""
    write("renaming://host/w.txt", "old")
    Store.done.clear()
    write("renaming://host/w.txt", "new")

    assert [each.split()[0] for each in Store.done][:3] == ["put", "refused", "rm"]
    assert read("renaming://host/w.txt") == "new"


@pytest.mark.parametrize("operation", ["put", "mv", "cp"])
def test_a_failure_leaves_the_old_file(operation: str) -> None:
    """And nothing beside it."""
    write("store://w.txt", "old")
    Store.failures[operation] = TimeoutError("timed out")
    with pytest.raises(CheckpointError, match="cannot be written: timed out. Can the store be"):
        write("store://w.txt", "new and longer")

    assert read("store://w.txt") == "old"
    assert held(Store) == ["w.txt"]


def killed_while_uploading(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is killed when half of the file is there."""
    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "halfway", lambda self: os.kill(os.getpid(), signal.SIGKILL))
        child = os.fork()
        if child == 0:
            write(address, "never all there")
            os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_what_a_killed_upload_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next upload to the same address removes it, and nothing else; on this machine too."""
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / ".w.txt.0123456789abcdef.tmp").write_text("somebody's")
    address = f"shelf://{tmp_path}/shelf/w.txt"
    write(address, "old")
    killed_while_uploading(address, monkeypatch)
    between, here = names(tmp_path / "shelf"), names(tmp_path / "temporary")
    text = read(address)
    write(f"shelf://{tmp_path}/shelf/v.txt", "another")
    with_another = names(tmp_path / "shelf")
    write(address, "new")

    assert (len(between), len(here), text, len(with_another)) == (3, 1, "old", 4)
    assert names(tmp_path / "shelf") == [".w.txt.0123456789abcdef.tmp", "v.txt", "w.txt"]
    assert read(address) == "new"


def test_an_upload_that_goes_on_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another upload to the same address, halfway through this one, does not disturb it."""
    (tmp_path / "shelf").mkdir()
    address = f"shelf://{tmp_path}/shelf/w.txt"

    def another(self: Shelf) -> None:
        monkeypatch.setattr(Shelf, "halfway", lambda self: None)
        write(address, "second")

    monkeypatch.setattr(Shelf, "halfway", another)
    write(address, "first")

    assert read(address) == "first"
    assert names(tmp_path / "shelf") == ["w.txt"]


def test_a_store_that_cannot_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is written to all the same."""

    def refuse(self: Store, path: str, *args: object, **options: object) -> None:
        raise PermissionError(13, "Forbidden")

    monkeypatch.setattr(Store, "ls", refuse)
    write("store://runs/w.txt", "text")

    assert held(Store) == ["runs/w.txt"]


def test_an_error_while_filling_uploads_nothing() -> None:
    """The file on this machine is removed."""
    with pytest.raises(KeyboardInterrupt), files.whole("store://w.txt"):
        raise KeyboardInterrupt

    assert Store.done == []


def test_probe_writes_and_removes() -> None:
    """In the nearest directory that is there; in an object store beside the target."""
    files.probe("renaming://host/not/there/w.txt")
    files.probe("bucket://runs/a/w.txt")

    removed = [each for each in Store.done if each.startswith("rm ")]
    assert removed[0].startswith("rm host/.probe.")
    assert removed[1].startswith("rm runs/a/.probe.")
    assert held(Renaming) + held(Bucket) == []


def test_what_a_killed_probe_left_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the store is a file system."""
    (tmp_path / "shelf").mkdir()
    address = f"shelf://{tmp_path}/shelf/w.txt"
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Shelf, "rm_file", lambda self, path: os._exit(0))
        files.probe(address)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    between = names(tmp_path / "shelf")
    files.probe(address)

    assert (status, len(between)) == (0, 1)
    assert names(tmp_path / "shelf") == []


def test_probe_of_a_store_that_refuses() -> None:
    """Said with the address."""
    Store.failures["exists"] = PermissionError(13, "Forbidden")
    with pytest.raises(CheckpointError, match="^store://a/b/w.txt cannot be reached: Forbidden."):
        files.probe("store://a/b/w.txt")


def test_a_file_is_fetched_for_a_while() -> None:
    """The copy has the same name, which chooses the format."""
    write("memory://a/w.txt", "text")
    with remote.fetched("memory://a/w.txt") as local:
        text, name = local.read_text(), local.name

    assert (text, name) == ("text", "w.txt")
    assert not local.exists()


def test_errors_name_the_address_not_the_copy() -> None:
    """The copy is gone when somebody reads the message."""
    write("memory://a/w.txt", "text")
    with pytest.raises(CheckpointError) as caught, remote.fetched("memory://a/w.txt") as local:
        raise CheckpointError(f"{local} is damaged.")

    assert str(caught.value) == "memory://a/w.txt is damaged."


def test_what_cannot_be_fetched() -> None:
    """Reading has errors of its own."""
    write("store://w.txt", "text")
    Store.failures["get"] = ConnectionError("reset by peer")
    with (
        pytest.raises(CheckpointError, match="^store://w.txt cannot be read: reset by peer"),
        remote.fetched("store://w.txt"),
    ):
        pass


def test_link_copies_inside_the_store() -> None:
    """No byte comes by here; `best` is replaced in one step."""
    write("store://w.txt", "text")
    Store.done.clear()

    assert files.link("store://w.txt", "store://best.txt")
    assert read("store://best.txt") == "text"
    assert not [each for each in Store.done if each.startswith(("put", "get"))]


def test_link_between_places_is_not_possible(tmp_path: Path) -> None:
    """Then the caller writes it a second time."""
    write("renaming://host/w.txt", "text")

    assert not files.link("renaming://host/w.txt", str(tmp_path / "w.txt"))
    assert not files.link("renaming://host/w.txt", "store://w.txt")
    assert not files.link("renaming://host/w.txt", "renaming://host/best.txt")
    assert held(Renaming) == ["host/w.txt"]


def test_link_that_fails() -> None:
    """An error of the store is one."""
    write("store://w.txt", "text")
    Store.failures["cp"] = PermissionError(13, "Forbidden")
    with pytest.raises(CheckpointError, match=r"^store://best\.txt cannot be written: Forbidden"):
        files.link("store://w.txt", "store://best.txt")


def test_remove_and_exists() -> None:
    """Removing what is not there is no error."""
    write("memory://w.txt", "text")
    before = files.exists("memory://w.txt")
    files.remove("memory://w.txt")
    files.remove("memory://w.txt")

    assert (before, files.exists("memory://w.txt")) == (True, False)


def test_remove_that_fails() -> None:
    """Said with the address."""
    write("bucket://runs/w.txt", "text")
    Store.failures["rm"] = PermissionError(13, "Forbidden")
    with pytest.raises(CheckpointError, match=r"^bucket://runs/w\.txt cannot be removed: Forbid"):
        files.remove("bucket://runs/w.txt")


def test_names_beside() -> None:
    """For an offer when a name was mistyped."""
    write("memory://a/w.txt", "text")

    assert remote.names_beside("memory://a/v.txt") == ["w.txt"]
    assert remote.names_beside("memory://b/v.txt") == []


def test_what_needs_a_disk_refuses_an_address() -> None:
    """Rows, locks and directories."""
    with pytest.raises(BackbeatError, match="'s3://b/log.csv' is an address, not a path of this"):
        files.open_rows("s3://b/log.csv")
