"""Weights of any module to files and back: what is written, what is read, what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from backbeat.errors import (
    ArgumentError,
    BackbeatWarning,
    CheckpointCorruptError,
    CheckpointError,
)
from backbeat.layers import Dense
from backbeat.training.module_host import ModuleHost
from backbeat.training.weights import load_weights, named_layers, save_weights

HDF5 = ["w.h5", "w.hdf5", "w.weights.h5"]
ALL = [*HDF5, "w.safetensors"]


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


class Transformed(nn.Module):
    """Has a weight and a buffer of its own, beside its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 4))
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])
        self.register_buffer("seen", torch.randint(0, 9, (3,)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Embedding(6, 4)
        self.decode = nn.Linear(4, 6, bias=False)
        self.decode.weight = self.encode.weight


class Twins(nn.Module):
    """Two layers whose own names are the same."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = Dense(4, name="same", input_dim=4), Dense(2, name="same", input_dim=4)
        self.b(self.a(torch.ones(1, 4)))


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "make",
    [small, Transformed, Tied, Twins, lambda: nn.Sequential(Twins()), lambda: nn.Linear(3, 2)],
)
def test_everything_comes_back(tmp_path: Path, name: str, make: Callable[[], nn.Module]) -> None:
    """Weights and buffers are the same again, those of the module itself included."""
    module, other = make(), make()
    save_weights(module, tmp_path / name)
    load_weights(other, tmp_path / name)

    assert_same(state(other), state(module))


@pytest.mark.parametrize("name", ALL)
def test_values_that_are_no_numbers(tmp_path: Path, name: str) -> None:
    """NaN and infinities are written and read as what they are."""
    module, other = nn.Linear(3, 1), nn.Linear(3, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[torch.nan, torch.inf, -torch.inf]]))
    save_weights(module, tmp_path / name)
    load_weights(other, tmp_path / name)

    assert torch.equal(other.weight.isnan(), torch.tensor([[True, False, False]]))
    assert other.weight[0, 1:].tolist() == [torch.inf, -torch.inf]


@pytest.mark.parametrize("name", ALL)
def test_bfloat16(tmp_path: Path, name: str) -> None:
    """Weights that NumPy has no type for come back exactly."""
    module, other = small().bfloat16(), small().bfloat16()
    save_weights(module, tmp_path / name)
    load_weights(other, tmp_path / name)

    assert_same(state(other), state(module))


def test_safetensors_has_torch_names(tmp_path: Path) -> None:
    """What safetensors itself reads is the module's state dict, types included."""
    module = Transformed().bfloat16()
    save_weights(module, tmp_path / "w.safetensors")

    assert_same(load_file(tmp_path / "w.safetensors"), state(module))


def test_safetensors_of_others(tmp_path: Path) -> None:
    """A file that others wrote, which hold tied weights once, fits."""
    module, other = Tied(), Tied()
    save_file({"encode.weight": module.encode.weight.detach()}, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")

    assert_same(state(other), state(module))


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    """Loading copies into the weights and does not replace them."""
    module = Tied()
    save_weights(module, tmp_path / "w.h5")
    load_weights(module, tmp_path / "w.h5")

    assert module.decode.weight is module.encode.weight


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile's own, on import
def test_a_compiled_module(tmp_path: Path) -> None:
    """What torch.compile wrapped is stored as if it had not."""
    module = small()
    wrapped = torch.compile(module)
    save_weights(wrapped, tmp_path / "w.safetensors")
    other = small()
    load_weights(other, tmp_path / "w.safetensors")

    assert_same(state(other), state(module))


def test_a_name_that_another_layout_uses(tmp_path: Path) -> None:
    """A layer called `layers`, `vars` or `model_weights` does not confuse the reader."""
    for name in ("layers", "vars", "model_weights", "optimizer", "top_level_model_weights"):
        module, other = nn.Module(), nn.Module()
        module.add_module(name, nn.Linear(3, 2))
        other.add_module(name, nn.Linear(3, 2))
        save_weights(module, tmp_path / f"{name}.h5")
        load_weights(other, tmp_path / f"{name}.h5")

        assert_same(state(other), state(module))


def test_names_are_different() -> None:
    """Layers that call themselves alike are told apart."""
    assert [name for name, _ in named_layers(Twins())] == ["a", "b"]
    host = ModuleHost(nn.Linear(2, 2))
    assert [name for name, _ in named_layers(host.module)] == ["linear"]


def test_a_host_saves(tmp_path: Path) -> None:
    """A module in a loop of your own is saved by the callbacks' `save` and `save_weights`."""
    module, other = small(), small()
    host = ModuleHost(module)
    host.save(tmp_path / "a.h5")
    host.save_weights(tmp_path / "b.safetensors")
    for name in ("a.h5", "b.safetensors"):
        load_weights(other, tmp_path / name)

        assert_same(state(other), state(module))


# What is on the disk


def attributes(path: Path) -> dict[str, Any]:
    """Every attribute of an HDF5 file, with the type that it is stored as."""
    found: dict[str, Any] = {}

    def note(place: str, node: Any) -> None:
        for name in node.attrs:
            found[f"{place}@{name}"] = node.attrs.get_id(name).dtype

    with h5py.File(path) as file:
        note("", file)
        file.visititems(note)
    return found


def test_attributes_are_fixed_length_bytes(tmp_path: Path) -> None:
    """The only form that Keras 2 with old and new h5py, and Keras 3, all read."""
    save_weights(small(), tmp_path / "w.h5")
    found = attributes(tmp_path / "w.h5")

    assert {"@layer_names", "@backend", "@keras_version", "0@weight_names"} <= found.keys()
    assert {kind.kind for kind in found.values()} == {"S"}


def test_layout_is_keras_2(tmp_path: Path) -> None:
    """Groups by layer, weightless ones included; kernels turned; arrays plain."""
    module = small()
    save_weights(module, tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        names = list(file.attrs["layer_names"])
        weights = [list(file[name].attrs["weight_names"]) for name in names]
        kernel = file["0/0/kernel:0"]
        values, plain = kernel[()], kernel.chunks is None and not kernel.attrs

    assert names == [b"0", b"1", b"2"]
    assert weights == [[b"0/kernel:0", b"0/bias:0"], [], [b"2/kernel:0", b"2/bias:0"]]
    assert np.array_equal(values, module[0].weight.detach().numpy().T)  # type: ignore[index]
    assert plain


def test_long_names_go_in_pieces(tmp_path: Path) -> None:
    """More names than one attribute can hold are stored in numbered pieces, as in Keras."""
    names = [f"{'n' * 2000}{number}" for number in range(40)]
    module, other = nn.Module(), nn.Module()
    for name in names:
        module.add_module(name, nn.Linear(1, 1))
        other.add_module(name, nn.Linear(1, 1))
    save_weights(module, tmp_path / "w.h5")
    load_weights(other, tmp_path / "w.h5", by_name=True)
    with h5py.File(tmp_path / "w.h5") as file:
        pieces = [name for name in file.attrs if name.startswith("layer_names")]

    assert pieces == ["layer_names0", "layer_names1"]
    assert_same(state(other), state(module))


# What does not fit


def wider() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5))


def deeper() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Linear(2, 2))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("make", [wider, deeper])
def test_nothing_changes_if_it_does_not_fit(
    tmp_path: Path, name: str, make: Callable[[], nn.Module]
) -> None:
    """Another number of layers or another shape is refused before anything is assigned."""
    save_weights(small(), tmp_path / name)
    other = make()
    before = state(other)
    with pytest.raises(CheckpointCorruptError, match="Build the model as it was"):
        load_weights(other, tmp_path / name)

    assert_same(state(other), before)


def test_counts_are_told(tmp_path: Path) -> None:
    """The message has both numbers of layers."""
    save_weights(small(), tmp_path / "w.h5")
    message = r"holds 2 layers with weights \(0, 2\), the model has 3 layers with weights"
    with pytest.raises(CheckpointCorruptError, match=message):
        load_weights(deeper(), tmp_path / "w.h5")


def test_shapes_are_told(tmp_path: Path) -> None:
    """The message names the weight and both shapes, in Keras' orientation."""
    save_weights(small(), tmp_path / "w.h5")
    message = r"'2/kernel' has shape \(3, 5\), in the file it has \(3, 2\)"
    with pytest.raises(CheckpointCorruptError, match=message):
        load_weights(wider(), tmp_path / "w.h5")


@pytest.mark.parametrize("name", ["w.h5", "w.safetensors"])
def test_skip_mismatch(tmp_path: Path, name: str) -> None:
    """What fits is loaded, the rest is left and warned about."""
    module, other = small(), wider()
    save_weights(module, tmp_path / name)
    kept = other[2].weight.detach().clone()  # type: ignore[index]
    with pytest.warns(BackbeatWarning, match="2"):
        load_weights(other, tmp_path / name, skip_mismatch=True)

    assert torch.equal(other[0].weight, module[0].weight)  # type: ignore[index]
    assert torch.equal(other[2].weight, kept)  # type: ignore[index]


@pytest.mark.parametrize("name", ["w.h5", "w.safetensors"])
def test_by_name(tmp_path: Path, name: str) -> None:
    """Layers that only one side has are left out without a word."""
    module, other = small(), deeper()
    save_weights(module, tmp_path / name)
    kept = other[3].weight.detach().clone()  # type: ignore[index]
    load_weights(other, tmp_path / name, by_name=True)

    assert torch.equal(other[2].weight, module[2].weight)  # type: ignore[index]
    assert torch.equal(other[3].weight, kept)  # type: ignore[index]


@pytest.mark.parametrize("name", ["w.h5", "w.safetensors"])
def test_by_name_with_another_shape(tmp_path: Path, name: str) -> None:
    """The same name with another shape is refused all the same."""
    save_weights(small(), tmp_path / name)
    with pytest.raises(CheckpointCorruptError, match="shape"):
        load_weights(wider(), tmp_path / name, by_name=True)


def test_own_weights_must_fit_too(tmp_path: Path) -> None:
    """A file without the module's own weight is refused, not loaded by half."""
    module = Transformed()
    bare = nn.Module()
    bare.layers = module.layers
    save_weights(bare, tmp_path / "w.h5")
    with pytest.raises(CheckpointCorruptError, match="holds 1 layers with weights"):
        load_weights(module, tmp_path / "w.h5")


# Files that are not what they say


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("damage", ["cut", "flipped", "garbage", "empty"])
def test_damage_is_noticed(tmp_path: Path, name: str, damage: str) -> None:
    """A file cut short, a flipped bit, and other bytes are refused, and change nothing."""
    path = tmp_path / name
    module, other = nn.Linear(100, 50), nn.Linear(100, 50)
    save_weights(module, path)
    data = bytearray(path.read_bytes())
    # The middle of the kernel: the bytes of most of the file.
    data[len(data) // 2] ^= 1
    changed = {"cut": data[: len(data) // 2], "flipped": data, "garbage": b"\x80\x02" * 99}
    path.write_bytes(changed.get(damage, b""))
    before = state(other)
    with pytest.raises(CheckpointCorruptError, match=name):
        load_weights(other, path)

    assert_same(state(other), before)


@pytest.mark.parametrize("name", ALL)
def test_no_file(tmp_path: Path, name: str) -> None:
    """A missing file is named, with the nearest name that is there; a directory is told."""
    save_weights(small(), tmp_path / f"x{name}")
    with pytest.raises(CheckpointError, match=f"Did you mean 'x{name}'"):
        load_weights(small(), tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(CheckpointError, match="is a directory"):
        load_weights(small(), tmp_path / name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("w.keras", "belongs to Keras 3"),
        ("w.pt", "pickle"),
        ("w.txt", "names no format"),
        ("w", "no suffix"),
    ],
)
def test_other_suffixes(tmp_path: Path, name: str, reason: str) -> None:
    """A suffix that names no format is refused both ways, saying why, and leaves nothing."""
    with pytest.raises(ArgumentError, match=reason):
        save_weights(small(), tmp_path / name)
    with pytest.raises(ArgumentError, match=reason):
        load_weights(small(), tmp_path / name)

    assert list(tmp_path.iterdir()) == []
