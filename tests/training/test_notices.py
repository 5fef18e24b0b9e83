"""A run says little by itself, to stderr, and never fails by saying it."""

import io
import sys

import pytest

from backbeat.training.notices import say, say_troubles


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_word_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]):
    """What a program prints to stdout stays its own."""
    say("the training ends")

    assert capsys.readouterr() == ("", "the training ends\n")


def test_troubles_are_said_in_one_piece(capsys: pytest.CaptureFixture[str]):
    """Under a line that names where they can be read again."""
    say_troubles(["CSVLogger lost 3 rows", "TensorBoard lost 2 records"])

    assert capsys.readouterr().err == (
        "Not everything went well in this run (history.troubles):\n"
        "  CSVLogger lost 3 rows\n"
        "  TensorBoard lost 2 records\n"
    )


def test_a_run_without_troubles_says_nothing(capsys: pytest.CaptureFixture[str]):
    """Not even that all went well."""
    say_troubles([])

    assert capsys.readouterr() == ("", "")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, Full(), closed()], ids=["none", "full", "closed"])
def test_a_stderr_that_takes_no_words_hurts_nobody(stream, monkeypatch: pytest.MonkeyPatch):
    """Neither one that is not there, nor a full one, nor a closed one."""
    monkeypatch.setattr(sys, "stderr", stream)

    say("unheard")
