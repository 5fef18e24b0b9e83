"""Portrait: the model as TensorBoard shows it: weights, gradients, outputs, pictures, graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from backbeat.callbacks._tensorboard.graphs import conceptual_json
from backbeat.callbacks._tensorboard.layout import Layout
from backbeat.callbacks._tensorboard.outputs import LayerOutputs
from backbeat.callbacks._tensorboard.pictures import picture
from backbeat.callbacks._tensorboard.runs import Runs
from backbeat.event_files import Node
from backbeat.hooks import GraphRecording, Inspectable, Inspection

__all__ = ["Portrait"]

# How the plugin that draws the layers of a Keras model is asked for.
_LAYERS_PLUGIN = "graph_keras_model"


class Portrait:
    """Looks at the model of one run when it is told to, and notes what it sees in the run's files.

    `wants_gradients` says that those of the next batch are to be taken.
    """

    def __init__(self, host: Inspectable, layout: Layout) -> None:
        self._host = host
        self._layout = layout
        self._outputs = LayerOutputs()
        self._recording: GraphRecording | None = None
        self.wants_gradients = False

    def look(self) -> Inspection:
        """The model as it is now."""
        return self._host.inspect()

    def description(self) -> Mapping[str, str]:
        """What the model is, in words."""
        return self.look().describe()

    # The graph

    def watch_first_batch(self) -> None:
        """Let the graph be seen when the first batch goes through the model."""
        self._recording = self.look().record_graph()

    def write_graph(self, runs: Runs, step: int) -> bool:
        """Write the graph that was seen, once; says whether it did."""
        recording, self._recording = self._recording, None
        if recording is None:
            return False
        graph = recording.finish()
        writer = runs[self._layout.main]
        if graph.layers:
            layers = conceptual_json(graph)
            writer.text("keras", layers, step, plugin=_LAYERS_PLUGIN, content=b"1")
        if graph.nodes:
            writer.graph(
                Node(node.name, node.operation, node.inputs, node.shapes) for node in graph.nodes
            )
        return True

    # The numbers

    def write_weights(self, runs: Runs, step: int, *, as_images: bool) -> None:
        """Write how the weights are distributed, and their pictures."""
        for name, weight in self.look().weights().items():
            run, tag = self._layout.weight(name)
            runs[run].histogram(tag, weight, step, copy=False)
            shown = picture(weight) if as_images else None
            if shown is not None:
                run, tag = self._layout.image(name)
                runs[run].images(tag, shown, step, copy=False)

    def write_gradients(self, runs: Runs, step: int) -> None:
        """Write how the gradients of this moment are distributed."""
        self.wants_gradients = False
        for name, gradient in self.look().gradients().items():
            run, tag = self._layout.gradient(name)
            runs[run].histogram(tag, gradient, step, copy=False)

    def begin_validation(self) -> None:
        """Listen to the layers from now on."""
        self._outputs.listen(self.look())

    def end_validation(self) -> None:
        """Stop listening."""
        self._outputs.stop()

    def write_outputs(self, runs: Runs, step: int, validation_data: Any, batch_size: int) -> None:
        """Write how the layers' outputs are distributed over the validation data.

        If no validation was heard in this epoch, arrays are sent through the model for it.
        """
        arrays = cast(list[Any], validation_data) if _is_list(validation_data) else []
        if arrays and not self._outputs.were_heard:
            look = self.look()
            inputs = list(arrays[: look.input_count])
            self._outputs.listen(look)
            look.run(inputs[0] if len(inputs) == 1 else inputs, batch_size)
            self._outputs.stop()
        for layer, number, histogram in self._outputs.take():
            run, tag = self._layout.output(layer, number)
            runs[run].histogram(tag, histogram, step)

    def forget(self) -> None:
        """Take every hook away from the model."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish()
        self._outputs.stop()


def _is_list(data: object) -> bool:
    return isinstance(data, (list, tuple))
