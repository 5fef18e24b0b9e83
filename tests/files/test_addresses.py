from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backbeat.errors import ArgumentError, ArgumentTypeError, CheckpointError, MissingPackageError
from backbeat.files.addresses import is_address, open_store, reaching, text_of


@pytest.mark.parametrize("path", ["w.h5", "/a/w.h5", Path("a/w.h5"), "file:///a/w.h5", "a:b/w.h5"])
def test_a_path_of_this_machine_is_no_address(path: Any) -> None:
    """`file://` is one too."""
    assert not is_address(path)


@pytest.mark.parametrize("path", ["s3://bucket/w.h5", "memory://w.h5", "simplecache::s3://b/w.h5"])
def test_what_has_a_protocol_is_an_address(path: str) -> None:
    """Chains of them included."""
    assert is_address(path)


def test_file_addresses_are_paths() -> None:
    """They keep all the guarantees of a path."""
    assert text_of("file:///runs/w.h5") == "/runs/w.h5"


@pytest.mark.parametrize("path", ["~/runs/w.h5", Path("~/runs/w.h5")])
def test_a_path_from_home(path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wants a directory that is called `~`; other names may begin with it."""
    monkeypatch.setenv("HOME", "/home/min")

    assert text_of(path) == "/home/min/runs/w.h5"
    assert text_of("~runs/w.h5") == "~runs/w.h5"


def test_a_home_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(ArgumentError) as caught:
        text_of("~/w.h5")

    assert str(caught.value) == (
        "'~/w.h5' begins with ~, but which directory is home is not known; set HOME, or give the "
        "whole path."
    )


def test_letters_that_file_names_cannot_hold() -> None:
    """Under an ASCII locale that is every Korean one; half a letter is one anywhere."""
    with pytest.raises(ArgumentError) as caught:
        text_of("\ud800.h5")

    assert str(caught.value) == (
        "'\\ud800.h5' holds letters that file names cannot hold here, where they are utf-8. Start "
        "Python with PYTHONUTF8=1 or in a locale such as C.UTF-8, or give another name."
    )


def test_an_address_that_was_made_a_path_is_noticed() -> None:
    """Else it would be written to a directory called `s3:`."""
    with pytest.raises(ArgumentError) as caught:
        text_of(Path("s3://bucket/w.h5"))

    assert str(caught.value) == (
        "PosixPath('s3:/bucket/w.h5') was an address before pathlib made a path of it; pass it as "
        "text: 's3://bucket/w.h5'."
    )


def test_a_directory_with_a_colon_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is there, it is meant."""
    monkeypatch.chdir(tmp_path)
    Path("s3:").mkdir()

    assert text_of(Path("s3:/w.h5")) == "s3:/w.h5"


@pytest.mark.parametrize("path", [None, 3, b"w.h5"])
def test_what_is_no_path(path: Any) -> None:
    """A kind of thing that can never be one."""
    with pytest.raises(ArgumentTypeError, match=r"^a path is a str or a pathlib\.Path, such as"):
        text_of(path)


def test_an_unknown_protocol() -> None:
    """The error says which ones there are."""
    with pytest.raises(ArgumentError) as caught:
        open_store("s4://bucket/w.h5")

    assert str(caught.value) == (
        "'s4://bucket/w.h5' begins with s4://, which fsspec does not know; known are, among "
        "others, s3, gs, az, sftp, hf and memory."
    )


def test_the_package_of_a_protocol_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The install line holds both."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingPackageError) as caught:
        open_store("s3://bucket/w.h5")

    assert str(caught.value) == (
        "'s3://bucket/w.h5' needs a further package (Install s3fs to access S3): pip install "
        "'backbeat[remote]' s3fs."
    )


def test_fsspec_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes with an extra."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingPackageError) as caught:
        open_store("gs://bucket/w.h5")

    assert str(caught.value) == (
        "'gs://bucket/w.h5' is an address, which fsspec reaches: pip install 'backbeat[remote]' "
        "gcsfs."
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Access Denied"), "Access Denied. Give another address, or ask"),
        (FileNotFoundError(2, "No bucket"), "No bucket. Is there such a bucket or directory?"),
        (TimeoutError(), "TimeoutError. Can the store be reached from here"),
        (RuntimeError("no credentials."), "no credentials. Can the store be reached"),
    ],
)
def test_errors_of_stores_are_explained(error: Exception, said: str) -> None:
    """Whatever class they have."""
    with pytest.raises(CheckpointError) as caught, reaching("s3://b/w.h5"):
        raise error

    assert str(caught.value).startswith(f"s3://b/w.h5 cannot be written: {said}")
    assert caught.value.__cause__ is error


def test_fsspec_is_not_imported_for_paths() -> None:
    """Who writes to disks alone does not pay for it."""
    program = (
        "import sys; from backbeat import files\n"
        "with files.whole('/dev/shm/backbeat-test.txt', 'w') as file: file.write('x')\n"
        "files.remove('/dev/shm/backbeat-test.txt')\n"
        "sys.exit('fsspec' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
