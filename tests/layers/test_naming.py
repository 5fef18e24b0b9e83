"""Names: counted per class from 1, as in Keras 2.3."""

import pytest

from backbeat.layers.naming import reset_names, snake_case, unique_name


def test_each_class_counts_for_itself() -> None:
    """The first is 1; reset_names begins again."""
    found = [unique_name(stem) for stem in ("dense", "dense", "flatten", "dense")]
    reset_names()

    assert found == ["dense_1", "dense_2", "flatten_1", "dense_3"]
    assert unique_name("dense") == "dense_1"


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("Dense", "dense"),
        ("BatchNormalization", "batch_normalization"),
        ("Conv2D", "conv2d"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("ReLU", "re_lu"),
        ("PReLU", "p_re_lu"),
        ("MyHTTPLayer", "my_http_layer"),
        ("_Hidden", "private__hidden"),
    ],
)
def test_class_names_in_snake_case(class_name: str, expected: str) -> None:
    """The stem of a layer's name is its class as Keras spells it."""
    assert snake_case(class_name) == expected
