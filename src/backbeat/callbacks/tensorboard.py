"""TensorBoard: scalars, histograms, pictures, graph, embeddings and texts of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from backbeat import files
from backbeat.callbacks._arguments import check_choice, check_flags, check_whole, path_text
from backbeat.callbacks._tensorboard.depicting import Depicting
from backbeat.callbacks._tensorboard.layout import LAYOUTS, LayoutName
from backbeat.callbacks._tensorboard.runs import Runs
from backbeat.callbacks._tensorboard.scalars import Scalars, samples_between
from backbeat.callbacks._tensorboard.words import ending, table
from backbeat.errors import CheckpointError
from backbeat.hooks.callback import Phase, Role, RunsOn
from backbeat.hooks.plan import Plan
from backbeat.warning import warn

__all__ = ["TensorBoard"]

# The dict's own way: a size never waits on a device.
_get = cast(Callable[..., int], dict[str, Any].get)


class TensorBoard(Depicting):
    """Writes what TensorBoard shows: `tensorboard --logdir=./logs`. TensorFlow is not needed.

    Args:
        log_dir: the directory of the event files; it is created with the first value.
        histogram_freq: every how many epochs histograms of the weights are written, and of what
            each layer gives on the validation data, whatever kind of data they are. 0: none.
        batch_size: the samples that go through the model at once where the callback sends data
            through it itself, as it does with `embeddings_data`.
        write_graph: whether the graph of the model is written, seen in its first batch.
        write_grads: whether the gradients of a batch are in the histograms: those of the first
            batch of the epoch, as the training itself computed them.
        write_images: whether the weights are written as pictures too, when their histograms are.
        embeddings_freq: every how many epochs the PROJECTOR gets embeddings. 0: none.
        embeddings_layer_names: the layers to show there; all embedding layers by default.
        embeddings_metadata: a file with a label for each row, or a dict of them by layer.
        embeddings_data: inputs for which the outputs of those layers are shown. The tables of
            embedding layers are shown in any case.
        update_freq: 'epoch', or 'batch' for the values of every batch too, or a number n:
            after every n SAMPLES, not batches. Their step is the number of samples seen, also that
            of the epochs' values then.
        layout: under which names things are shown. "backbeat": the logged names, batch values with
            `batch_` before them. "keras2": no such prefix, so that both kinds stand under one name.
            "keras3": the names of Keras 3 in its folders `train` and `validation`.

    Steps count from 0; `samples_seen` goes on when the same object is used again. Watching never
    changes the training, and a disk that is full, slow or gone never ends it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     board = TensorBoard(directory)
    ...     board.on_epoch_end(0, {"loss": 0.5})
    ...     board.close()
    ...     len(os.listdir(directory))
    1
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"
    runs_on: ClassVar[RunsOn] = "main"

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "./logs",
        histogram_freq: int = 0,
        batch_size: int = 32,
        write_graph: bool = True,
        write_grads: bool = False,
        write_images: bool = False,
        embeddings_freq: int = 0,
        embeddings_layer_names: Sequence[str] | None = None,
        embeddings_metadata: str | Mapping[str, str] | None = None,
        embeddings_data: Any = None,
        update_freq: Literal["batch", "epoch"] | int = "epoch",
        *,
        layout: LayoutName = "backbeat",
    ) -> None:
        path_text(self, "log_dir", log_dir)
        check_whole(self, "histogram_freq", histogram_freq, at_least=0)
        check_whole(self, "batch_size", batch_size, at_least=1)
        check_whole(self, "embeddings_freq", embeddings_freq, at_least=0)
        check_choice(self, "layout", layout, tuple(LAYOUTS))
        check_flags(
            self, write_graph=write_graph, write_grads=write_grads, write_images=write_images
        )
        self.log_dir = log_dir
        self.histogram_freq = histogram_freq
        self.batch_size = batch_size
        self.write_graph = write_graph
        self.write_grads = write_grads
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_metadata = embeddings_metadata
        self.embeddings_data = embeddings_data
        self.update_freq = update_freq
        self.layout: LayoutName = layout
        self.samples_seen = 0
        """The samples of all batches so far, over all runs of this object."""
        self.samples_seen_at_last_write = 0
        self._every = samples_between(self, update_freq)
        self._layout = LAYOUTS[layout]
        self._reset()

    def _reset(self) -> None:
        self._runs = Runs(self._directory())
        self._begin_depicting()
        self._scalars = Scalars(self._layout, self._opened)
        self._complaint = ""
        self._is_begun = False
        """Whether the run was described already, in this process or before a resume."""

    @property
    def silent_moments(self) -> Collection[str]:
        """The moments that these settings do not need; what a subclass overrides is heard."""
        needs = {"on_train_batch_end": bool(self._every) or self._needs()["on_backward_end"]}
        return [*super().silent_moments, *self._silent(TensorBoard, needs)]

    # The run

    def _check_plan(self, plan: Plan) -> None:
        try:
            files.probe(self._directory() / "events")
        except CheckpointError as error:
            self._warn(f" will write nothing: {error}")
        for problem in self._problems():
            self._warn(f" {problem}")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before; no file is opened yet."""
        self.close()
        self._reset()
        self._meet()

    def _opened(self) -> Runs:
        """The event files of this run, which begin with what it is."""
        if not self._is_begun:
            self._is_begun = True
            summary = table(self._portrait.description() if self._portrait else {}, self.params)
            self._runs[self._layout.main].text("run", summary, self._step(self._epoch))
        return self._runs

    def _step(self, epoch: int) -> int:
        return self.samples_seen if self._every else epoch

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Say how the run ended."""
        history: Any = getattr(self.model, "history", None)
        self._end(ending(getattr(history, "stopped", None)))
        if self._nobody_will_close():
            self.close()

    def on_exception(self, error: BaseException) -> None:
        """Say by what the run was ended."""
        self._end(ending(None, error))

    def _end(self, text: str) -> None:
        if self._is_begun:
            self._runs[self._layout.main].text("end", text, self._step(self._epoch))

    def close(self) -> None:
        """Write everything that waits and close the files; says what could not be written."""
        self._part()
        complaint = self._runs.close()
        self._scalars = Scalars(self._layout, self._opened)
        if complaint:
            self._complaint = complaint
            self._warn(f": {complaint}")

    def _troubles(self) -> list[str]:
        return [self._complaint] if self._complaint else []

    def _warn(self, text: str) -> None:
        warn(f"TensorBoard{text}")

    # Batches

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the samples, and write the values of this batch if it is time."""
        if self._every:
            values = logs or {}
            self.samples_seen += _get(values, "size", 1)
            if self.samples_seen - self.samples_seen_at_last_write >= self._every:
                self.samples_seen_at_last_write = self.samples_seen
                self._scalars.write_batch(values, self.samples_seen)
        if self.write_grads:
            self._take_gradients()  # in a loop that does not ring on_backward_end

    # Epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write histograms, embeddings and the values of this epoch."""
        self._epoch = epoch
        runs = self._opened()
        # The values come first: if anything else fails, they are there.
        self._scalars.write_epoch(logs or {}, self._step(epoch))
        self._depict(runs)

    # State

    def state_dict(self) -> dict[str, Any]:
        """How many samples were seen, and where the files stand once all of it is on the disk."""
        return {
            "samples_seen": self.samples_seen,
            "samples_seen_at_last_write": self.samples_seen_at_last_write,
            "epoch": self._epoch,
            "is_begun": self._is_begun,
            "graph_is_written": self._graph_is_written,
            "runs": self._runs.positions(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in new files behind an earlier process; what it wrote later is replaced."""
        self._epoch = state["epoch"]
        self.samples_seen = state["samples_seen"]
        self.samples_seen_at_last_write = state["samples_seen_at_last_write"]
        self._is_begun = state["is_begun"]
        self._graph_is_written = state["graph_is_written"]
        if self._graph_is_written and self._portrait is not None:
            self._portrait.forget()
        self._runs.resume(state["runs"], max(self.samples_seen, self._epoch) + 1)

    def __getstate__(self) -> dict[str, Any]:
        # Open files, and hooks on a model, belong to this process.
        own = ("_runs", "_portrait", "_embeddings", "_scalars")
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()
