"""RunState: everything that a run needs to go on as if nobody had interrupted it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from backbeat.data import Randomness, StreamSource, is_generator
from backbeat.errors import CheckpointError
from backbeat.hooks import CallbackList
from backbeat.layers.wrappers import bare
from backbeat.optimizers import Optimizer
from backbeat.training.boundary import Boundary, likeness_of
from backbeat.training.callback_states import load_states, states_of
from backbeat.training.environment import differences, environment_of
from backbeat.training.feeds import Feeds
from backbeat.training.staging import Staging
from backbeat.training.structure import first_difference, structure_of, tensors_in
from backbeat.training.tensor_trees import with_bytes, with_tensors
from backbeat.warning import warn

__all__ = ["RunState"]

Data = TypeVar("Data")

_MOVING = ("position", "callbacks", "data", "random")


class RunState:
    """The state of one run of `host`: gathered as plain data, and given back to another one.

    Only runs in which a callback keeps runs (it has `keeps_runs`) are watched at all. What the
    callback has in `also` belongs to the state: generators of random numbers, and anything that
    has `state_dict` and `load_state_dict`.
    """

    def __init__(self, host: Any, hooks: CallbackList) -> None:
        self._host, self._hooks = host, hooks
        keepers = [each for each in hooks if getattr(each, "keeps_runs", False)]
        self.is_kept = bool(keepers)
        also = {name: each for keeper in keepers for name, each in keeper.also.items()}
        self._also = {name: each for name, each in also.items() if not is_generator(each)}
        self._randomness = Randomness({n: each for n, each in also.items() if is_generator(each)})
        self.step: Any = None
        """The Step of `fit`, which may have gathered gradients."""
        self.feeds = Feeds(self._randomness, watches=self.is_kept)
        self._resumed: dict[str, Any] | None = None

    # Gathering

    def capture(
        self,
        position: Mapping[str, Any],
        *,
        done: int,
        over: bool,
        memory: dict[str, Any] | None = None,
        fetching: bool = False,
    ) -> dict[str, Any] | None:
        """All of it, on the host, sharing no memory with what goes on training.

        The tensors lie in `memory`, until it is given to the next call. None if the run failed
        while `fetching` a batch, and nobody knows which random numbers were drawn for that.
        """
        random = self.feeds.random_before(done) if fetching else self._randomness.state()
        if random is None:
            return None
        moving = {
            "position": position,
            "callbacks": states_of(self._hooks),
            "data": self.feeds.positions(done, over=over),
            "random": random,
        }
        return self._gathered(self._lasting(), moving, memory)

    def mark(self, position: Mapping[str, Any], done: int) -> Boundary:
        """To remember that the batches of an epoch are all done."""
        return Boundary(
            position=position,
            callbacks=states_of(self._hooks),
            data=self.feeds.positions(done, over=False),
            random=self._randomness.state(),
            likeness=likeness_of(self._lasting()),
        )

    def capture_at(
        self, boundary: Boundary, memory: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """As `capture`, as the run stood at `boundary`; None if it has been trained since."""
        lasting = self._lasting()
        if not boundary.still_holds(lasting):
            return None
        moving = {name: getattr(boundary, name) for name in _MOVING}
        return self._gathered(lasting, moving, memory)

    def _lasting(self) -> dict[str, Any]:
        """What only training changes."""
        optimizer = self._optimizer
        return {
            "weights": tensors_in(self._module),
            "optimizer": None if optimizer is None else optimizer.state_dict(),
            "gradients": self._gradients(),
            "also": {name: each.state_dict() for name, each in self._also.items()},
        }

    def _gathered(
        self, lasting: dict[str, Any], moving: dict[str, Any], memory: dict[str, Any] | None
    ) -> dict[str, Any]:
        state = {
            "finite": all(_is_finite(tensor) for tensor in lasting["weights"].values()),
            "structure": structure_of(self._module, self._optimizer),
            "environment": environment_of(self._module) | self.feeds.describe(),
            "step": None if self.step is None else self.step.gradients.state_dict(),
            **lasting,
            **moving,
        }
        kept = {} if memory is None else memory
        return with_bytes(state, kept.setdefault("staging", Staging()))

    def _gradients(self) -> dict[str, torch.Tensor]:
        """Those that wait for their step; in your own loop nobody else knows which do."""
        if self.step is not None and not self.step.gradients.batches:
            return {}
        named = self._module.named_parameters()
        return {name: each.grad for name, each in named if each.grad is not None}

    # Giving back

    def forget(self) -> None:
        """A run begins that nothing has been given back to yet."""
        self._resumed = None

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `capture` gave, as far as it is due before the first epoch.

        In the midst of an epoch the callbacks hear its beginning once more, and get their states
        after that: when `take_up` is called.

        Raises CheckpointError, naming the first difference, if the model is another one.
        """
        here = structure_of(self._module, self._optimizer)
        difference = first_difference(state["structure"], here)
        if difference is not None:
            raise CheckpointError(
                f"The backup is that of another model or optimizer: {difference}. Build them as "
                "they were, or give this run another backup_dir."
            )
        self._resumed = resumed = with_tensors(state)
        self._load_model(resumed)
        self.feeds.go_on(resumed["data"])
        if not _is_midway(resumed):
            self._load_others(resumed)

    def follow(self, data: Iterable[Data], *, done: int = 0) -> Iterable[Data]:
        """The batches of `data`, in a resumed run those that are left of its first epoch.

        `done` are the batches of the iteration before this one.
        """
        if not self.is_kept:
            return data
        feed = self.feeds.of(data, done=done)
        return feed.raw() if isinstance(feed, StreamSource) and feed is not data else data

    def take_up(self) -> None:
        """In a resumed run: from here on all is as it was; in others nothing."""
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            return
        if _is_midway(resumed):
            self._load_model(resumed)
            self._load_others(resumed)
        here = environment_of(self._module) | self.feeds.describe()
        doubts = differences(resumed["environment"], here) + self.feeds.doubts()
        doubts += _unknown_counts(resumed)
        if doubts:
            warn(f"The run goes on, but perhaps not bit for bit: {'; '.join(doubts)}.")

    def _load_model(self, resumed: Mapping[str, Any]) -> None:
        own = tensors_in(self._module)
        with torch.no_grad():
            for name, tensor in resumed["weights"].items():
                own[name].copy_(tensor)
        if self._optimizer is not None:
            self._optimizer.load_state_dict(resumed["optimizer"])

    def _load_others(self, resumed: Mapping[str, Any]) -> None:
        for name, parameter in self._module.named_parameters():
            gradient = resumed["gradients"].get(name)
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        if self.step is not None and resumed["step"] is not None:
            self.step.gradients.load_state_dict(resumed["step"])
        for name, each in self._also.items():
            if name in resumed["also"]:
                each.load_state_dict(resumed["also"][name])
        missed = load_states(self._hooks, resumed["callbacks"])
        if missed:
            warn(f"The backup and this run have different callbacks: {'; '.join(missed)}.")
        # Last, for whatever came before may have drawn some.
        self._randomness.restore(resumed["random"])

    @property
    def _module(self) -> nn.Module:
        return bare(getattr(self._host, "module", self._host))

    @property
    def _optimizer(self) -> Optimizer | None:
        return self._host.optimizer


def _is_midway(resumed: Mapping[str, Any]) -> bool:
    """Whether the run stood in the midst of an epoch."""
    return bool(resumed["position"]["begun"])


def _unknown_counts(resumed: Mapping[str, Any]) -> list[str]:
    """Whether a metric that runs through the epoch could not tell what it had counted."""
    step: dict[str, Any] = resumed["step"] or {}
    known: list[list[Any]] = step.get("metrics", [])
    if not _is_midway(resumed) or not any(None in counts for counts in known):
        return []
    return ["a metric does not show what it has counted, and counts the rest of the epoch only"]


def _is_finite(tensor: torch.Tensor) -> bool:
    # Types of one byte have hardly any kernels, and no training is in them.
    if not tensor.is_floating_point() or tensor.element_size() < 2:
        return True
    return bool(torch.isfinite(tensor).all())
