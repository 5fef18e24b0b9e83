"""HDF5: ours read back, Keras 2.3.1's own files, and everything that is not one."""

import json
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

from backbeat import files
from backbeat.checkpoints import LayerWeights, read_weights, write_model, write_weights
from backbeat.errors import ArgumentError, CheckpointCorruptError, CheckpointError
from tests.checkpoints.examples import (
    KERAS_2,
    assert_equal,
    by_name,
    dense,
    flat,
    mlp,
    softmax,
)
from tests.files.disks import DyingDisk, FailingDisk, Killed, RecordingDisk, names

SUFFIXES = ["w.h5", "w.hdf5", "w.weights.h5"]


def names_in(path: Path) -> list[str]:
    found: list[str] = []
    with h5py.File(path, "r") as file:
        file.visit(found.append)
    return found


@pytest.mark.parametrize("name", SUFFIXES)
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    """Layers, names, order and every value come back, and count as verified."""
    write_weights(tmp_path / name, mlp())
    saved = read_weights(tmp_path / name)

    assert saved.verified
    assert {layer.name for layer in saved.layers} == {layer.name for layer in mlp()}
    ordered = sorted(saved.layers, key=lambda layer: layer.name)
    assert_equal(flat(ordered), flat(sorted(mlp(), key=lambda layer: layer.name)))


def test_the_layout_of_keras_2(tmp_path: Path) -> None:
    """Groups, doubled names, fixed-length attributes: what Keras 2 writes, Keras 2 finds."""
    write_weights(tmp_path / "w.h5", mlp())

    with h5py.File(tmp_path / "w.h5", "r") as file:
        layers = file.attrs["layer_names"]
        assert layers.dtype.kind == "S"
        assert list(layers) == [b"hidden", b"dropout_1", b"batch_normalization_1", b"out"]
        assert file.attrs["keras_version"] == np.bytes_(b"2.3.1")
        assert file.attrs["backend"] == np.bytes_(b"tensorflow")
        assert list(file["hidden"].attrs["weight_names"]) == [b"hidden/kernel:0", b"hidden/bias:0"]
        assert file["hidden/hidden/kernel:0"].shape == (8, 6)
        assert file["dropout_1"].attrs["weight_names"].size == 0


def test_a_whole_model(tmp_path: Path) -> None:
    """Configurations and optimizer weights come back; what is None is not stored."""
    optimizer = [("Adam/iterations", np.array(7)), ("training/Adam/m_0_1", np.ones((8, 6)))]
    write_model(
        tmp_path / "m.h5",
        mlp(),
        model_config='{"class_name": "Sequential"}',
        optimizer_weights=optimizer,
    )
    saved = read_weights(tmp_path / "m.h5")

    assert saved.model_config == '{"class_name": "Sequential"}'
    assert saved.training_config is None
    assert saved.optimizer_weights is not None
    assert [name for name, _ in saved.optimizer_weights] == [name for name, _ in optimizer]
    assert saved.optimizer_weights[0][1] == 7
    assert_equal(flat(saved.layers), flat(mlp()))
    with h5py.File(tmp_path / "m.h5", "r") as file:
        assert "model_weights/hidden/hidden/kernel:0" in file
        assert isinstance(file.attrs["model_config"], np.bytes_)


def test_a_large_configuration(tmp_path: Path) -> None:
    """A configuration above 64 KiB is stored too, as the variable-length text Keras writes."""
    config = json.dumps({"text": "설정" * 40_000})
    write_model(tmp_path / "m.h5", mlp(), model_config=config)

    assert read_weights(tmp_path / "m.h5").model_config == config


def test_long_lists_of_names_are_cut(tmp_path: Path) -> None:
    """More names than one attribute holds go into numbered pieces, as Keras 2 cuts them."""
    layers = [LayerWeights(f"layer_{n:02}_" + "x" * 3000) for n in range(40)]
    write_weights(tmp_path / "w.h5", layers)

    with h5py.File(tmp_path / "w.h5", "r") as file:
        assert "layer_names" not in file.attrs
        assert [len(file.attrs[f"layer_names{n}"]) for n in (0, 1)] == [20, 20]
    assert [layer.name for layer in read_weights(tmp_path / "w.h5").layers] == [
        layer.name for layer in layers
    ]


