"""TensorBoard under the name of its first version, as the seed imports it."""

from backbeat.callbacks.tensorboard import TensorBoard

__all__ = ["TensorBoard"]
