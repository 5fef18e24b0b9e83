"""Promises that all thirteen callback classes of the seed keep."""

from __future__ import annotations

import copy
import inspect
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from backbeat import callbacks
from backbeat.callbacks import Callback, CallbackList
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.testing import FakeHost, play

# As the seed writes them: name, positional arguments with their defaults.
SEED: dict[str, list[tuple[Any, ...]]] = {
    "Callback": [],
    "BaseLogger": [("stateful_metrics", None)],
    "TerminateOnNaN": [],
    "ProgbarLogger": [("count_mode", "samples"), ("stateful_metrics", None)],
    "History": [],
    "ModelCheckpoint": [
        ("filepath",),
        ("monitor", "val_loss"),
        ("verbose", 0),
        ("save_best_only", False),
        ("save_weights_only", False),
        ("mode", "auto"),
        ("period", 1),
    ],
    "EarlyStopping": [
        ("monitor", "val_loss"),
        ("min_delta", 0),
        ("patience", 0),
        ("verbose", 0),
        ("mode", "auto"),
        ("baseline", None),
        ("restore_best_weights", False),
    ],
    "RemoteMonitor": [
        ("root", "http://localhost:9000"),
        ("path", "/publish/epoch/end/"),
        ("field", "data"),
        ("headers", None),
        ("send_as_json", False),
    ],
    "LearningRateScheduler": [("schedule",), ("verbose", 0)],
    "ReduceLROnPlateau": [
        ("monitor", "val_loss"),
        ("factor", 0.1),
        ("patience", 10),
        ("verbose", 0),
        ("mode", "auto"),
        ("min_delta", 0.0001),
        ("cooldown", 0),
        ("min_lr", 0),
    ],
    "CSVLogger": [("filename",), ("separator", ","), ("append", False)],
    "TensorBoard": [
        ("log_dir", "./logs"),
        ("histogram_freq", 0),
        ("batch_size", 32),
        ("write_graph", True),
        ("write_grads", False),
        ("write_images", False),
        ("embeddings_freq", 0),
        ("embeddings_layer_names", None),
        ("embeddings_metadata", None),
        ("embeddings_data", None),
        ("update_freq", "epoch"),
    ],
    "LambdaCallback": [
        ("on_epoch_begin", None),
        ("on_epoch_end", None),
        ("on_batch_begin", None),
        ("on_batch_end", None),
        ("on_train_begin", None),
        ("on_train_end", None),
    ],
}

EPOCHS = [
    {"loss": 1.0, "val_loss": 1.0},
    {"loss": 0.5, "val_loss": 0.5},
    {"loss": 0.5, "val_loss": 0.75},
]
BATCHES = [{"loss": 1.0}, {"loss": 0.5}]


def halve(epoch: int, rate: float) -> float:
    return rate / 2


def note(epoch: int, logs: dict[str, Any]) -> None:
    logs["noted"] = epoch


def make(name: str, folder: Path) -> Callback:
    """One of each class, as it is usually made."""
    given: dict[str, tuple[Any, ...]] = {
        "ModelCheckpoint": (folder / "sub" / "w.{epoch}.txt",),
        "CSVLogger": (folder / "log" / "log.csv",),
        "TensorBoard": (folder / "logs",),
        "LearningRateScheduler": (halve,),
        "LambdaCallback": (None, note),
        "EarlyStopping": ("val_loss", 0, 1),
        "ReduceLROnPlateau": ("val_loss", 0.5, 1),
    }
    return getattr(callbacks, name)(*given.get(name, ()))


def visible(callback: Callback) -> dict[str, Any]:
    """The public state of a callback that does not belong to the run."""
    hidden = ("model", "params", "validation_data", "averages", "cost", "filepath", "filename")
    return {k: v for k, v in vars(callback).items() if k not in hidden and not k.startswith("_")}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("requests.post", lambda *args, **kwargs: None)


all_classes = pytest.mark.parametrize("name", SEED)


@all_classes
def test_signature_is_the_seeds(name: str) -> None:
    """Names, order and defaults are those of the seed; what is newer is keyword-only."""
    parameters = list(inspect.signature(getattr(callbacks, name)).parameters.values())
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    newer = [p for p in parameters if p not in positional]

    assert [(p.name, *([] if p.default is p.empty else [p.default])) for p in positional] == SEED[
        name
    ]
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in newer)


