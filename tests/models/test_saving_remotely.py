"""ModelCheckpoint, save and load with addresses, in a real fit, through fsspec's own stores."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem

from backbeat.callbacks import LambdaCallback, ModelCheckpoint
from backbeat.errors import (
    BackbeatWarning,
    CheckpointCorruptError,
    CheckpointError,
    MissingPackageError,
)
from backbeat.layers import Dense
from backbeat.models import Sequential, load_model
from tests.files.stores import Bucket, Store, held, stores

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.rand(40, 8).astype("float32"), RANDOM.rand(40, 3).astype("float32")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    with stores():
        yield


def model() -> Sequential:
    torch.manual_seed(0)
    made = Sequential([Dense(6, "relu", input_dim=8), Dense(3)])
    made.compile("adam", "mse")
    return made


def fit(made: Sequential, *callbacks: Any, epochs: int = 3, **keywords: Any) -> Any:
    torch.manual_seed(1)
    return made.fit(
        X, Y, batch_size=10, epochs=epochs, verbose=0, callbacks=[*callbacks], **keywords
    )


def same(one: Any, other: Any) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
def test_what_is_saved_to_an_address_is_loaded_from_it(suffix: str, background: bool) -> None:
    """In every format; nothing else is left in the store."""
    trained, other = model(), model()
    fit(trained, ModelCheckpoint(f"memory://runs/m{suffix}", background=background))
    other.load_weights(f"memory://runs/m{suffix}")

    assert same(trained, other)
    assert held() == [f"runs/m{suffix}"]


def test_a_whole_model(tmp_path: Path) -> None:
    """`save`, `load` and `load_model`; the bytes are those of a file."""
    trained = model()
    fit(trained)
    trained.save("memory://m.h5")
    trained.save(tmp_path / "m.h5")
    loaded, filled = load_model("memory://m.h5"), model()
    filled.load("memory://m.h5")

    assert same(trained, loaded)
    assert same(trained, filled)
    assert loaded.optimizer is not None
    assert loaded.optimizer.iterations == 12
    assert fsspec.open("memory://m.h5").open().read() == (tmp_path / "m.h5").read_bytes()


def test_templates_kept_files_and_fixed_names() -> None:
    """What the run wrote beyond `keep_last` is removed, and nothing that was there before."""
    fsspec.filesystem("memory").pipe_file("/runs/00.h5", b"not of this run")
    told: list[Any] = []
    saving = ModelCheckpoint(
        "memory://runs/{epoch:02d}.h5",
        monitor="loss",
        keep_last=2,
        best_path="memory://runs/best.h5",
        last_path="memory://last.h5",
    )
    fit(model(), saving, LambdaCallback(on_checkpoint_saved=told.append), epochs=4)

    assert held() == ["last.h5", "runs/00.h5", "runs/03.h5", "runs/04.h5", "runs/best.h5"]
    assert told[-3:] == ["memory://runs/04.h5", "memory://runs/best.h5", "memory://last.h5"]
    assert same(load_model("memory://last.h5"), load_model("memory://runs/04.h5"))


def test_the_best_alone() -> None:
    """`save_best_only`, with every so many steps beside it."""
    best = ModelCheckpoint("memory://best.h5", monitor="loss", save_best_only=True, mode="max")
    steps = ModelCheckpoint("memory://{step}.safetensors", every=5)
    fit(model(), best, steps)
    first = model()
    fit(first, epochs=1)

    assert held() == ["10.safetensors", "5.safetensors", "best.h5"]
    assert same(load_model("memory://best.h5"), first)


def test_a_fixed_name_on_the_disk(tmp_path: Path) -> None:
    """An address and a path may be mixed."""
    saving = ModelCheckpoint("memory://{epoch}.h5", last_path=tmp_path / "last.h5")
    fit(model(), saving, epochs=2)

    assert same(load_model(tmp_path / "last.h5"), load_model("memory://2.h5"))


def test_file_addresses_are_files(tmp_path: Path) -> None:
    """All that holds for paths holds for them; they are announced as paths."""
    told: list[Any] = []
    saving = ModelCheckpoint(f"file://{tmp_path}/a/{{epoch}}.h5", keep_last=1)
    fit(model(), saving, LambdaCallback(on_checkpoint_saved=told.append))

    assert told[-1] == tmp_path / "a" / "3.h5"
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["3.h5"]
    assert same(load_model(f"file://{tmp_path}/a/3.h5"), load_model(told[-1]))


def test_an_object_store_copies_the_best_by_itself() -> None:
    """Each save is uploaded once; no bucket, and no directory, is ever created."""
    saving = ModelCheckpoint(
        "bucket://runs/{epoch}.h5", best_path="bucket://runs/best.h5", monitor="loss"
    )
    fit(model(), saving, epochs=2)

    puts = [each for each in Store.done if each.startswith("put") and "rehearsal" not in each]
    assert puts == ["put runs/1.h5", "put runs/2.h5"]
    assert held(Bucket) == ["runs/1.h5", "runs/2.h5", "runs/best.h5"]


def test_the_upload_is_done_by_the_thread() -> None:
    """Training does not wait for the network."""
    threads: list[str] = []

    class Noting(Store):
        protocol = "noting"

        def put_file(self, *args: Any, **options: Any) -> None:
            threads.append(threading.current_thread().name)
            super().put_file(*args, **options)

    fsspec.register_implementation("noting", Noting, clobber=True)
    fit(model(), ModelCheckpoint("noting://{epoch}.h5"))

    assert threads == ["MainThread"] + ["backbeat checkpoints"] * 3  # the rehearsal comes first


def test_a_store_that_cannot_be_reached_is_found_out_before_training() -> None:
    """Nothing was trained."""
    made = model()
    before = made.get_weights()
    Store.failures["put"] = ConnectionError("no route to host")
    with pytest.raises(CheckpointError) as caught:
        fit(made, ModelCheckpoint("store://m.h5"))

    assert str(caught.value) == (
        "ModelCheckpoint cannot save to store://m.h5, as a rehearsal shows: "
        "store://.rehearsal.m.h5 cannot be written: no route to host. Can the store be reached "
        "from here, and are its credentials set as fsspec wants them?"
    )
    assert all(np.array_equal(*pair) for pair in zip(before, made.get_weights(), strict=True))
    assert held(Store) == []


def test_a_missing_package_is_found_out_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no directory called `s3:` comes into being."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'backbeat\[remote\]' s3fs\.$"):
        fit(model(), ModelCheckpoint("s3://bucket/{epoch}.h5"))


def test_a_store_that_is_gone_for_a_while() -> None:
    """A warning, the old file as it was, and the next save succeeds."""

    def weather(epoch: int, logs: Any) -> None:
        Store.failures.clear()
        if epoch == 1:
            Store.failures["put"] = TimeoutError("timed out")

    made = model()
    calm = LambdaCallback(on_epoch_begin=weather)
    with pytest.warns(BackbeatWarning, match=r"could not save store://2\.h5: store://2\.h5 cannot"):
        fit(made, calm, ModelCheckpoint("store://{epoch}.h5", background=False))

    assert held(Store) == ["1.h5", "3.h5"]
    assert same(load_model("store://3.h5"), made)


def test_a_store_that_is_gone_at_the_end() -> None:
    """The model is still in memory, and the error says so."""

    def weather(epoch: int, logs: Any) -> None:
        if epoch == 2:
            Store.failures["mv"] = TimeoutError("timed out")

    with (
        pytest.warns(BackbeatWarning, match="could not save"),
        pytest.raises(CheckpointError, match="The model is still in memory: save it elsewhere"),
    ):
        fit(model(), LambdaCallback(on_epoch_begin=weather), ModelCheckpoint("store://m.h5"))

    assert held(Store) == ["m.h5"]


def test_a_file_that_cannot_be_removed_is_told() -> None:
    """The save itself is fine."""
    saving = ModelCheckpoint("bucket://runs/{epoch}.h5", keep_last=1)

    def weather(epoch: int, logs: Any) -> None:
        Store.failures["rm"] = PermissionError(13, "Forbidden")

    with pytest.warns(BackbeatWarning, match="could not be removed: bucket://runs/1.h5 cannot be"):
        fit(model(), LambdaCallback(on_epoch_begin=weather), saving, epochs=2)

    assert held(Bucket) == ["runs/1.h5", "runs/2.h5"]


@pytest.mark.parametrize("suffix", [".h5", ".safetensors"])
def test_damage_is_found_after_the_download(suffix: str) -> None:
    """The digests are those of any file; the error names the address, the model is as it was."""
    made = model()
    fit(made)
    made.save_weights(f"memory://m{suffix}")
    store = fsspec.filesystem("memory")
    data = bytearray(store.cat_file(f"/m{suffix}"))
    data[-40] ^= 4
    store.pipe_file(f"/m{suffix}", bytes(data))
    fresh = model()
    with pytest.raises(CheckpointCorruptError, match=rf"^memory://m{suffix}"):
        fresh.load_weights(f"memory://m{suffix}")

    assert same(fresh, model())


def test_what_does_not_fit_is_told_by_its_address() -> None:
    """As for any file."""
    other = Sequential([Dense(5, input_dim=8)])
    other.save_weights("memory://m.safetensors")
    other.save_weights("memory://m.h5")
    for name in ("memory://m.safetensors", "memory://m.h5"):
        with pytest.raises(CheckpointCorruptError, match=f"^{name}"):
            model().load_weights(name)


def test_a_mistyped_name() -> None:
    """The nearest one is offered."""
    model().save("memory://runs/best.h5")
    with pytest.raises(CheckpointError) as caught:
        load_model("memory://runs/bset.h5")

    assert str(caught.value) == ("there is no file memory://runs/bset.h5. Did you mean 'best.h5'?")


def test_nothing_is_overwritten_unless_it_may_be() -> None:
    """`overwrite=False` asks the store."""
    model().save("memory://m.h5", overwrite=False)
    with pytest.raises(CheckpointError, match="'memory://m.h5' is there already"):
        model().save("memory://m.h5", overwrite=False)

    assert MemoryFileSystem.store["/m.h5"].getbuffer().nbytes > 0
