"""What does `fit` cost over the same training loop written by hand?

Both train the same model from the same weights on the same shuffled batches with the same torch
optimizer, which is checked before anything is timed. The loop written by hand does nothing else:
it does not even look at the loss, which `fit` reads and averages. It gathers its batches with
`x[rows]` or with `index_select`; what counts is the ratio to the faster of the two. The first of
them runs twice in each round: how far its ratio to itself is from 1 is the noise. The ratio
differs from process to process, likely by where the memory lies, so several of them are asked.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F
from _interleaved import Timing, in_new_process, interleave, machine
from torch import Tensor, nn

from backbeat.layers import Activation, Dense
from backbeat.models import Sequential
from backbeat.optimizers import Adam

SAMPLES, BATCH, GOAL = 12_800, 128, 1.05

Gather = Callable[[Tensor, Tensor], Tensor]


def softmax() -> tuple[Sequential, nn.Module]:
    """The model of the seed's examples, and its twin in plain torch."""
    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
    return model, nn.Linear(784, 10)


def mlp() -> tuple[Sequential, nn.Module]:
    """784-256-256-10 with Adam, at a rate that keeps its averages clear of denormal numbers."""
    model = Sequential(
        [
            Dense(256, activation="relu", input_dim=784),
            Dense(256, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer=Adam(1e-6))
    twin = nn.Sequential(
        *(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    )
    return model, twin


def by_index(data: Tensor, rows: Tensor) -> Tensor:
    """The way most people write it."""
    return data[rows]


def by_index_select(data: Tensor, rows: Tensor) -> Tensor:
    """The way that torch is quickest at."""
    return data.index_select(0, rows)


class Contest:
    """`fit` and the loop by hand on one model."""

    def __init__(self, make: Callable[[], tuple[Sequential, nn.Module]], epochs: int) -> None:
        torch.manual_seed(0)
        self.x = torch.rand(SAMPLES, 784)
        self.y = F.one_hot(torch.randint(0, 10, (SAMPLES,)), 10).float()
        self.epochs = epochs
        self.model, twin = make()
        # A first fit binds the optimizer, which the loop by hand takes over, class and form.
        self.model.fit(self.x[:BATCH], self.y[:BATCH], batch_size=BATCH, verbose=0)
        self.hands = {gather: self._by_hand(twin, gather) for gather in (by_index, by_index_select)}

    def _by_hand(self, twin: nn.Module, gather: Gather) -> Callable[[], nn.Module]:
        """A loop as torch's tutorials write it, from the weights that the model has now."""
        module, x, y, epochs = copy.deepcopy(twin), self.x, self.y, self.epochs
        with torch.no_grad():
            for mine, theirs in zip(module.parameters(), self.model.parameters(), strict=True):
                mine.copy_(theirs)
        bound = self.model.optimizer.torch
        optimizer = getattr(torch.optim, type(bound).__name__)(
            module.parameters(), **bound.defaults
        )
        optimizer.load_state_dict(copy.deepcopy(bound.state_dict()))

        def train() -> nn.Module:
            for _ in range(epochs):
                for rows in torch.randperm(len(x)).split(BATCH):
                    optimizer.zero_grad()
                    loss = F.cross_entropy(module(gather(x, rows)), gather(y, rows))
                    loss.backward()
                    optimizer.step()
            return module

        return train

    def fit(self) -> Sequential:
        """The contender."""
        self.model.fit(self.x, self.y, batch_size=BATCH, epochs=self.epochs, verbose=0)
        return self.model

    def check_same_work(self) -> float:
        """From the same start all come to the same weights; returns by how much they miss.

        That is the distance between two results over the distance from the start to a result.
        """
        start = _weights(self.model)
        ends = []
        for contender in (self.fit, *self.hands.values()):
            torch.manual_seed(1)
            ends.append(_weights(contender()))
        apart = max((ends[0] - end).norm().item() for end in ends[1:])
        missed = apart / (ends[0] - start).norm().item()
        if missed > 0.05:
            raise SystemExit(f"fit and the loop by hand do not do the same: {missed:.1%} apart.")
        return missed

    def run(self, rounds: int) -> dict[str, Timing]:
        """Time them; the first loop by hand twice, to show the noise."""
        first, second = self.hands.values()
        return interleave(
            {"fit": self.fit, "x[rows]": first, "index_select": second, "x[rows] again": first},
            rounds,
        )


def _weights(module: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


QUESTIONS: dict[str, tuple[str, Callable[[], Contest]]] = {
    "softmax": ("Softmax 784-10, RMSprop, batch 128", lambda: Contest(softmax, epochs=4)),
    "mlp": ("MLP 784-256-256-10, Adam, batch 128", lambda: Contest(mlp, epochs=1)),
}


def measure(question: str, rounds: int) -> dict[str, object]:
    """What one process finds out: µs per batch and the ratios to the faster loop, by contender."""
    contest = QUESTIONS[question][1]()
    missed = contest.check_same_work()
    timings = contest.run(rounds)
    faster = min((timings["x[rows]"], timings["index_select"]), key=Timing.median)
    batches = contest.epochs * -(-SAMPLES // BATCH)
    found = {
        name: [
            timing.median() / batches * 1e6,
            timing.ratios(faster).median,
            timing.ratios(faster, "wall").median,
        ]
        for name, timing in timings.items()
    }
    noise = timings["x[rows] again"].ratios(timings["x[rows]"]).median
    return {"found": found, "noise": noise, "missed": missed}


def report(question: str, processes: int, rounds: int) -> float:
    """Print one table over several processes; returns the median ratio of `fit`, in CPU time."""
    results = [in_new_process(__file__, question, str(rounds)) for _ in range(processes)]
    print(f"\n{QUESTIONS[question][0]}; {processes} processes of {rounds} rounds, medians\n")
    print(f"{'':<16}{'µs/batch':>10}{'x CPU':>8}{'lowest-highest':>17}{'x wall':>9}")
    for name in results[0]["found"]:
        micro, cpu, wall = zip(*(result["found"][name] for result in results), strict=True)
        print(
            f"{name:<16}{median(micro):>10.0f}{median(cpu):>8.3f}"
            f"{f'{min(cpu):.3f}-{max(cpu):.3f}':>17}{median(wall):>9.3f}"
        )
    noise, missed = zip(*((result["noise"], result["missed"]) for result in results), strict=True)
    print(f"noise: x[rows] over itself {min(noise):.3f}-{max(noise):.3f}")
    print(f"same work: all end within {max(missed):.0e} of the way that the weights went")
    return median([result["found"]["fit"][1] for result in results])


def main() -> None:
    """Print both tables and the verdict on the first."""
    torch.set_num_threads(1)
    if len(sys.argv) == 3 and sys.argv[1] in QUESTIONS:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
        return
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--processes", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    reached = report("softmax", given.processes, given.rounds)
    report("mlp", min(3, given.processes), given.rounds)
    print(f"\nfit / faster loop by hand, softmax: {reached:.3f} (goal: at most {GOAL})")
    print(machine())


if __name__ == "__main__":
    main()