def test_every_class_is_exported() -> None:
    """The room's names are the seed's, CallbackList, and what came since."""
    assert set(SEED) | {"BackupAndRestore", "CallbackList"} == set(callbacks.__all__)
    assert callbacks.__all__ == sorted(callbacks.__all__)


@all_classes
@pytest.mark.parametrize("when", ["new", "played"])
def test_pickles(name: str, when: str, tmp_path: Path) -> None:
    """A copy by pickle is as good as the original, before a run and after one."""
    callback = make(name, tmp_path)
    if when == "played":
        play(callback, EPOCHS, batches=BATCHES)
    twin = pickle.loads(pickle.dumps(callback))

    assert visible(twin) == visible(callback)
    play(twin, EPOCHS, batches=BATCHES)


@all_classes
def test_pickles_in_the_middle_of_a_run(name: str, tmp_path: Path) -> None:
    """What is open belongs to the process; everything else travels."""
    callback = make(name, tmp_path)
    hooks = CallbackList([callback])
    hooks.set_model(FakeHost())
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_epoch_end(0, dict(EPOCHS[0]))
    twin = copy.deepcopy(pickle.loads(pickle.dumps(callback)))
    hooks.close()

    twin.set_model(FakeHost())
    twin.on_epoch_end(1, dict(EPOCHS[1]))
    twin.close()


@all_classes
def test_a_second_run_is_like_the_first(name: str, tmp_path: Path) -> None:
    """The same object in a second run ends in the same state."""
    callback = make(name, tmp_path)
    first_host = play(callback, EPOCHS, batches=BATCHES)
    first = copy.deepcopy(visible(callback))
    second_host = play(callback, EPOCHS, batches=BATCHES)

    assert visible(callback) == first
    assert second_host.rates == first_host.rates
    assert second_host.saved == first_host.saved
    assert second_host.stop_reason == first_host.stop_reason


@all_classes
def test_works_bare(name: str, tmp_path: Path) -> None:
    """Without a run around it: no on_train_begin, no params."""
    callback = make(name, tmp_path)
    callback.set_model(FakeHost())
    callback.on_epoch_begin(0)
    callback.on_train_batch_begin(0, {})
    callback.on_train_batch_end(0, {"size": 2, "loss": 0.5})
    callback.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.5})
    callback.on_train_end()
    callback.close()


@all_classes
def test_bears_missing_logs(name: str, tmp_path: Path) -> None:
    """Hooks may be called without logs."""
    callback = make(name, tmp_path)
    callback.set_model(FakeHost())
    callback.on_batch_begin(0)
    callback.on_batch_end(0)
    callback.on_epoch_begin(0)
    if name not in ("EarlyStopping", "ReduceLROnPlateau", "LambdaCallback"):
        callback.on_epoch_end(0)
    callback.close()


@all_classes
def test_closes_twice(name: str, tmp_path: Path) -> None:
    """close may come at any time and as often as it likes."""
    callback = make(name, tmp_path)
    callback.close()
    play(callback, EPOCHS)
    callback.close()
    callback.close()


@all_classes
def test_state_is_plain_and_comes_back(name: str, tmp_path: Path) -> None:
    """state_dict holds what strict JSON can hold; loading it gives the same state."""
    import json

    callback = make(name, tmp_path)
    play(callback, EPOCHS[:2], batches=BATCHES)
    state = callback.state_dict()
    other = make(name, tmp_path)
    other.set_model(FakeHost())
    other.on_train_begin()
    other.load_state_dict(json.loads(json.dumps(state, allow_nan=False)))

    assert other.state_dict() == state
    other.close()


@all_classes
def test_leaves_no_thread(name: str, tmp_path: Path) -> None:
    """After a run nothing of it is running."""
    before = threading.active_count()
    play(make(name, tmp_path), EPOCHS, batches=BATCHES)

    assert threading.active_count() == before


