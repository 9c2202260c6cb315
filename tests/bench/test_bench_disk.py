"""A store that holds a third: bytes fetched over the least possible, and the same weights."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition, scan
from rawkit.ingest import open_shelf, plan_ingest, run_ingest
from rawkit.store import Store, evict_frames, frame_bytes
from rawkit.stream import Ahead, BatchStream, Need, PlanSettings, RankShare, belady, epoch_length
from rawkit.subset import make_subset
from rawkit.supply import read_notes
from rawkit.synth import make_collection
from rawkit.train import LAST, DiskPlan, disk_training, load_checkpoint, plan_replay, plan_settings
from rawkit.train.disk import frames_of
from rawkit.train.runs import open_data
from rawkit.workspace import Workspace
from tests.support.fixtures_live import (
    TINY,
    kill_after,
    notes_of,
    run,
    same_weights,
    start,
    zip_of,
)
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rawkit.train import DiskTraining, TrainPlan

pytestmark = pytest.mark.bench
MOST = 1.05
"""Bytes fetched over the least possible."""
KILLS = 30
SECONDS = 900.0
"""That a command may take."""
OFTEN = ("--validate-every", "20")
"""So that there are checkpoints to go on from."""
MAX_RAM = 3 * 10**9


@dataclass(frozen=True)
class Collection:
    """Look-alikes of MID on a web server, and what a third of those trained on takes."""

    web: Web
    """The server."""
    raws: Path
    """Their folder."""
    budget: int
    """Bytes: the frames that are validated on, and a third of those trained on."""

    @property
    def source(self) -> tuple[str, str]:
        """Where they are, as an option."""
        return "--source", self.web.url("/mid.zip")

    @property
    def disk(self) -> tuple[str, str]:
        """What they may take, as an option."""
        return "--disk", f"{self.budget}B"


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """Make twelve scenes of two views, of two dark frames and a long each."""
    folder = tmp_path_factory.mktemp("mid")
    make_collection("mid", folder, scenes=12, size=(128, 192), isos=(100, 200), shutters=(0.01,))
    place = Workspace(tmp_path_factory.mktemp("whole"))
    store = ingested(folder, place)
    bytes_of = {row.name: frame_bytes(store, row) for row in store.rows}
    of = {split: sum(bytes_of[row.name] for row in store.rows if row.split == split)
          for split in ("train", "val")}  # fmt: skip
    data = zip_of(folder)
    with serve(Web({"/mid.zip": data}, etags={"/mid.zip": '"one"'})) as web:
        yield Collection(web, folder, of["val"] + of["train"] // 3)


def ingested(raws: Path, place: Workspace) -> Store:
    """Make a whole store."""
    definition = load_definition("mid")
    run_ingest(plan_ingest(definition, raws, place.store("mid"), Selection()), workers=0)
    return Store(place.store("mid"))


@pytest.mark.parametrize("share", [3, 5])
def test_three_epochs_from_an_empty_store(
    collection: Collection, share: int, tmp_path: Path
) -> None:
    place = Workspace(tmp_path)
    store = ingested(collection.raws, place)
    data = open_data(make_subset(place, place.stores(), fraction=1.0)[0], place)
    evict_frames(store, store.rows)
    frames = frames_of(store)
    with open_shelf(store, scan(load_definition("mid"), collection.raws)) as shelf:
        names = frozenset().union(*map(frames, data.train))
        plan = DiskPlan(shelf, frames, data.train, [], sum(map(shelf.size, names)) // share)
        settings = plan.settings(PlanSettings(crop=32, live_windows=8, window_chunks=1))
        count = 3 * epoch_length([one.shape for one in data.train], settings) // 4
        keeper = plan.keeper(count)
        stream = BatchStream(data.train, settings, batch_size=4, keeper=keeper)
        batches = stream.batches()
        for _ in range(count):
            next(batches)
        batches.close()
        keeper.close()
    least = plan.least(settings, 4, count)
    print(f"\n1/{share} of {len(names)} frames, 3 epochs: {keeper.fetched / 1e6:.1f} MB over "
          f"{least / 1e6:.1f} MB: {keeper.fetched / least:.3f} (mark: {MOST})")  # fmt: skip
    assert least <= keeper.fetched <= MOST * least


def test_a_training_while_frames_land(collection: Collection, tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    steps = 1200
    begun = ("train", "mid", *collection.source, *TINY, *collection.disk, "--steps", str(steps),
             "--name", "live", "--validate-every", "1000")  # fmt: skip
    live = run(tmp_path, *begun, seconds=SECONDS)
    assert live.code == 0, live.err
    line = json.loads((tmp_path / "runs/live/metrics.jsonl").read_text().splitlines()[-1])
    sent = line["landed_bytes"] + line["fetched"]  # what the scan reads is not counted
    small = run(tmp_path, "train", "--replay", "live", "--name", "small", *collection.source,
                *collection.disk, seconds=SECONDS)  # fmt: skip
    assert small.code == 0, small.err
    plan = plan_replay(place, "live", name="bound", max_ram=MAX_RAM, device="cpu")
    with disk_training(plan, place, collection.budget, collection.web.url("/mid.zip")) as found:
        plain, landing = least_of(plan, found)
    assert run(tmp_path, "verify", "mid", "--refill", *collection.source).code == 0
    assert run(tmp_path, "train", "--replay", "live", "--name", "whole", seconds=SECONDS).code == 0
    folders = [tmp_path / "runs" / name for name in ("live", "small", "whole")]
    assert all(same_weights(folders[0], one) for one in folders[1:])
    pairs = [len(one.digests) for one in read_notes(folders[0] / "generations.jsonl").generations]
    print(f"\n{steps} steps while frames land, {len(pairs)} epochs of {pairs} pairs: "
          f"{sent / 1e6:.1f} MB over {plain / 1e6:.1f}: {sent / plain:.3f} (mark: {MOST}); over "
          f"{landing / 1e6:.1f} where each frame lands before its epoch is fixed: "
          f"{sent / landing:.3f}")  # fmt: skip
    assert sent <= MOST * landing


def least_of(plan: TrainPlan, found: DiskTraining) -> tuple[float, float]:
    """Return the least bytes of a run, and those where all land before they are drawn from."""
    assert plan.live is not None
    settings, disk = plan_settings(plan.settings), found.disk
    share = RankShare(plan.settings.batch_size)
    ahead = Ahead(plan.live.epochs, settings, share, 0, plan.settings.steps)
    needs: list[Need] = []
    landed: list[Need] = []
    drawn: frozenset[str] = frozenset()
    while ahead.knows:
        epoch = [frozenset().union(*map(disk.frames, window)) for window in ahead.take()]
        new = frozenset().union(*epoch) - drawn
        drawn |= new
        landed += [frozenset({one}) for one in sorted(new)]
        needs, landed = needs + epoch, landed + epoch
    val = plan.live.notes.validation or {}
    kept = plan.live.frames_of(plan.live.noted()[1]) if val else frozenset()
    costs = {name: disk.cost(name) for name in drawn | kept}
    extra = sum(costs[one] for one in kept - drawn)
    both = [belady(one, disk.sizes, disk.room, costs) + extra for one in (needs, landed)]
    return both[0], both[1]


def test_a_training_killed_again_and_again_within_a_budget(
    collection: Collection, tmp_path: Path
) -> None:
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    arguments = ("train", "mid", *collection.source, *TINY, *collection.disk, *OFTEN,
                 "--steps", "20000")  # fmt: skip
    killed = int(kill_after(start(tmp_path, *arguments, "--name", "live"), 5.0))
    while killed < KILLS:
        again = start(tmp_path, "train", "--resume", "--name", "live", *OFTEN)
        assert kill_after(again, moments.uniform(0.5, 12.0)), "ended before it was killed"
        killed += 1
    folder = tmp_path / "runs/live"
    noted, done = notes_of(folder), load_checkpoint(folder / LAST).step
    steps = str(done + 30)
    last = run(tmp_path, "train", "--resume", "--name", "live", "--steps", steps, *OFTEN)
    assert last.code == 0, last.err
    assert notes_of(folder)[: len(noted)] == noted
    shards = [
        one for name in ("packed", "target")
        for one in (tmp_path / "stores/mid.zarr").glob(f"*/*/{name}/c/**/*") if one.is_file()
    ]  # fmt: skip
    assert sum(one.stat().st_size for one in shards) <= collection.budget
    replay = ("train", "--replay", "live")
    assert run(tmp_path, *replay, "--name", "a", *collection.source, *collection.disk).code == 0
    assert run(tmp_path, "verify", "mid", "--refill", *collection.source).code == 0
    assert run(tmp_path, *replay, "--name", "b").code == 0
    assert all(same_weights(folder, tmp_path / "runs" / one) for one in "ab")
    print(f"\n{killed} SIGKILLs within {collection.budget / 1e6:.1f} MB, {steps} steps: the "
          "weights of a replay, from a third and from a whole store")  # fmt: skip
