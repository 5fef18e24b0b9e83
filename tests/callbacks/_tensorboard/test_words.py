"""The texts of a run."""

from backbeat.callbacks._tensorboard.words import ending, table
from backbeat.hooks import Stop


def test_table():
    """What is known stands in a Markdown table; what would break it is escaped."""
    params = {"epochs": 3, "samples": None, "metrics": ["loss", "acc"], "verbose": 1}

    assert table({"model": "a|b\nc"}, params).splitlines() == [
        "| run | |",
        "|---|---|",
        "| model | a\\|b c |",
        "| epochs | 3 |",
        "| metrics | loss, acc |",
    ]


def test_endings():
    """A natural end, a stop with who, where and why, and an error."""
    stop = Stop("EarlyStopping", "val_loss did not improve", 4, None)

    assert ending(None) == "Ended after its last epoch."
    assert ending(stop) == "Stopped by EarlyStopping in epoch 4: val_loss did not improve"
    assert ending(None, ValueError("no")) == "Ended by ValueError: no"