@all_classes
def test_an_error_in_the_run_is_borne(name: str, tmp_path: Path) -> None:
    """After an error in the training every callback lets go, and raises nothing itself."""
    error = RuntimeError("boom")
    play(make(name, tmp_path), EPOCHS, batches=BATCHES, error=error)

    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("BaseLogger", {"stateful_metrics": 3}),
        ("BaseLogger", {"stateful_metrics": [3]}),
        ("ProgbarLogger", {"stateful_metrics": 3}),
        ("ModelCheckpoint", {"filepath": 3}),
        ("ModelCheckpoint", {"filepath": ""}),
        ("ModelCheckpoint", {"filepath": "w", "monitor": None}),
        ("ModelCheckpoint", {"filepath": "w", "verbose": "1"}),
        ("ModelCheckpoint", {"filepath": "w", "period": "1"}),
        ("ModelCheckpoint", {"filepath": "w", "period": 1.5}),
        ("ModelCheckpoint", {"filepath": "w", "initial_value_threshold": "1"}),
        ("EarlyStopping", {"monitor": 3}),
        ("EarlyStopping", {"min_delta": "0.1"}),
        ("EarlyStopping", {"patience": "3"}),
        ("EarlyStopping", {"verbose": "1"}),
        ("EarlyStopping", {"baseline": "0.5"}),
        ("EarlyStopping", {"start_from_epoch": "1"}),
        ("RemoteMonitor", {"root": None}),
        ("RemoteMonitor", {"headers": "a: b"}),
        ("LearningRateScheduler", {"schedule": 0.1}),
        ("LearningRateScheduler", {"schedule": halve, "verbose": "1"}),
        ("ReduceLROnPlateau", {"factor": "0.1"}),
        ("ReduceLROnPlateau", {"patience": "10"}),
        ("ReduceLROnPlateau", {"min_delta": None}),
        ("ReduceLROnPlateau", {"cooldown": "0"}),
        ("ReduceLROnPlateau", {"min_lr": "0"}),
        ("CSVLogger", {"filename": 3}),
        ("CSVLogger", {"filename": "log.csv", "separator": 3}),
        ("LambdaCallback", {"on_epoch_end": "print"}),
        ("LambdaCallback", {"close": 3}),
    ],
)
def test_the_wrong_kind_of_argument_teaches(name: str, arguments: dict[str, Any]) -> None:
    """The error names the class, the argument and what was given."""
    with pytest.raises(ArgumentTypeError) as caught:
        getattr(callbacks, name)(**arguments)

    wrong = list(arguments)[-1]
    assert str(caught.value).startswith(f"{name}: {wrong} ")
    assert "got" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "EarlyStopping",
            {"patience": "3"},
            "EarlyStopping: patience is a number; got '3' (str).",
        ),
        (
            "EarlyStopping",
            {"patience": -1},
            "EarlyStopping: patience is a number of at least 0; got -1.",
        ),
        (
            "EarlyStopping",
            {"min_delta": float("nan")},
            "EarlyStopping: min_delta is a number; got nan.",
        ),
        (
            "ModelCheckpoint",
            {"filepath": "w", "period": 0},
            "ModelCheckpoint: period is a number of at least 1; got 0.",
        ),
        (
            "ReduceLROnPlateau",
            {"factor": 1.0},
            "ReduceLROnPlateau: factor is between 0 and 1, such as 0.1; got 1.0.",
        ),
        (
            "ReduceLROnPlateau",
            {"factor": 0},
            "ReduceLROnPlateau: factor is between 0 and 1, such as 0.1; got 0.",
        ),
        (
            "ProgbarLogger",
            {"count_mode": "batches"},
            "ProgbarLogger: count_mode is 'samples' or 'steps'; got 'batches'.",
        ),
        (
            "CSVLogger",
            {"filename": "log.csv", "separator": ", "},
            "CSVLogger: separator is one character, such as ',' or ';'; got ', '.",
        ),
    ],
)
def test_the_exact_message(name: str, arguments: dict[str, Any], message: str) -> None:
    """What was given, what fits."""
    with pytest.raises((ArgumentError, ArgumentTypeError)) as caught:
        getattr(callbacks, name)(**arguments)

    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_an_unknown_mode_is_auto(name: str) -> None:
    """As in the seed's system: a warning that names class and mode."""
    arguments = {"filepath": "w"} if name == "ModelCheckpoint" else {}

    with pytest.warns(RuntimeWarning) as caught:
        callback = getattr(callbacks, name)(mode="largest", **arguments)
    assert callback.mode == "auto"
    assert str(caught[0].message) == (
        f"{name}: mode is 'auto', 'min' or 'max'; got 'largest', so it is 'auto'."
    )


def test_unknown_arguments_are_refused() -> None:
    """No class swallows a misspelt argument."""
    for name in SEED:
        with pytest.raises(TypeError):
            getattr(callbacks, name)(filepath="w", no_such_argument=1)
