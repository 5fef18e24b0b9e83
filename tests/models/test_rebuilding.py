"""Models out of their descriptions, which a damaged file may have made nonsense of."""

import pytest

from backbeat.errors import BackbeatError, CheckpointCorruptError
from backbeat.models.rebuilding import model_from_config

DENSE = {"class_name": "Dense", "config": {"units": 2, "batch_input_shape": [None, 3]}}


@pytest.mark.parametrize("config", [0.5, None, "layers", 7, {}, {"layers": 3}, {"layers": [1]}])
@pytest.mark.parametrize("kind", ["Sequential", "Model"])
def test_a_description_that_makes_no_sense_is_told_by_its_file(kind, config):
    """Whatever stands where another thing should."""
    with pytest.raises(BackbeatError, match=r"a\.h5"):
        model_from_config({"class_name": kind, "config": config}, {}, "a.h5")


@pytest.mark.parametrize("config", [0.5, None, "units", [1]])
def test_a_layer_that_makes_no_sense_is_told_by_its_file(config):
    layers = [DENSE, {"class_name": "Dense", "config": config}]
    with pytest.raises(CheckpointCorruptError, match=r"a\.h5: its model_config is not one of"):
        model_from_config({"class_name": "Sequential", "config": layers}, {}, "a.h5")


def test_the_bare_list_of_layers_is_understood():
    """As the oldest files have it."""
    model = model_from_config({"class_name": "Sequential", "config": [DENSE]}, {}, "a.h5")

    assert model.count_params() == 8
