"""Binding: an optimizer and the weights of the model that it trains."""

from __future__ import annotations

from torch import nn
from torch.optim import LBFGS

from backbeat.errors import ArgumentError, StateError
from backbeat.optimizers import Optimizer, TorchOptimizer

__all__ = ["bind"]


def bind(optimizer: Optimizer, model: nn.Module) -> None:
    """Let `optimizer` train the weights of `model` that require a gradient.

    One that does so already keeps its state; weights that came since, from an added layer or one
    that was frozen, join its first group. torch's own optimizers hold what they were given.

    Raises StateError if no weight is trainable, ArgumentError if another model's are trained,
    or if the optimizer's step is more than a step.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        raise StateError(
            "The model has no trainable weights, so there is nothing to train. One that was frozen "
            "for the sake of another, as a GAN's critic, is freed before its own batches "
            "(trainable = True), and frozen again after them."
        )
    is_new = not optimizer.bound
    if is_new:
        optimizer.bind(trained)
    _check_steps_alone(optimizer)
    if is_new:
        return
    groups = optimizer.torch.param_groups
    held = {id(parameter) for group in groups for parameter in group["params"]}
    if held.isdisjoint(map(id, model.parameters())):
        name = type(optimizer).__name__
        raise ArgumentError(
            f"This {name} trains the weights of another model already. Give every model an "
            f"optimizer of its own: compile({name}(...), ...)."
        )
    if not isinstance(optimizer, TorchOptimizer):
        groups[0]["params"] += [each for each in trained if id(each) not in held]


def _check_steps_alone(optimizer: Optimizer) -> None:
    if isinstance(optimizer.torch, LBFGS):
        raise ArgumentError(
            "LBFGS computes the loss several times in each step, which fit does once. Train with "
            "it in a Loop of your own, whose body calls optimizer.step(closure)."
        )
