"""ModelCheckpoint in a real fit: the files open, and training is the same with and without it."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential, load_model

RANDOM = np.random.RandomState(0)
X = RANDOM.rand(40, 8).astype("float32")
Y = np.eye(3, dtype="float32")[RANDOM.randint(0, 3, 40)]


def model(optimizer: Any = "adam") -> Sequential:
    torch.manual_seed(0)
    made = Sequential([Dense(6, "relu", input_dim=8), Dropout(0.3), Dense(3, "softmax")])
    made.compile(optimizer, "categorical_crossentropy", metrics=["acc"])
    return made


def fit(made: Sequential, callbacks: Any = (), **keywords: Any) -> Any:
    np.random.seed(0)
    torch.manual_seed(1)
    return made.fit(X, Y, batch_size=10, verbose=0, callbacks=list(callbacks), **keywords)


class Remember(Callback):
    """Keeps the weights after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.weights.append(self.model.get_weights())


@pytest.mark.parametrize("suffix", [".h5", ".hdf5"])
def test_every_epoch_opens(tmp_path: Path, suffix: str) -> None:
    """Each file holds the weights of the end of its epoch, and the optimizer's state then."""
    remember = Remember()
    saving = ModelCheckpoint(str(tmp_path / ("{epoch:02d}-{val_acc:.2f}" + suffix)))
    fit(model(), [remember, saving], epochs=3, validation_split=0.25)
    paths = sorted(tmp_path.iterdir())

    assert [path.name[:2] for path in paths] == ["01", "02", "03"]
    for number, path in enumerate(paths):
        loaded = load_model(path)
        assert loaded.optimizer is not None
        assert loaded.optimizer.iterations == 3 * (number + 1)
        for one, other in zip(loaded.get_weights(), remember.weights[number], strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize("suffix", [".h5", ".weights.h5", ".safetensors"])
def test_saving_does_not_disturb(tmp_path: Path, suffix: str, weights_only: bool) -> None:
    """The same weights and history with a ModelCheckpoint as without."""
    watched, alone = model(), model()
    saving = ModelCheckpoint(tmp_path / f"m{suffix}", save_weights_only=weights_only)
    first = fit(watched, [saving], epochs=3, validation_split=0.25)
    second = fit(alone, epochs=3, validation_split=0.25)

    assert first.history == second.history
    for one, other in zip(watched.get_weights(), alone.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_after_the_first_epoch(tmp_path: Path) -> None:
    """The optimizer's state is there from the first save on, in Keras 2's order."""
    saving = ModelCheckpoint(tmp_path / "m.h5", period=2)
    fit(model("rmsprop"), [saving], epochs=2)
    with h5py.File(tmp_path / "m.h5") as file:
        names = list(file["optimizer_weights"].attrs["weight_names"])
        steps = int(file["optimizer_weights/RMSprop/iterations:0"][()])

    assert steps == 8
    assert names == [
        b"RMSprop/iterations:0",
        *(f"training/RMSprop/accumulator_{number}_1:0".encode() for number in range(4)),
    ]


def test_going_on_from_a_checkpoint(tmp_path: Path) -> None:
    """Three epochs equal one, then two more of the loaded model, without dropout and shuffling."""
    torch.manual_seed(0)
    whole = Sequential([Dense(6, "relu", input_dim=8), Dense(3, "softmax")])
    whole.compile("adam", "categorical_crossentropy")
    saving = ModelCheckpoint(tmp_path / "m.{epoch}.h5")
    fit(whole, [saving], epochs=3, shuffle=False)
    rest = load_model(tmp_path / "m.1.h5")
    rest.fit(X, Y, batch_size=10, epochs=3, initial_epoch=1, verbose=0, shuffle=False)

    for one, other in zip(rest.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_the_best_is_what_it_says(tmp_path: Path) -> None:
    """The best checkpoint, loaded, evaluates to the best value of the history."""
    saving = ModelCheckpoint(tmp_path / "best.h5", save_best_only=True)
    history = fit(model(), [saving], epochs=4, validation_data=(X[:20], Y[:20])).history
    loss, _ = load_model(tmp_path / "best.h5").evaluate(X[:20], Y[:20], batch_size=10, verbose=0)

    assert loss == min(history["val_loss"])
