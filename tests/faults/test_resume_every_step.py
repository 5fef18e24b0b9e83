"""Kill a run at any step, start it again: it ends as if nothing had happened, bit for bit."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

import pytest

from tests.faults.nursery import Nursery
from tests.faults.resumable import STEPS, life

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SAMPLED = (1, 11, 16, 23, 38)


class Lives:
    """Runs of one script in directories of their own, and how the undisturbed one ends."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self.nursery, self.folder = nursery, folder
        self.undisturbed = cache(self._undisturbed)

    def live(self, name: str, **settings: Any) -> int:
        """The exit status of one life in the directory `name`."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        child = self.nursery.start(life, folder / "output.txt", folder=str(folder), **settings)
        return child.wait(60)

    def result(self, name: str) -> dict[str, Any]:
        """What the last life in `name` left."""
        file = self.folder / name / "result.json"
        assert file.exists(), (self.folder / name / "output.txt").read_text()
        return json.loads(file.read_text())

    def _undisturbed(self, run: str, kind: str, workers: int | None) -> dict[str, Any]:
        name = f"undisturbed-{run}-{kind}-{workers}"
        assert self.live(name, run=run, kind=kind, save_freq="epoch", workers=workers) == 0
        assert not (self.folder / name / "backup").exists()
        return self.result(name)

    def ends_the_same(self, *deaths: int, number: int = SIGKILL, **settings: Any) -> None:
        """Die at each of the steps `deaths`, then live on; compare the end."""
        name = "-".join(map(str, [*deaths, number, *settings.values()]))
        status = 143 if number == SIGTERM else -number
        for at in deaths:
            assert self.live(name, at=at, number=number, **settings) == status
        assert self.live(name, **settings) == 0
        expected = self.undisturbed(
            settings.get("run", "train"), settings["kind"], settings.get("workers")
        )
        assert self.result(name) == expected
        assert "Warning" not in (self.folder / name / "output.txt").read_text()


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    with Nursery() as nursery:
        yield Lives(nursery, tmp_path_factory.mktemp("lives"))


def test_the_run_is_worth_resuming(lives):
    """The undisturbed run has 40 steps, decides to stop, restores weights, changes the rate."""
    schedule = lives.undisturbed("train", "schedule", None)
    plateau = lives.undisturbed("train", "plateau", None)

    assert len(schedule["epochs"]) * 8 == STEPS
    assert schedule["stopped"]["by"] == "EarlyStopping"
    assert len(set(schedule["history"]["lr"])) == 5
    assert len(set(plateau["history"]["lr"])) > 1
    assert schedule["weights"] != plateau["weights"]


@pytest.mark.parametrize("at", range(1, STEPS + 1))
@pytest.mark.parametrize(("kind", "save_freq"), [("schedule", "epoch"), ("plateau", 3)])
def test_killed_at_every_step(lives, kind, save_freq, at):
    """kill -9 after any step: weights, history, CSV, best file and stop are those of the other."""
    lives.ends_the_same(at, kind=kind, save_freq=save_freq)


@pytest.mark.parametrize("at", SAMPLED)
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_resume_of_a_resume(lives, save_freq, at):
    """Killed again a little later, and again."""
    deaths = [step for step in (at, at + 1, at + 9) if step <= STEPS]
    lives.ends_the_same(*deaths, kind="plateau", save_freq=save_freq)


@pytest.mark.parametrize("at", SAMPLED)
def test_sigterm(lives, at):
    """SIGTERM saves at the very batch, and the run goes on behind it."""
    lives.ends_the_same(at, number=SIGTERM, kind="schedule", save_freq="epoch")


@pytest.mark.parametrize("at", SAMPLED)
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_loader_whose_samples_are_random(lives, save_freq, workers, at):
    """Samples that draw random numbers come again as they were, from workers too."""
    lives.ends_the_same(at, kind="torch", save_freq=save_freq, workers=workers)


@pytest.mark.parametrize("at", SAMPLED)
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_loop_of_the_users_own(lives, save_freq, at):
    """With gathered gradients, which cross the ends of epochs, and a generator of its own."""
    lives.ends_the_same(at, run="train_own_loop", kind="plateau", save_freq=save_freq)


@pytest.mark.parametrize("at", [*SAMPLED, 13, 15, 24])
@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_several_loops_over_batches_in_an_epoch(lives, save_freq, at):
    """Killed in any of them, at their ends too, and where a loader comes a second time."""
    lives.ends_the_same(at, run="train_in_parts", kind="plateau", save_freq=save_freq)
