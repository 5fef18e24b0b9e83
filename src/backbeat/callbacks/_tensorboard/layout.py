"""Layout: under which run and tag each thing is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["LAYOUTS", "Layout", "LayoutName"]

LayoutName = Literal["backbeat", "keras2", "keras3"]

Place = tuple[str, str]
"""A run, as a folder below `log_dir` ("" is `log_dir` itself), and a tag."""


@dataclass(frozen=True)
class Layout:
    """The seed's tags; batch values begin with `batch_`, so that they never meet the epochs'."""

    main: str = ""
    """The run of everything that is no validation result."""
    batch_prefix: str = "batch_"

    def epoch(self, name: str) -> Place:
        """A value of an epoch."""
        return self.main, name

    def batch(self, name: str) -> str:
        """The tag of a value of a batch, which stands in the main run."""
        return self.batch_prefix + name

    def weight(self, name: str) -> Place:
        """The histogram of a weight; the 0 stands where Keras 2 numbers the tensors of a layer."""
        return self.main, f"{name}_0"

    def gradient(self, name: str) -> Place:
        """The histogram of a gradient."""
        return self.main, f"{name}_0_grad"

    def image(self, name: str) -> Place:
        """The picture of a weight."""
        return self.main, f"{name}_0/image"

    def output(self, layer: str, number: int | None) -> Place:
        """The histogram of what a layer gave; numbered if it gave several things."""
        return self.main, f"{layer}_out" if number is None else f"{layer}_out_{number}"


class Keras3Layout(Layout):
    """The tags of Keras 3, and its folders: `train` and `validation`."""

    def epoch(self, name: str) -> Place:
        """A value of an epoch; those of the validation have the same tag in the other folder."""
        if name.startswith("val_"):
            return "validation", f"epoch_{name.removeprefix('val_')}"
        return self.main, "epoch_learning_rate" if name == "lr" else f"epoch_{name}"

    def weight(self, name: str) -> Place:
        """The histogram of a weight."""
        return self.main, f"{name}/histogram"

    def gradient(self, name: str) -> Place:
        """The histogram of a gradient, which Keras 3 has not."""
        return self.main, f"{name}/gradient/histogram"

    def image(self, name: str) -> Place:
        """The picture of a weight."""
        return self.main, f"{name}/image"

    def output(self, layer: str, number: int | None) -> Place:
        """The histogram of what a layer gave, which Keras 3 has not."""
        return self.main, f"{layer}/output{'' if number is None else f'_{number}'}/histogram"


LAYOUTS = {
    "backbeat": Layout(),
    "keras2": Layout(batch_prefix=""),
    "keras3": Keras3Layout(main="train"),
}
