"""LayerOutputs: how the outputs of each layer are distributed, over all of the validation data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from backbeat.event_files import Histogram, Tally
from backbeat.hooks import Inspection

__all__ = ["LayerOutputs"]


class LayerOutputs:
    """Listens to the layers while the validation runs, so that its data are not needed twice.

    Only counts are kept, whatever the size of the outputs and of the data.
    """

    def __init__(self) -> None:
        self._listening = ExitStack()
        self._tallies: dict[str, list[Tally]] = {}

    @property
    def were_heard(self) -> bool:
        """Whether any layer has computed since the listening began."""
        return bool(self._tallies)

    def listen(self, look: Inspection) -> None:
        """Begin to listen to all layers; what was heard before is forgotten."""
        self.stop()
        self._tallies = {}
        self._listening.enter_context(look.watch_outputs(self._hear))

    def _hear(self, layer: str, outputs: Sequence[Any]) -> None:
        tallies = self._tallies.setdefault(layer, [])
        tallies += [Tally() for _ in outputs[len(tallies) :]]
        for tally, output in zip(tallies, outputs, strict=False):
            if output.dtype.kind in "biuf":
                tally.add(output)

    def stop(self) -> None:
        """Stop listening; raises what went wrong meanwhile."""
        self._listening.close()

    def take(self) -> Iterator[tuple[str, int | None, Histogram]]:
        """For each layer its outputs: their number, if there are several, and their histogram."""
        heard, self._tallies = self._tallies, {}
        for layer, tallies in heard.items():
            for number, tally in enumerate(tallies):
                yield layer, number if len(tallies) > 1 else None, tally.histogram()
