"""Prints what was measured last; with --write puts it into both READMEs and draws the main table.

The tables go between the marks `<!-- results: QUESTION -->` and `<!-- end -->`. The picture needs
matplotlib (`pip install "backbeat[bench]"`); without it only the text is made.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path

from _field import HERE
from _results import Row, folder, load
from throughput import summary

# Those that keep rows; the others are kept as they were printed.
QUESTIONS = (
    *("throughput", "full_epoch", "evaluate_predict", "start_up"),
    *("remote", "growth", "gpu", "host"),
)
PRINTED = (
    "loop",
    "whereabouts",
    "dense_kernels",
    "dispatch",
    "board",
    "checkpoints",
    "event_files",
)
OURS, OTHERS, BY_HAND = "#d1495b", "#8d99ae", "#30638e"
PLACE = "<!-- results: {} -->\n"


def results() -> dict[str, str]:
    """What is there, by question, as Markdown."""
    found: dict[str, str] = {}
    for question in QUESTIONS:
        lines = load(question)
        if lines:
            found[question] = importlib.import_module(question).report(lines)
    for question in PRINTED:
        path = folder() / f"{question}.txt"
        if path.exists():
            found[question] = f"```text\n{path.read_text(encoding='utf-8').strip()}\n```"
    return found


def filled(page: str, found: dict[str, str]) -> str:
    """The page with these results in their places."""
    for question, text in found.items():
        place = re.escape(PLACE.format(question)) + ".*?(?=<!-- end -->)"
        page = re.sub(
            place, lambda _, q=question, t=text: f"{PLACE.format(q)}{t}\n", page, flags=re.DOTALL
        )
    return page


def draw(lines: list[Row], path: Path) -> None:
    """Bars of CPU time per batch, times the loop by hand: one panel for each model, `full`."""
    from matplotlib.figure import Figure

    head, *rows = lines
    figure = Figure(figsize=(4 * len(head["models"]), 3.6), layout="constrained")
    panels = figure.subplots(1, len(head["models"]), squeeze=False)[0]
    for panel, model in zip(panels, head["models"], strict=True):
        found = summary(rows, model, full=True)
        names = list(found)[::-1]
        ratios = [found[name]["x cpu"] for name in names]
        bars = panel.barh(names, ratios, color=[_colour(name) for name in names])
        panel.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xlim(0, max(ratios) * 1.18)
        panel.set_title({"softmax": "softmax", "mlp": "MLP", "cnn": "CNN"}.get(model, model))
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    figure.suptitle("Training with everything on: CPU time per batch, × the bare loop by hand")
    figure.supxlabel(f"{head['date']}; {head['machine']}", fontsize=6)
    figure.savefig(path, dpi=150)


def _colour(name: str) -> str:
    return {"backbeat": OURS, "by hand": BY_HAND}.get(name, OTHERS)


def main() -> None:
    """Print, or write and draw."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="into the READMEs and the picture")
    given = arguments.parse_args()
    found = results()
    if not given.write:
        print("\n".join(f"## {question}\n\n{text}\n" for question, text in found.items()))
        return
    for page in (HERE / "README.md", HERE / "README.ko.md"):
        page.write_text(filled(page.read_text(encoding="utf-8"), found), encoding="utf-8")
    lines = load("throughput")
    try:
        if lines:
            draw(lines, HERE / "throughput.png")
    except ModuleNotFoundError as error:
        print(f"No picture: {error}. It needs: pip install 'backbeat[bench]'", file=sys.stderr)


if __name__ == "__main__":
    main()
