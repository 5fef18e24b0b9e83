"""TensorBoard's page, opened in a headless Chromium, shows the runs without any error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tensorboard.browser import CHROMIUM, MISSING, Browser, browsing
from tests.tensorboard.runs import train
from tests.tensorboard.server import serving

SCREENSHOTS = Path(__file__).resolve().parents[2] / "artifacts" / "tensorboard"
"""Kept to be looked at; not under version control."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("runs")
    train(directory)
    with serving(directory, load_fast=True) as server:
        server.wait_for("scalars", "sentences", "loss")
        server.wait_for("images", "pictures", "dense/kernel_0/image")
        yield server.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as each:
        yield each


@pytest.mark.parametrize(
    ("tab", "texts", "drawn"),
    [
        ("scalars", ["val_loss", "batch_mae"], "tf-line-chart-data-loader"),
        ("histograms", ["conv_out", "flat_out"], "tf-histogram-loader"),
        ("graphs", ["Main Graph", "conv", "output"], "tf-graph-scene"),
        ("projector", ["2 tensors found", "Total variance described: 9"], "canvas"),
    ],
)
def test_tab(address, browser, tab, texts, drawn):
    """The tab shows what the runs hold, and nothing in the page went wrong."""
    browser.open(f"{address}#{tab}")
    browser.wait_for_text(*texts, seconds=60)
    browser.wait_for_element(drawn)
    browser.settle()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.screenshot(SCREENSHOTS / f"{tab}.png")

    assert browser.errors == []
