from __future__ import annotations

import os

import pytest

from backbeat.files.processes import boot_id, is_running, number_space


def test_this_process_and_one_that_ended() -> None:
    """The number of an ended process means nobody, until it is given out again."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

    assert is_running(os.getpid())
    assert not is_running(child)


@pytest.mark.parametrize("pid", [0, -1, 2**80])
def test_numbers_of_no_process(pid: int) -> None:
    """Whatever a file says; a group of processes is not meant either."""
    assert not is_running(pid)


def test_a_process_of_somebody_else() -> None:
    """The first process of all is there, whoever may send it signals."""
    assert is_running(1)


def test_where_numbers_mean_the_same() -> None:
    """A child has those of its parent."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, f"{boot_id()} {number_space()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)

    assert told == f"{boot_id()} {number_space()}"
    assert len(told) > 36