def test_many_weights(tmp_path: Path) -> None:
    """The digests of a thousand weights are more than one attribute holds."""
    layers = [
        LayerWeights(f"layer_{n}", ((f"layer_{n}/kernel", np.full(2, n, np.float32)),))
        for n in range(1500)
    ]
    write_weights(tmp_path / "w.h5", layers)

    saved = read_weights(tmp_path / "w.h5")
    assert saved.verified
    assert_equal(flat(saved.layers), flat(layers))


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5),
        np.zeros((0, 4), np.float32),
        np.array([True, False]),
        np.arange(4, dtype=np.int8),
        np.ones((2, 3), np.float16).T,
        np.array([np.nan, np.inf, -0.0]),
        np.arange(3, dtype=">f8"),
    ],
    ids=str,
)
def test_every_kind_of_array(tmp_path: Path, array: np.ndarray) -> None:
    """Scalars, empty, boolean, transposed and foreign-order arrays keep type, shape and value."""
    write_weights(tmp_path / "w.h5", [LayerWeights("a", (("a/x", array),))])
    found = by_name(read_weights(tmp_path / "w.h5"))["a/x"]

    assert found.dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(found, array, equal_nan=found.dtype.kind == "f")
    assert found.shape == array.shape


# Files of Keras 2.3.1


@pytest.mark.parametrize("name", ["sequential_mlp", "sequential_mlp_weights"])
def test_keras_2_files_predict_what_keras_predicted(name: str) -> None:
    """The weights of real Keras 2 files give Keras' own predictions."""
    saved, known = read_weights(KERAS_2 / f"{name}.h5"), np.load(KERAS_2 / f"{name}.npz")
    hidden, dropout, norm, out = saved.layers
    gamma, beta, mean, variance = flat([norm])
    x = np.maximum(dense(known["x"], *flat([hidden])), 0)
    x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    assert np.allclose(softmax(dense(x, *flat([out]))), known["predictions"], atol=1e-6)
    assert [weight for weight, _ in norm.weights][2] == "batch_normalization_1/moving_mean"
    assert (saved.keras_version, saved.backend, dropout.weights) == ("2.3.1", "tensorflow", ())
    assert not saved.verified


def test_a_keras_2_model_brings_its_settings() -> None:
    """Architecture, compile settings and the optimizer's weights are there, in Keras' order."""
    saved = read_weights(KERAS_2 / "sequential_mlp.h5")

    assert json.loads(saved.model_config or "")["class_name"] == "Sequential"
    assert json.loads(saved.training_config or "")["loss"] == "categorical_crossentropy"
    assert saved.optimizer_weights is not None
    assert [name for name, _ in saved.optimizer_weights][:2] == [
        "Adam/iterations",
        "training/Adam/m_0_1",
    ]
    assert saved.optimizer_weights[0][1] == 8


def test_keras_2_layer_names_in_pieces() -> None:
    """36 layers whose names are too long for one attribute: Dense, tanh and linear by turns."""
    saved, known = read_weights(KERAS_2 / "long_names.h5"), np.load(KERAS_2 / "long_names.npz")
    x = known["x"]
    for number, layer in enumerate(saved.layers):
        x = dense(x, *flat([layer])) if layer.weights else np.tanh(x) if number % 3 == 1 else x

    assert len(saved.layers) == 36
    assert np.allclose(x, known["predictions"], atol=1e-6)


def test_keras_2_weight_names_in_pieces() -> None:
    """A nested model of 12 layers with weight names too long for one attribute."""
    saved = read_weights(KERAS_2 / "long_weight_names.h5")
    known = np.load(KERAS_2 / "long_weight_names.npz")
    inner, out = saved.layers
    arrays, x = flat([inner]), known["x"]
    for kernel, bias in zip(arrays[::2], arrays[1::2], strict=True):
        x = np.tanh(dense(x, kernel, bias))

    assert len(arrays) == 24
    assert np.allclose(dense(x, *flat([out])), known["predictions"], atol=1e-6)


