"""Freezing: whether a model, and everything in it, learns."""

from __future__ import annotations

from backbeat.flags import flag
from backbeat.layers import Layer
from backbeat.models.hosting import Hosting

__all__ = ["Freezing"]


class Freezing(Hosting):
    """The part of a model that is frozen as a whole, and freed again."""

    @property
    def trainable(self) -> bool:
        """Whether anything in the model learns; setting it freezes or frees every weight.

        Layers that do not learn behave so too: batch normalization keeps its moving means.
        """
        unbuilt = (each for each in self.modules() if isinstance(each, Layer) and not each.built)
        return any(parameter.requires_grad for parameter in self.parameters()) or any(
            layer.trainable for layer in unbuilt
        )

    @trainable.setter
    def trainable(self, value: bool) -> None:
        learns = flag(str(getattr(self, "name", type(self).__name__)), "trainable", value)
        self.requires_grad_(learns)
        for module in self.modules():
            if isinstance(module, Layer):
                module.trainable = learns
