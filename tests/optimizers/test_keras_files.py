"""Whole models that Keras 2.3.1 saved in mid-training, and the step it took after that."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from backbeat import optimizers
from backbeat.models import load_model
from tests.optimizers.stored import DATA

# Keras 2.3.1 on TensorFlow 1 counts a step before its rule reads the count, so that the step from
# iterations = 4 is made with t = 6, not 5. It matters where t is part of the rule.
COUNTS_AHEAD = {"rmsprop": 0, "adagrad": 0, "adadelta": 0, "adamax": 1, "nadam": 1}


@pytest.mark.parametrize("name", COUNTS_AHEAD)
def test_goes_on_where_keras_stopped(name: str) -> None:
    """Weights, optimizer and its state come back: predictions and the next step are Keras'."""
    path = DATA / f"optimizer_{name}.h5"
    with np.load(path.with_suffix(".npz")) as held:
        recorded = {key: torch.from_numpy(held[key]) for key in held.files}
    model = load_model(path)
    optimizer = model.optimizer
    assert optimizer is not None
    assert optimizers.serialize(optimizer)["class_name"].lower() == name
    assert optimizer.iterations == 4
    np.testing.assert_allclose(model.predict(recorded["x"]), recorded["predictions"], atol=1e-6)

    if COUNTS_AHEAD[name]:
        weights = model.trained_weights()
        arrays = list(optimizer.state_arrays(weights).values())
        optimizer.load_state_arrays(weights, [arrays[0] + 1, *arrays[1:]])
    loss = model.train_on_batch(recorded["x"], recorded["y"])

    assert loss == pytest.approx(float(recorded["loss_of_one_more_batch"]), abs=1e-6)
    np.testing.assert_allclose(
        model.predict(recorded["x"]), recorded["predictions_after_one_more_batch"], atol=1e-6
    )


@pytest.mark.parametrize("name", COUNTS_AHEAD)
def test_written_again_it_is_the_same(name: str, tmp_path: object) -> None:
    """Loaded and saved, the optimizer's part of the file has Keras' names, order and numbers."""
    source, copy = DATA / f"optimizer_{name}.h5", f"{tmp_path}/copy.h5"
    load_model(source).save(copy)

    with h5py.File(source) as theirs, h5py.File(copy) as ours:
        old, new = theirs["optimizer_weights"], ours["optimizer_weights"]
        names = [entry.decode() for entry in old.attrs["weight_names"]]
        assert [entry.decode() for entry in new.attrs["weight_names"]] == names
        for entry in names:
            assert new[entry].dtype == old[entry].dtype
            np.testing.assert_array_equal(new[entry][()], old[entry][()])
