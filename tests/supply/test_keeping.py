"""Frames that land, go and come again within a budget: what it costs, and that it never stops."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.store import ArrayLayout
from rawkit.stream import (
    Ahead,
    Keeper,
    Need,
    PairSource,
    PlanSettings,
    RankShare,
    Room,
    ShardFile,
    belady,
    jobs,
)
from rawkit.stream.epochs import EpochShapes
from rawkit.supply import Generations, Notes, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORT, LONG = 2000, 5000
"""Bytes of shards."""
AHEAD = 160
"""Samples that epochs are fixed ahead, as in a stream."""


def pair_of(name: str, long: str) -> Pair:
    """Return a pair of frames that are nowhere."""
    packed = ArrayLayout("packed", 1, 4, 64, 96, (16, 16), "uint16", "none")
    target = ArrayLayout("target", 1, 3, 128, 192, (32, 32), "uint8", "none")
    source = PairSource(
        name=name, packed=ShardFile(Path(name), packed), target=ShardFile(Path(long), target),
        black_level=np.zeros(4, np.float32), white_level=1.0, amplification_base=1.0,
        exposure_ratio=1.0, gain_ratio=1.0, iso=100.0,
    )  # fmt: skip
    return Pair(source, f"digest of {name}", frozenset({name, long}), long)


def bytes_of(frame: str) -> int:
    """Bytes of the shards of a frame."""
    return LONG if frame.startswith("long") else SHORT


@dataclass
class World:
    """A collection far away, a disk, and what lands on it."""

    longs: int
    shorts: int
    budget: int
    pairs: dict[str, Pair] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    disk: set[str] = field(default_factory=set)
    landed: set[str] = field(default_factory=set)
    granted: list[str] = field(default_factory=list)
    fetched: int = 0
    most: int = 0
    guess: float = 1.0
    """How many times as large frames are taken to be before they land."""

    def __post_init__(self) -> None:
        """Make the collection; frames land in its order."""
        for number in range(self.longs):
            for short in range(self.shorts):
                name = f"short-{number}-{short}"
                self.pairs[name] = pair_of(name, f"long-{number}")
                self.order.append(name)
                if not short:
                    self.order.append(f"long-{number}")

    def size(self, frame: str) -> int:
        """Bytes of a frame; 0 where it has never landed."""
        return bytes_of(frame) if frame in self.landed else 0

    def bring(self, frame: str) -> Future[int]:
        """Have it there at once."""
        assert frame in self.landed
        assert frame not in self.disk
        future: Future[int] = Future()
        future.set_result(self._put(frame))
        return future

    def evict(self, frames: Sequence[str]) -> None:
        """Have them gone."""
        self.disk -= set(frames)

    def land(self, room: Room, most: int) -> None:
        """Let some of those land that may, and three more ask; called with the room's lock."""
        for name in self.granted[:most]:
            self.landed.add(name)
            self._put(name)
            room.land(name, bytes_of(name))
        del self.granted[:most]
        while self.order and len(room.asks) + len(self.granted) < 3:
            name = self.order.pop(0)
            room.ask(name, round(self.guess * bytes_of(name)))

    def _put(self, frame: str) -> int:
        self.disk.add(frame)
        self.fetched += bytes_of(frame)
        self.most = max(self.most, sum(map(bytes_of, self.disk)))
        return bytes_of(frame)

    def there(self) -> dict[str, str]:
        """Digests of the pairs that have landed."""
        return {name: one.digest for name, one in self.pairs.items() if one.frames <= self.landed}

    def frames(self, source: PairSource) -> Need:
        """Frames of a pair."""
        return self.pairs[source.name].frames


def trained(
    world: World, folder: Path, *, group: int, windows: int, speed: int, batches: int | None = None
) -> tuple[list[int], float]:
    """Read so many windows while frames land; returns pairs of each epoch, and the least bytes.

    They are the least that suffice where every frame must be there when an epoch is fixed that
    first draws from it, and when a window reads it.
    """
    room = Room(world.budget, {}, world.granted.append)
    while not room.stuck and len(world.there()) < 2:
        with room.changed:
            world.land(room, 1)
    settings = PlanSettings(crop=32, live_windows=8, window_chunks=4, group=group, seed=1)
    notes = Notes(folder / "notes")
    epochs = Generations(
        notes, lambda names: {name: world.pairs[name] for name in names}, world.there, settings
    )
    keeper = Keeper(world, room, world.frames, batches=batches)
    epochs.reach(AHEAD)
    share = RankShare(4)
    keeper.begin(Ahead(epochs, settings, share, 0, batches))
    needs: list[Need] = []
    drawn: set[str] = set()
    for number, job in enumerate(islice(jobs(EpochShapes(epochs), settings, share, 0), windows)):
        source = epochs.sources(job.epoch)[job.window.frame]
        with room.changed:
            while not room.changed.wait_for(partial(keeper.is_ready, number), 0.001):
                world.land(room, 1)
            needs.append(world.frames(source))
            assert needs[-1] <= world.disk
            world.land(room, speed)
        if room.asks:
            time.sleep(0.0005)  # for the keeper to look at them, as in a true training
        epochs.reach(job.first * 4 + AHEAD)
        names = notes.generations[-1].digests
        last = frozenset().union(*(world.pairs[name].frames for name in names))
        needs += [frozenset({one}) for one in sorted(last - drawn)]
        drawn |= last
        keeper.look()
        keeper.done(number)
    keeper.close()
    sizes = {name: bytes_of(name) for need in needs for name in need}
    return [len(one.digests) for one in notes.generations], belady(needs, sizes, world.budget)


@pytest.mark.parametrize(("speed", "share", "mark"), [(1, 3, 1.08), (4, 3, 1.08), (4, 8, 1.12)])
def test_all_land_within_the_budget_and_hardly_a_byte_comes_in_vain(
    speed: int, share: int, mark: float, tmp_path: Path
) -> None:
    longs = 40
    world = World(longs, 3, longs * (3 * SHORT + LONG) // share)
    pairs, least = trained(
        world, tmp_path, group=3 * longs // (2 * share), windows=2000, speed=speed, batches=2000
    )
    assert world.most <= world.budget
    assert pairs[-1] >= 3 * longs * min(1, 4 / share)
    assert world.fetched <= mark * least


@pytest.mark.parametrize(("pairs", "guess"), [(1.2, 1.0), (1.5, 1.04), (2, 1.04), (3, 1.04)])
def test_where_few_pairs_have_room_all_land_yet(pairs: float, guess: float, tmp_path: Path) -> None:
    world = World(5, 2, round(pairs * (SHORT + LONG)), guess=guess)
    found, _ = trained(world, tmp_path, group=1, windows=600, speed=1)
    assert world.most <= world.budget
    assert found[-1] == 10
