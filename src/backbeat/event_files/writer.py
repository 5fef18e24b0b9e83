"""EventFileWriter: what TensorBoard shows of a run, written without keeping the run waiting."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from backbeat.errors import ArgumentTypeError
from backbeat.event_files import protos
from backbeat.event_files.backlog import Build, Coarse, Late
from backbeat.event_files.delivery import Delivery
from backbeat.event_files.graph import Node, graph_bytes
from backbeat.event_files.histograms import Histogram, count
from backbeat.event_files.images import as_pixels, batch_of_images, png
from backbeat.event_files.projector import Embedding, check_embeddings, write_projector
from backbeat.event_files.report import Report
from backbeat.event_files.run_files import RunFiles
from backbeat.event_files.summaries import histogram_value, image_value, text_value

__all__ = ["EventFileWriter"]


class EventFileWriter:
    """Writes event files into `directory`, which TensorBoard shows as one run.

    Each method notes what it is given and returns; a thread writes it, `flush_seconds` later at
    the latest. The directory and a file in it are created with the first value. Steps are whole
    numbers that do not decrease from one value of a tag to the next.

    Nothing that goes wrong with the disk is raised. A full or failing disk is asked again later
    and a new file begun; a disk that hangs is not waited for. Up to 500,000 scalars and 64 MiB of
    histograms and images are kept meanwhile, then further ones are dropped; `report` counts them.

    A run that is resumed gives the `position()` it had, and in `start_step` a step that is larger
    than all before. What was written behind that position is then set aside as `*.orphan`, when
    the first value is written, and a TensorBoard that is running drops what it had read of it.

    Call `close` at the end, or use the writer in a `with` statement. At the exit of the program
    that is done for you, but not when it is killed. In a forked child the writer does nothing.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     writer = EventFileWriter(directory)
    ...     writer.scalar("loss", 0.5, step=0)
    ...     writer.close().written
    1
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        flush_seconds: float = 1.0,
        close_seconds: float = 10.0,
        position: Mapping[str, Any] | None = None,
        start_step: int | None = None,
    ) -> None:
        run = position["run"] if position else secrets.token_hex(4)
        cut_to = position["files"] if position else None
        self._files = RunFiles(Path(directory), run, start_step, cut_to)
        self._delivery = Delivery(self._files, flush_seconds, close_seconds)
        self._fine = self._delivery.backlog.fine

    def __enter__(self) -> EventFileWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def report(self) -> Report:
        """What was written, dropped, or not finite, up to now."""
        return self._delivery.report

    def scalar(
        self,
        tag: str,
        value: Any,
        step: int,
        fetch: Callable[[list[Any]], list[float]] | None = None,
    ) -> None:
        """Note one number; nan and infinite ones are shown as such.

        A value that is still on a device is given with `fetch`, which turns a list of such values
        into floats; the thread calls it once for all that wait. The value is not overwritten until
        then.
        """
        delivery = self._delivery
        if len(self._fine) >= delivery.threshold and not delivery.accept():
            delivery.drop("scalars")
            return
        if fetch is not None:
            value = Late(value, fetch)
        self._fine.append((tag, value, step, time()))

    def scalars(self, values: Sequence[tuple[str, Any]], step: int) -> None:
        """Note several numbers of one step, each with its tag."""
        delivery = self._delivery
        if len(self._fine) >= delivery.threshold and not delivery.accept():
            delivery.drop("scalars", len(values))
            return
        moment = time()
        self._fine.extend([(tag, value, step, moment) for tag, value in values])

    def histogram(
        self,
        tag: str,
        values: Any,
        step: int,
        *,
        edges: Sequence[float] | None = None,
        copy: bool = True,
    ) -> None:
        """Note how an array of real numbers, of any shape, is distributed, or a `Histogram`.

        The counts are exact. Without `edges` the buckets are eight to every doubling; with them,
        increasing, there is one bucket between any two. The array is copied at once, unless
        `copy=False` promises that nobody changes it any more.

        Raises ArgumentTypeError if `values` are no real numbers.
        """
        if isinstance(values, Histogram):
            counted, non_finite = values
            summary = _summary(histogram_value(tag, counted))
            self._add_coarse("histograms", counted, lambda _: (summary, non_finite), step, False)
            return
        array = _numbers("histogram", values)

        def build(array: Any) -> tuple[dict[str, Any], int]:
            rows, non_finite = count(array, edges)
            return _summary(histogram_value(tag, rows)), non_finite

        self._add_coarse("histograms", array, build, step, copy)

    def images(self, tag: str, images: Any, step: int, *, copy: bool = True) -> None:
        """Note one image or several of one size, which are shown side by side.

        The shape is (height, width), (height, width, channels) or (count, height, width,
        channels), with 1 to 4 channels. Whole numbers are 0 to 255, others 0.0 to 1.0. The array
        is copied at once, unless `copy=False` promises that nobody changes it any more.

        Raises ArgumentError for another shape, ArgumentTypeError for what are no real numbers.
        """
        array = batch_of_images(_numbers("images", images))

        def build(array: Any) -> tuple[dict[str, Any], int]:
            pixels, non_finite = as_pixels(array)
            _, height, width, _ = pixels.shape
            files = [png(image) for image in pixels]
            return _summary(image_value(tag, width, height, files)), non_finite

        self._add_coarse("images", array, build, step, copy)

    def text(
        self, tag: str, text: str, step: int, *, plugin: str = "text", content: bytes = b""
    ) -> None:
        """Note a text in Markdown, or one that another `plugin` of TensorBoard takes."""
        self._add_fine("texts", lambda: (_summary(text_value(tag, text, plugin, content)), 0), step)

    def graph(self, nodes: Iterable[Node]) -> None:
        """Note the run's graph.

        Raises ArgumentError if two nodes have one name, or if an input is no node's name.
        """
        graph = graph_bytes(nodes)
        self._add_fine("graphs", lambda: ({"graph_def": graph}, 0), 0)

    def projector(self, embeddings: Sequence[Embedding]) -> None:
        """Note all embeddings of the run, in place of those noted before.

        They are copied by the caller if somebody may change them. A TensorBoard that is running
        shows changed points under a new name only.

        Raises ArgumentError if labels do not fit their points.
        """
        embeddings = list(embeddings)
        check_embeddings(embeddings)
        size = sum(np.asarray(each.points).nbytes for each in embeddings)
        if self._delivery.accept() and self._delivery.backlog.reserve(size):
            item = Coarse(size, lambda: self._write_projector(embeddings), 0, time())
            self._delivery.backlog.add_coarse(item)
        else:
            self._delivery.drop("embeddings")

    def _write_projector(self, embeddings: Sequence[Embedding]) -> tuple[dict[str, Any], int]:
        return {}, write_projector(self._files.directory, embeddings)

    # The end, and between

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until everything noted so far is safely on the disk.

        Returns False if it is not after `seconds` (`close_seconds` by default).
        """
        return self._delivery.flush(seconds)

    def position(self, seconds: float | None = None) -> dict[str, Any] | None:
        """Where the run stands in its files, as plain data, after a `flush`.

        Returns None if not everything is on the disk after `seconds`.
        """
        if not self.flush(seconds):
            return None
        return {"run": self._files.run, "files": dict(self._files.sizes)}

    def close(self, seconds: float | None = None) -> Report:
        """Write everything noted so far, and end; returns what became of everything.

        Waits `seconds` at most (`close_seconds` by default). Closing again waits again if it
        was in vain. Values noted later are dropped and counted.
        """
        self._delivery.close(seconds)
        return self.report

    def _add_fine(self, kind: str, build: Build, step: int) -> None:
        delivery = self._delivery
        if len(self._fine) >= delivery.threshold and not delivery.accept():
            delivery.drop(kind)
            return
        self._fine.append((None, build, step, time()))

    def _add_coarse(
        self, kind: str, array: Any, build: Callable[[Any], Any], step: int, copy: bool
    ) -> None:
        delivery, moment = self._delivery, time()
        if not self._delivery.accept():
            delivery.drop(kind)
        elif delivery.backlog.reserve(array.nbytes):
            mine = delivery.backlog.buffers.copy(array) if copy else array
            delivery.backlog.add_coarse(
                Coarse(array.nbytes, lambda: build(mine), step, moment, mine if copy else None)
            )
        else:
            self._add_built(kind, build(array), step, moment)

    def _add_built(self, kind: str, built: Any, step: int, moment: float) -> None:
        """Without room for a copy the value is made in line, for it is far smaller."""
        backlog = self._delivery.backlog
        self._delivery.hurry()
        size = built[0]["summary"].ByteSize()
        if backlog.reserve(size):
            backlog.add_coarse(Coarse(size, lambda: built, step, moment))
        else:
            self._delivery.drop(kind)


def _summary(value: Any) -> dict[str, Any]:
    return {"summary": protos.Summary(value=[value])}


def _numbers(name: str, values: Any) -> Any:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            f"{name}: real numbers are needed, such as a NumPy array of float32; got "
            f"{type(values).__name__} of {array.dtype}."
        )
    return array
