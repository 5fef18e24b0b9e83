"""Images: an array's pixels, exactly, in a PNG that others open."""

import io

import numpy as np
import pytest
from PIL import Image

from backbeat.errors import ArgumentError
from backbeat.event_files.images import as_pixels, batch_of_images, png


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_png_holds_every_pixel(channels: int, mode: str) -> None:
    """A reader of PNG files gets the same pixels back, for every number of channels."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    opened = Image.open(io.BytesIO(png(pixels)))

    assert opened.mode == mode
    assert np.array_equal(np.asarray(opened).reshape(pixels.shape), pixels)


def test_fractions_become_pixels() -> None:
    """0.0 to 1.0 become 0 to 255, what is outside is cut, what is not finite is counted."""
    values = np.array([0.0, 0.5, 1.0, -3.0, 7.0, np.nan, np.inf, -np.inf], np.float32)
    pixels, non_finite = as_pixels(values)

    assert pixels.tolist() == [0, 128, 255, 0, 255, 0, 255, 0]
    assert non_finite == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_whole_numbers_are_pixels(dtype: type) -> None:
    """Whole numbers are taken as they are."""
    assert as_pixels(np.array([0, 7, 255], dtype))[0].tolist() == [0, 7, 255]


def test_other_whole_numbers() -> None:
    """Whole numbers outside 0 to 255 are cut; True is white."""
    assert as_pixels(np.array([-1, 256, 70000]))[0].tolist() == [0, 255, 255]
    assert as_pixels(np.array([True, False]))[0].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((4, 5), (1, 4, 5, 1)), ((4, 5, 3), (1, 4, 5, 3)), ((2, 4, 5, 4), (2, 4, 5, 4))],
)
def test_shapes(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """One grey image, one with channels, and several are understood."""
    assert batch_of_images(np.zeros(shape)).shape == expected


@pytest.mark.parametrize("shape", [(3,), (4, 5, 7), (1, 2, 3, 4, 1), (0, 5, 3), (4, 4, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """What cannot be an image says which shapes can."""
    with pytest.raises(ArgumentError) as raised:
        batch_of_images(np.zeros(shape))

    assert str(raised.value) == (
        "images have the shape (height, width), (height, width, channels) or (count, height, "
        f"width, channels), with 1 to 4 channels; got {shape}."
    )
