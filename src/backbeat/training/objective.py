"""Objective: the loss and metrics of a batch, over all outputs of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch

from backbeat.data import Batch
from backbeat.errors import DataError
from backbeat.tensors import leaves
from backbeat.training.calls import Labelled
from backbeat.training.forward import Forward
from backbeat.training.jitted import Jitted
from backbeat.training.own_loss import loss_in
from backbeat.training.target import Target, Values

__all__ = ["Objective", "Penalties"]

Call = Callable[[Any], Any]
Penalties = Callable[[], list[torch.Tensor]]


class Objective:
    """Turns a batch into its loss, to be differentiated, and its values, to be logged.

    With several outputs the loss is the weighted sum of theirs, which are logged as
    `<output>_loss`. `penalties`, those of regularizers, come on top. Values on the CPU are floats,
    those on another device stay there.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        loss_weights: Sequence[float] | None = None,
        penalties: Penalties | None = None,
    ) -> None:
        self._targets = tuple(targets)
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self._loss_weights = tuple(loss_weights or (1.0,) * len(self._targets))
        self._share = self._loss_weights[0]
        self._penalties = penalties
        self._heads = tuple(target.head for target in self._targets if target.head is not None)
        self._judged = tuple(target for target in self._targets if target.has_loss)
        self._judge: Callable[..., Any] = self._judge_only if self._only else self._judge_all
        self._held_against = self._single_label if self._only else self._all_labels
        # Else the module has found the loss itself, and gives it.
        self._takes_outputs = self._only is None or self._only.has_loss
        self._labelled = tuple(target for target in self._targets if target.needs_labels)
        each = () if self._only else tuple(f"{target.name}_loss" for target in self._judged)
        measured = tuple(name for target in self._targets for name in target.names)
        self.names: tuple[str, ...] = ("loss", *each, *measured)
        self.stateful_names = tuple(
            name for target in self._targets for name in target.stateful_names
        )

    def reset(self, *, lasting: bool = False) -> None:
        """Let metrics that run through an epoch begin anew.

        `lasting`: whether nobody writes into the labels of a batch after it.
        """
        for target in self._targets:
            target.reset(lasting=lasting)

    def counts(self) -> list[list[Any]]:
        """What the metrics that run through the epoch have counted so far."""
        return [target.counts() for target in self._targets]

    def load_counts(self, counts: Sequence[Sequence[Any]]) -> None:
        """Let them count on from what `counts` gave."""
        for target, each in zip(self._targets, counts, strict=False):
            target.load_counts(each)

    def __call__(self, forward: Forward, batch: Batch) -> tuple[torch.Tensor, Values]:
        """The loss of `batch`, differentiable, and its values by name."""
        if not self._takes_outputs:
            return self._of_its_own(forward, batch)
        y, weight = self._held_against(forward, batch)
        outputs, each, loss = self._without_heads(forward, batch.x, y, weight)
        if self._penalties is not None:
            loss = self._penalized(loss)
        values = Values(loss=_settled(loss))
        if self._only is not None:
            if self._only.names:
                self._only.measure(outputs, y, weight, values)
        else:
            self._measure_all(outputs, each, y, weight, values)
        return loss, values

    def loss(self, forward: Forward, batch: Batch) -> torch.Tensor:
        """The loss of `batch`, differentiable; nothing is measured."""
        y, weight = self._held_against(forward, batch)
        return self._penalized(self._without_heads(forward, batch.x, y, weight)[-1])

    def compile(self) -> None:
        """Let torch.compile make one function of the module and its loss."""
        self._judge = Jitted(self._judge)

    def uncompile(self) -> bool:
        """Find the loss as usual from now on; whether it was found by compiled code."""
        was_compiled = isinstance(self._judge, Jitted)
        self._judge = self._judge_only if self._only else self._judge_all
        return was_compiled

    def _single_label(self, forward: Forward, batch: Batch) -> tuple[Any, Any]:
        """What one output is held against, and how much each sample counts."""
        if batch.y is None:
            # A likely slip is fit((x, y)): what the model makes of such inputs tells more.
            forward(batch.x)
        y, weight = batch.y, batch.weight
        if not isinstance(y, torch.Tensor):
            y = _single(y, "labels")
        if weight is not None and not isinstance(weight, torch.Tensor):
            weight = _single(weight, "sample weights")
        return y, weight

    def _all_labels(self, forward: Forward, batch: Batch) -> tuple[Any, Any]:
        """The same for several outputs, in their order."""
        labels = self._per_target(batch.y, "labels")
        return labels, self._per_target(batch.weight, "sample weights")

    def _without_heads(self, forward: Forward, x: Any, y: Any, weight: Any) -> Any:
        """What `_judge` gives, the outputs with a head being those before its activation."""
        # Compiled as a whole, if at all, from the inputs to the loss.
        call, heads = forward.plain(x), self._heads
        if not heads:
            return self._judge(call, x, y, weight)
        for head in heads:
            head.skip(True)
        try:
            return self._judge(call, x, y, weight)
        finally:
            for head in heads:
                head.skip(False)

    def _judge_only(self, call: Call, x: Any, y: Any, weight: Any) -> Any:
        """The outputs, and the loss, for a model with one of each."""
        target = self._only
        assert target is not None
        outputs = call(x)
        loss = target.loss(outputs, y, weight)
        return outputs, None, loss if self._share == 1 else loss * self._share

    def _judge_all(self, call: Call, x: Any, labels: Any, weights: Any) -> Any:
        """All outputs, the loss of each, and what they add up to."""
        outputs = list(leaves(call(x)))
        each = {
            target.name: target.loss(output, y, weight)
            for target, output, y, weight in zip(
                self._targets, outputs, labels, weights, strict=True
            )
            # An output that `loss` leaves out is there to be measured or predicted.
            if target.has_loss or not self._judged
        }
        shares = {t.name: share for t, share in zip(self._targets, self._loss_weights, strict=True)}
        return outputs, each, sum(one * shares[name] for name, one in each.items())

    def _of_its_own(self, forward: Forward, batch: Batch) -> tuple[torch.Tensor, Values]:
        """For modules whose forward computes the loss, from inputs and labels together."""
        outputs = forward(batch.x if batch.y is None else Labelled(batch.x, batch.y))
        loss = self._penalized(loss_in(outputs))
        return loss, Values(loss=_settled(loss))

    def _measure_all(
        self, outputs: Any, losses: Mapping[str, Any], labels: Any, weights: Any, values: Values
    ) -> None:
        for name, one in losses.items():
            values[f"{name}_loss"] = _settled(one)
        for target, output, y, weight in zip(self._targets, outputs, labels, weights, strict=True):
            target.measure(output, y, weight, values)

    def _penalized(self, loss: torch.Tensor) -> torch.Tensor:
        if self._penalties is not None:
            for penalty in self._penalties():
                loss = loss + penalty
        return loss

    def _per_target(self, tree: Any, what: str) -> list[Any]:
        """The parts of `tree` in the order of the targets; one weight or None serves all."""
        if what != "labels" and (tree is None or isinstance(tree, torch.Tensor)):
            return [tree] * len(self._targets)
        if isinstance(tree, Mapping):
            return self._by_name(cast(Mapping[str, Any], tree), what)
        parts = list(cast(Sequence[Any], tree)) if isinstance(tree, (list, tuple)) else [tree]
        if len(parts) == len(self._targets):
            return parts
        if tree is None or len(parts) != len(self._labelled):
            raise DataError(self._wrong(0 if tree is None else len(parts), what))
        given = iter(parts)
        return [next(given) if target.needs_labels else None for target in self._targets]

    def _by_name(self, named: Mapping[str, Any], what: str) -> list[Any]:
        known = [target.name for target in self._targets]
        missing = [target.name for target in self._labelled if target.name not in named]
        if missing and what == "labels":
            raise DataError(
                f"{what} for {', '.join(missing)} are missing from the dict, which has "
                f"{', '.join(map(str, named)) or 'nothing'}."
            )
        # Labels may come with more than this model learns from; a weight can only be for it.
        strangers = [name for name in named if name not in known] if what != "labels" else []
        if strangers:
            raise DataError(
                f"{what} were given for {', '.join(map(str, strangers))}, but the model's outputs "
                f"are {', '.join(known)}."
            )
        return [named.get(name) for name in known]

    def _wrong(self, count: int, what: str) -> str:
        names = ", ".join(target.name for target in self._targets)
        return f"The model has {len(self._targets)} outputs ({names}), but the data {count} {what}."


def _settled(loss: torch.Tensor) -> Any:
    return loss.item() if loss.device.type == "cpu" else loss.detach()


def _single(tree: Any, what: str) -> torch.Tensor:
    parts = list(leaves(tree))
    if len(parts) != 1:
        raise DataError(
            f"The model has one output, but the data have {len(parts) or 'no'} {what}. Pass y, or "
            "batches (x, y)."
        )
    return parts[0]
