"""Weights as pictures equal a rendering that goes number by number."""

import math

import numpy as np
import pytest

from backbeat.callbacks._tensorboard.pictures import picture

random = np.random.default_rng(0)


def shade(value, weight):
    """As Keras 2 has its pictures drawn, for one number."""
    largest = max(abs(float(each)) for each in weight.reshape(-1))
    if largest == 0:
        return 0
    if weight.min() < 0:
        return math.trunc(128 + float(value) * 127 / largest)
    return math.trunc(float(value) * 255 / largest)


@pytest.mark.parametrize("low", [-1, 0], ids=["signed", "positive"])
def test_matrix_lies_on_its_longer_side(low):
    """A pixel per number; more rows than columns are turned."""
    weight = random.uniform(low, 1, (26, 2)).astype("float32")
    found = picture(weight)

    assert found.shape == (2, 26)
    assert found.dtype == np.uint8
    assert found.tolist() == [[shade(weight[i, j], weight) for i in range(26)] for j in range(2)]
    assert picture(weight.T).tolist() == found.tolist()


def test_vector_is_a_column():
    """A bias, or a kernel of one unit, is one pixel wide."""
    weight = random.normal(size=(7, 1))

    assert picture(weight).tolist() == [[shade(each, weight)] for each in weight.reshape(-1)]


def test_number_has_no_picture():
    """Neither has what holds nothing."""
    assert picture(np.ones((1, 1))) is None
    assert picture(np.zeros((0, 3))) is None


@pytest.mark.parametrize(
    ("shape", "tile", "columns"),
    [((3, 2, 4), (3, 2), 2), ((3, 2, 2, 5), (3, 2), 4), ((4, 3, 2, 2, 5), (3, 2), 7)],
    ids=["conv1d", "conv2d", "conv3d"],
)
def test_kernels_are_tiled(shape, tile, columns):
    """Every window is a tile; tiles stand in rows, one black pixel apart."""
    weight = random.normal(size=shape)
    found = picture(weight)
    height, width = tile
    if len(shape) == 3:
        windows = [weight[:, :, i] for i in range(shape[2])]
    else:
        others = (*shape[:-4], *shape[-2:])
        windows = [weight[(*at[:-2], ..., *at[-2:])] for at in np.ndindex(others)]

    rows = math.ceil(len(windows) / columns)
    assert found.shape == (rows * (height + 1) - 1, columns * (width + 1) - 1)
    for number, window in enumerate(windows):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        wanted = [[shade(each, weight) for each in line] for line in window]
        assert found[top : top + height, left : left + width].tolist() == wanted
    assert not found[height].any()
    assert not found[:, width].any()


def test_the_first_of_many_tiles():
    """No more than 256 tiles, and no side longer than 1024 pixels, are drawn."""
    assert picture(random.normal(size=(3, 3, 64, 128))).shape == (63, 63)
    assert picture(random.normal(size=(20, 5000))).shape == (20, 1024)


def test_zeros_and_what_is_not_finite():
    """Zeros alone are black; nan and infinity are, and do not darken the others."""
    assert picture(np.zeros((2, 2))).tolist() == [[0, 0], [0, 0]]
    assert picture(np.array([[1.0, np.nan], [0.5, np.inf]])).tolist() == [[255, 0], [127, 0]]