@pytest.mark.parametrize("kind", ["str", "bytes", "fixed"])
def test_names_in_every_encoding(tmp_path: Path, kind: str) -> None:
    """Attributes as Python 2's h5py, Keras 2's and Keras 3's wrote them are all understood."""
    values = {"str": ["a"], "bytes": [b"a"], "fixed": np.array([b"a"])}
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = values[kind]
        file.create_group("a").attrs["weight_names"] = values[kind]
        file["a"].create_dataset("a", data=[1.0])

    assert_equal(flat(read_weights(tmp_path / "w.h5").layers), [np.array([1.0])])


# Damage


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_cut_short_anywhere(tmp_path: Path, name: str) -> None:
    """A file cut at any place is reported as damaged, with its name and size."""
    write_weights(tmp_path / name, mlp())
    data = (tmp_path / name).read_bytes()
    for size in range(0, len(data), len(data) // 200):
        (tmp_path / name).write_bytes(data[:size])

        with pytest.raises(CheckpointCorruptError, match=f"{name} .*(is empty|{size} bytes)"):
            read_weights(tmp_path / name)


def test_the_damaged_weight_is_named(tmp_path: Path) -> None:
    """A changed value, a missing and an additional weight are each told by name."""
    path = tmp_path / "w.h5"
    write_weights(path, mlp())
    with h5py.File(path, "r+") as file:
        file["out/out/bias:0"][1] += 1e-6
    with pytest.raises(CheckpointCorruptError, match=r"w\.h5 is damaged: 'out/out/bias:0' is not"):
        read_weights(path)
    write_weights(path, mlp())
    with h5py.File(path, "r+") as file:
        del file["out/out/bias:0"]
    with pytest.raises(CheckpointCorruptError, match="'out/out/bias:0' is missing"):
        read_weights(path)
    write_weights(path, mlp())
    with h5py.File(path, "r+") as file:
        file["out/extra"] = [1.0]

    with pytest.raises(CheckpointCorruptError, match="'out/extra' was not there when"):
        read_weights(path)


def test_a_changed_order_of_layers_is_noticed(tmp_path: Path) -> None:
    """Layers are paired by order, so the order is under a digest as well."""
    write_weights(tmp_path / "w.h5", mlp())
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][::-1]

    with pytest.raises(CheckpointCorruptError, match="'@layer_names' is not what was written"):
        read_weights(tmp_path / "w.h5")


@pytest.mark.parametrize(
    ("data", "looks"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rest", "a zip archive, such as Keras' .keras files"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b'{"epoch": 3}', "JSON text"),
        (b"\x40\0\0\0\0\0\0\0{}", "a safetensors file"),
        (b"\x00" * 4096, "something unknown of 4096 bytes"),
    ],
)
def test_not_hdf5(tmp_path: Path, data: bytes, looks: str) -> None:
    """A file of another kind is told apart by its first bytes."""
    (tmp_path / "w.h5").write_bytes(data)

    with pytest.raises(
        CheckpointCorruptError, match=rf"w\.h5 cannot be read as HDF5: it .*{looks}"
    ):
        read_weights(tmp_path / "w.h5")


def test_hdf5_of_something_else(tmp_path: Path) -> None:
    """An HDF5 file without layers is no checkpoint."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["temperatures"] = [1.0, 2.0]

    with pytest.raises(CheckpointCorruptError, match="it lists no layers"):
        read_weights(tmp_path / "w.h5")


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is told from a damaged one, and the nearest name is offered."""
    write_weights(tmp_path / "weights.h5", mlp())
    with pytest.raises(
        CheckpointError, match=r"no file .*wieghts\.h5\. Did you mean 'weights\.h5'"
    ):
        read_weights(tmp_path / "wieghts.h5")
    with pytest.raises(CheckpointError, match=r"There is no directory .*nowhere either"):
        read_weights(tmp_path / "nowhere" / "weights.h5")

    with pytest.raises(CheckpointError, match="is a directory; give the path of a file in it"):
        read_weights(tmp_path)


