"""Deaths at every step and power cuts at random ones: no file is lost, doubled, stuck, or left without its answer.

TRADEPOST_POWER_CUTS sets the number of seeded power cuts (default 300), TRADEPOST_PAIRS=all every pair of deaths.
"""

import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.crash_model import World

SEEDS = int(os.environ.get("TRADEPOST_POWER_CUTS", "300"))
ENOUGH = 150  # cuts after which an fsync counts as not needed; most are missed within ten
STRIDE = 1 if os.environ.get("TRADEPOST_PAIRS") == "all" else 11


class Worlds:
    """Makes one world after the other."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.patch = patch
        self.numbers = itertools.count()

    def make(self, *, omit: str = "", wrong: str = "") -> World:
        """A new world in a folder of its own."""
        return World(self.path / str(next(self.numbers)), self.patch, omit=omit, wrong=wrong)

    def die(self, *deaths: int, wrong: str = "") -> list[str]:
        """Deaths before these steps of one life after the other, then a life that is left alone."""
        world = self.make(wrong=wrong)
        for death in deaths:
            world.live(death)
        return self._end(world)

    def lose_power(self, seed: int, *, omit: str = "") -> list[str]:
        """One to three power cuts, some of them after deaths, then a life that is left alone."""
        chance = random.Random(seed)  # noqa: S311 (a seed that can be repeated)
        world = self.make(omit=omit)
        world.is_customer_there = lambda: chance.random() < 0.5
        for _ in range(chance.randint(1, 3)):
            for _ in range(chance.randint(1, 3)):
                world.live(chance.randint(1, 150))
            world.cut(chance)
        return self._end(world)

    def _end(self, world: World) -> list[str]:
        world.live()
        found = world.check()
        shutil.rmtree(world.path)
        return found

    def count_steps(self) -> int:
        """How many steps a life takes that nothing ends early."""
        world = self.make()
        assert world.live()
        return world.recorder.count


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worlds]:
    """A maker of worlds, in memory where there is some."""
    memory = Path("/dev/shm")  # noqa: S108 (thousands of small worlds: what is durable in them is the model's business)
    path = Path(tempfile.mkdtemp(dir=memory)) if memory.is_dir() else tmp_path
    yield Worlds(path, monkeypatch)
    shutil.rmtree(path)


def test_a_death_before_any_step_harms_nothing(worlds: Worlds) -> None:
    steps = worlds.count_steps()
    assert steps > 50
    harmed = {death: found for death in range(1, steps + 1) if (found := worlds.die(death))}
    assert harmed == {}


def test_two_deaths_in_a_row_harm_nothing(worlds: Worlds) -> None:
    steps = worlds.count_steps()
    pairs = [(one, two) for one in range(1, steps + 1) for two in range(1 + one % STRIDE, steps + 1, STRIDE)]
    harmed = {pair: found for pair in pairs if (found := worlds.die(*pair))}
    assert harmed == {}


def test_power_cuts_harm_nothing(worlds: Worlds) -> None:
    harmed = {seed: found for seed in range(SEEDS) if (found := worlds.lose_power(seed))}
    assert harmed == {}


@pytest.mark.parametrize(
    "wrong", ["row before rename", "settled before staged", "published before settled", "done before published"]
)
def test_a_broken_order_of_steps_is_caught(worlds: Worlds, wrong: str) -> None:
    assert any(worlds.die(death, wrong=wrong) for death in range(1, worlds.count_steps() + 1))


def test_every_fsync_is_needed(worlds: Worlds) -> None:
    world = worlds.make()
    world.live()
    spared = {
        label
        for label in world.recorder.labels
        if not any(worlds.lose_power(seed, omit=label) for seed in range(ENOUGH))
    }
    # What the first start makes in these two is made again by the next one; nothing of ours is lost with it.
    assert spared == {"claim: inbox", "claim: outbox"}
