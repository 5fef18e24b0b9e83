"""Runs under way: one thread trains a model, and a callback takes part in one run at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from backbeat.callbacks import Callback, EarlyStopping, LambdaCallback
from backbeat.errors import StateError
from backbeat.training import Loop
from backbeat.training.module_host import ModuleHost


def in_a_thread(do: Callable[[], object]) -> Any:
    """What `do` gave, or the error that it raised, in a thread called 'other'."""
    seen: list[Any] = []

    def tell() -> None:
        try:
            seen.append(do())
        except StateError as error:
            seen.append(str(error))

    thread = threading.Thread(target=tell, name="other")
    thread.start()
    thread.join()
    return seen[0]


def train(host: Any, *callbacks: Any) -> Any:
    """A run without batches."""
    with Loop(host, callbacks=callbacks, grace=None) as loop:
        pass
    return loop


def test_a_model_is_trained_by_one_thread() -> None:
    """Two at once would write into the same weights: the second is told so before it begins."""
    host = ModuleHost(nn.Linear(1, 1))

    with Loop(host):
        error = in_a_thread(lambda: train(host))

    assert error == (
        "this model is being trained by the thread 'MainThread' at this moment. Wait for that "
        "run, or train a copy: copy.deepcopy(model)."
    )
    assert isinstance(in_a_thread(lambda: train(host)), Loop)


def test_a_callback_of_ours_takes_part_in_one_run() -> None:
    """It has one model and one memory; in the same thread, within a hook, as well."""
    stopping = EarlyStopping("loss")
    another = LambdaCallback(on_train_begin=lambda logs: train(nn.Linear(1, 1), stopping))
    told = r"this EarlyStopping takes part in another run at this moment. Give each run one of its"

    with pytest.raises(StateError, match=told):
        train(nn.Linear(1, 1), stopping, another)

    assert isinstance(train(nn.Linear(1, 1), stopping), Loop)


def test_a_callback_of_yours_may_take_part_in_several() -> None:
    """Nobody knows what it keeps."""
    heard: list[str] = []

    class Counter(Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            heard.append(threading.current_thread().name)

    counter = Counter()
    with Loop(nn.Linear(1, 1), callbacks=counter):
        in_a_thread(lambda: train(nn.Linear(1, 1), counter))

    assert heard == ["MainThread", "other"]


def test_a_run_that_its_thread_left_open_hinders_nobody() -> None:
    """The thread is gone, so nothing trains there any more."""
    host, stopping = ModuleHost(nn.Linear(1, 1)), EarlyStopping("loss")
    abandoned = Loop(host, callbacks=stopping)
    in_a_thread(abandoned.__enter__)

    assert isinstance(train(host, stopping), Loop)
    abandoned.__exit__(None, None, None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_may_train_with_what_its_parent_trains_with() -> None:
    """What is under way there is none of its business."""
    stopping = EarlyStopping("loss")
    with Loop(nn.Linear(1, 1), callbacks=stopping):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                train(nn.Linear(1, 1), stopping)
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
