"""Constructor arguments that cannot be meant are refused where they are written."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    RemoteMonitor,
    TensorBoard,
)
from backbeat.errors import ArgumentError, ArgumentTypeError

FLAGS: list[tuple[Callable[..., Callback], str]] = [
    (EarlyStopping, "restore_best_weights"),
    (EarlyStopping, "strict"),
    (ReduceLROnPlateau, "strict"),
    (partial(ModelCheckpoint, "w.h5"), "save_best_only"),
    (partial(ModelCheckpoint, "w.h5"), "save_weights_only"),
    (partial(ModelCheckpoint, "w.h5"), "strict"),
    (partial(ModelCheckpoint, "w.h5"), "background"),
    (partial(CSVLogger, "log.csv"), "append"),
    (partial(CSVLogger, "log.csv"), "safe_cells"),
    (RemoteMonitor, "send_as_json"),
    (TensorBoard, "write_graph"),
    (TensorBoard, "write_grads"),
    (TensorBoard, "write_images"),
    (partial(BackupAndRestore, "backup"), "delete_checkpoint"),
    (partial(BackupAndRestore, "backup"), "background"),
]


@pytest.mark.parametrize(("make", "name"), FLAGS)
def test_a_flag_is_true_or_false(make: Callable[..., Callback], name: str) -> None:
    """What merely counts as true, such as the text 'False', is refused; 1, 0 and NumPy's fit."""
    for value in (True, False, 1, 0, np.bool_(True), np.int64(0)):
        make(**{name: value})

    for value in ("False", "min", None, 2, 0.5, [], np.array([True, False])):
        with pytest.raises(ArgumentTypeError, match=f": {name} is True or False; got "):
            make(**{name: value})


def test_a_slipped_argument_is_named() -> None:
    """An argument that stands one place too early is told with what it was given."""
    with pytest.raises(ArgumentTypeError) as caught:
        ModelCheckpoint("w.h5", "val_acc", True, "max")  # type: ignore[arg-type]

    assert str(caught.value) == "ModelCheckpoint: save_best_only is True or False; got 'max' (str)."


@pytest.mark.parametrize("value", [[], {}, np.array([1, 2]), 3, None, "keras4"])
def test_a_choice_is_one_of_the_texts(value: Any) -> None:
    """Whatever is no text, or another one, is refused with the texts that fit."""
    with pytest.raises(ArgumentError) as layout:
        TensorBoard(layout=value)
    with pytest.raises(ArgumentError) as mode:
        ProgbarLogger(value)

    told = f"layout is 'backbeat', 'keras2' or 'keras3'; got {value!r}."
    assert str(layout.value) == f"TensorBoard: {told}"
    assert str(mode.value) == f"ProgbarLogger: count_mode is 'samples' or 'steps'; got {value!r}."


@pytest.mark.parametrize("value", [float("inf"), 10**30, np.float32(2), np.int64(1)])
def test_any_time_can_be_waited_for(value: Any) -> None:
    """A time longer than a thread can wait, or of NumPy's types, is one that it can."""
    timeout = CSVLogger("log.csv", close_timeout=value).close_timeout

    assert type(timeout) is float
    assert timeout == min(float(value), threading.TIMEOUT_MAX)
    threading.Event().wait(0 * timeout)
