"""match: which saved array belongs where, and why not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backbeat.checkpoints import LayerWeights, SavedWeights, match, read_weights, write_weights
from backbeat.errors import BackbeatWarning, CheckpointCorruptError
from tests.checkpoints.examples import assert_equal, flat, layer, mlp


def saved_as(path: Path, layers: list[LayerWeights]) -> SavedWeights:
    write_weights(path, layers)
    return read_weights(path)


def renamed(layers: list[LayerWeights]) -> list[LayerWeights]:
    return [replace(one, name=f"other_{number}") for number, one in enumerate(layers)]


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_in_order_whatever_the_names(tmp_path: Path, name: str) -> None:
    """Layers are paired in order or by class, not by name; those without weights get None."""
    saved = saved_as(tmp_path / name, mlp())
    matched = match(saved, renamed(mlp()))

    assert [arrays is None for arrays in matched] == [False, True, False, False]
    assert_equal([array for arrays in matched for array in arrays or ()], flat(mlp()))


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_by_name(tmp_path: Path, name: str) -> None:
    """by_name takes the layers that are there, wherever they stand, and leaves the others."""
    saved = saved_as(tmp_path / name, mlp())
    wanted = [mlp()[3], layer("new", "dense", kernel=(3, 2)), mlp()[0]]
    matched = match(saved, wanted, by_name=True)

    assert matched[1] is None
    assert_equal(list(matched[0] or ()), flat(mlp()[3:]))
    assert_equal(list(matched[2] or ()), flat(mlp()[:1]))


def test_by_name_without_a_common_name(tmp_path: Path) -> None:
    """If nothing at all was loaded, it is said, with the nearest pair of names."""
    saved = saved_as(tmp_path / "w.h5", [layer("dense_1", "dense", kernel=(2, 2))])
    wanted = [layer("dense_2", "dense", kernel=(2, 2))]
    with pytest.warns(BackbeatWarning, match=r"nothing was loaded.*\Z") as caught:
        matched = match(saved, wanted, by_name=True)

    assert matched == [None]
    assert "('dense_2' here, 'dense_1' there)" in str(caught[0].message)


def test_another_number_of_layers(tmp_path: Path) -> None:
    """Both counts and the names are told."""
    saved = saved_as(tmp_path / "w.h5", mlp())

    with pytest.raises(
        CheckpointCorruptError,
        match=r"holds 3 layers with weights \(hidden, batch_normalization_1, out\), the model has "
        r"2 layers with weights \(hidden, out\)\. .*by_name=True",
    ):
        match(saved, [mlp()[0], mlp()[3]])


def test_another_number_of_layers_by_class(tmp_path: Path) -> None:
    """The newer layout tells what is missing and what is too much."""
    saved = saved_as(tmp_path / "w.weights.h5", mlp())
    wanted = [*mlp()[:2], *mlp()[3:], layer("e", "embedding", embeddings=(4, 2))]

    with pytest.raises(
        CheckpointCorruptError, match="it lacks embedding and it also has batch_normalization"
    ):
        match(saved, wanted)


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_another_shape(tmp_path: Path, name: str) -> None:
    """The first weight that does not fit is named with both shapes."""
    saved = saved_as(tmp_path / name, mlp(6))

    with pytest.raises(
        CheckpointCorruptError,
        match=r"'hidden/kernel' has shape \(8, 7\), in the file it has \(8, 6\)",
    ):
        match(saved, mlp(7))


def test_another_number_of_weights(tmp_path: Path) -> None:
    """A layer that gained or lost a weight is named with both lists."""
    saved = saved_as(tmp_path / "w.h5", [layer("a", "dense", kernel=(2, 2), bias=(2,))])

    with pytest.raises(
        CheckpointCorruptError,
        match=r"'a' has 1 weights \(kernel\), the file has 2 for it \(kernel, bias\)",
    ):
        match(saved, [layer("a", "dense", kernel=(2, 2))])


def test_skip_mismatch(tmp_path: Path) -> None:
    """With skip_mismatch what fits is taken; each layer left out gives a warning."""
    saved = saved_as(tmp_path / "w.h5", mlp())
    wanted = [*mlp()[:3], layer("out", "dense", kernel=(6, 5), bias=(5,))]
    with pytest.warns(BackbeatWarning, match="'out/kernel' has shape .* Layer skipped"):
        matched = match(saved, wanted, skip_mismatch=True)

    assert [arrays is None for arrays in matched] == [False, True, False, True]


def nested() -> list[LayerWeights]:
    """A Sequential within a model: two Dense with a BatchNormalization between them."""
    inner = [mlp()[0], mlp()[2], mlp()[3]]
    weights = [weight for one in inner for weight in one.weights]
    moving = [weight for weight in weights if "moving" in weight[0]]
    ordered = [weight for weight in weights if "moving" not in weight[0]] + moving
    return [LayerWeights("block", tuple(ordered), "sequential", tuple(inner)), mlp()[3]]


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5"])
def test_models_within_models(tmp_path: Path, name: str) -> None:
    """A nested model's weights come back in its own order from either layout."""
    matched = match(saved_as(tmp_path / name, nested()), nested())

    assert_equal([array for arrays in matched for array in arrays or ()], flat(nested()))


def test_a_gap_within_a_nested_model(tmp_path: Path) -> None:
    """A weight missing below is reported for the whole nested layer."""
    saved = saved_as(tmp_path / "w.weights.h5", nested())
    block = replace(saved.layers[-1], layers=saved.layers[-1].layers[:2])
    assert block.name == "block"

    with pytest.raises(CheckpointCorruptError, match="'block' has 8 weights"):
        match(replace(saved, layers=(saved.layers[0], block)), nested())


def test_half_precision_fits(tmp_path: Path) -> None:
    """Types may differ; only shapes must not."""
    half = LayerWeights("a", (("a/kernel", np.ones((2, 2), np.float16)),))
    matched = match(saved_as(tmp_path / "w.h5", [half]), [layer("a", "dense", kernel=(2, 2))])

    assert matched[0] is not None