def test_links_are_refused(tmp_path: Path) -> None:
    """A soft or external link would let a file read another one."""
    for link in (h5py.SoftLink("/a/a"), h5py.ExternalLink("other.h5", "/a")):
        with h5py.File(tmp_path / "w.h5", "w") as file:
            file.attrs["layer_names"] = [b"a"]
            file.create_group("a").attrs["weight_names"] = [b"a"]
            file["a"]["a"] = link

        with pytest.raises(CheckpointCorruptError, match="'a' is a link, which may not be"):
            read_weights(tmp_path / "w.h5")


def test_data_in_another_file_is_refused(tmp_path: Path) -> None:
    """So would a data set whose values lie elsewhere."""
    (tmp_path / "secret").write_bytes(b"12345678")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.create_dataset("a", (1,), "f8", external=[(str(tmp_path / "secret"), 0, 8)])

    with pytest.raises(CheckpointCorruptError, match="lies in another file"):
        read_weights(tmp_path / "w.h5")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    """A small file that claims terabytes is refused before memory is used."""
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = [b"a"]
        file.create_dataset("a/a", (1 << 40,), "f4", chunks=(1 << 16,), compression="gzip")

    with pytest.raises(CheckpointCorruptError, match="it claims more data than"):
        read_weights(tmp_path / "w.h5")


# Writing


def test_missing_directories_are_created(tmp_path: Path) -> None:
    """A path into directories that do not exist yet works."""
    write_weights(tmp_path / "runs" / "a" / "w.h5", mlp())

    assert read_weights(tmp_path / "runs" / "a" / "w.h5").verified


@pytest.mark.parametrize("faulty", [FailingDisk, DyingDisk])
def test_the_old_file_survives(
    tmp_path: Path, faulty: type[RecordingDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever operation fails or is the last one, the old or the new file is there, whole."""
    path, disk = tmp_path / "w.h5", RecordingDisk()
    write_weights(path, mlp(5))
    monkeypatch.setattr(files.disk, "current", disk)
    write_weights(path, mlp(6))
    for number in range(1, len(disk.operations) + 1):
        monkeypatch.setattr(files.disk, "current", files.Disk())
        write_weights(path, mlp(5))
        monkeypatch.setattr(files.disk, "current", faulty(number))
        with pytest.raises((CheckpointError, Killed)):
            write_weights(path, mlp(6))

        saved = flat(read_weights(path).layers)
        assert_equal(saved, flat(mlp(saved[0].shape[1])))
        assert faulty is DyingDisk or names(tmp_path) == ["w.h5"]


def test_names_that_clash(tmp_path: Path) -> None:
    """Two layers or two weights of one name are refused before anything is written."""
    with pytest.raises(ArgumentError, match="two layers are called 'hidden'"):
        write_weights(tmp_path / "w.h5", [*mlp(), mlp()[0]])
    twins = LayerWeights("a", (("a/x", np.ones(1)), ("a/x", np.ones(1))))
    with pytest.raises(ArgumentError, match="two weights would both be called 'a/x:0'"):
        write_weights(tmp_path / "w.h5", [twins])

    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".", "a//b", "../up", "a\0b"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    """A name that HDF5 would take for something else is refused."""
    with pytest.raises(ArgumentError, match="cannot be a name in an HDF5 file"):
        write_weights(tmp_path / "w.h5", [LayerWeights(name)])


def test_one_name_beyond_the_limit(tmp_path: Path) -> None:
    """A single name that no attribute can hold is refused."""
    with pytest.raises(ArgumentError, match="a name of 70000 bytes does not fit"):
        write_weights(tmp_path / "w.h5", [LayerWeights("x" * 70_000)])


def test_a_model_needs_another_suffix(tmp_path: Path) -> None:
    """A whole model does not fit into a file of weights."""
    with pytest.raises(ArgumentError, match=r"names a file of weights alone.*without '\.weights'"):
        write_model(tmp_path / "m.weights.h5", mlp(), model_config=None)


def test_nothing_is_imported_or_warned(tmp_path: Path) -> None:
    """Writing and reading are silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_weights(tmp_path / "w.h5", mlp())

    assert names_in(tmp_path / "w.h5")[0] == "batch_normalization_1"
    assert read_weights(tmp_path / "w.h5").verified
