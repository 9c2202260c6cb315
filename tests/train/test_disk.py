"""A store that holds a third: the same weights, and hardly more bytes than the least possible."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import StoreEvictedError, UsageError
from rawkit.ingest import StoreShelf, open_shelf, plan_ingest, run_ingest
from rawkit.store import (
    EVICTED,
    Store,
    evict_frames,
    read_evicted,
    settle_evicted,
    shard_keys,
    verify_store,
)
from rawkit.stream import BatchStream, PlanSettings
from rawkit.stream.plan import epoch_length
from rawkit.subset import make_subset
from rawkit.synth import make_collection
from rawkit.train import WEIGHTS, TrainData, Trainer
from rawkit.train.disk import DiskPlan, frames_of
from rawkit.train.runs import open_data
from rawkit.workspace import Workspace
from tests.support.factories import files_of, local
from tests.support.fixtures_cli import run_in
from tests.support.fixtures_stream import assert_same_batch, copy_workspace, tiny

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from rawkit.catalog import Catalog

MID = load_definition("mid")


@pytest.fixture(scope="module")
def raws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make six scenes of two views, of two shorts and a long each."""
    folder = tmp_path_factory.mktemp("raws")
    make_collection("mid", folder, scenes=6, size=(128, 192), isos=(100, 200), shutters=(0.01,))
    return folder


@pytest.fixture(scope="module")
def whole(raws: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a workspace whose store holds all; do not change it."""
    workspace = Workspace(tmp_path_factory.mktemp("whole"))
    run_ingest(plan_ingest(MID, raws, workspace.store("mid"), Selection()), workers=0)
    return workspace


@pytest.fixture
def place(whole: Workspace, tmp_path: Path) -> Workspace:
    """Return a copy of it."""
    return copy_workspace(whole, tmp_path / "copy")


def data_in(workspace: Workspace) -> TrainData:
    subset, _ = make_subset(workspace, workspace.stores(), fraction=1.0)
    return open_data(subset, workspace)


def shard_bytes(store: Store) -> int:
    folder = local(store.path)
    keys = [key for row in store.rows for key in shard_keys(store, row)]
    return sum((folder / key).stat().st_size for key in keys if (folder / key).exists())


@pytest.fixture(scope="module")
def catalog(raws: Path) -> Catalog:
    """List the raw files."""
    return scan(MID, raws)


def test_an_evicted_frame_is_told_from_a_lost_one_and_comes_back_byte_for_byte(
    place: Workspace, catalog: Catalog, tmp_path: Path
) -> None:
    store = Store(place.store("mid"))
    before = files_of(local(store.path))
    row, lost = store.rows[0], store.rows[1]
    evict_frames(store, [row])
    shard = local(store.path) / shard_keys(store, lost)[0]
    shard = shard.rename(tmp_path / "lost")
    assert verify_store(store.path)[0][0].frame == lost
    assert len(verify_store(store.path)[0]) == 1
    with pytest.raises(StoreEvictedError, match="--refill"):
        store.groups[row.group].read("packed", row.index)
    with pytest.raises(Exception, match="--repair"):
        store.groups[lost.group].read("packed", lost.index)
    shard.rename(local(store.path) / shard_keys(store, lost)[0])
    with open_shelf(store, catalog) as shelf:
        assert shelf.held().keys() == {one.name for one in store.rows} - {row.name}
        assert shelf.bring(row.name).result() == shelf.cost(row.name) > 0
    assert files_of(local(store.path)) == before


@pytest.mark.parametrize("there", ["none", "one", "all"])
def test_what_a_death_left_between_note_and_deletion_is_settled(
    place: Workspace, there: str
) -> None:
    store = Store(place.store("mid"))
    row = next(one for one in store.rows if one.target_index >= 0)
    paths = [local(store.path) / key for key in shard_keys(store, row)]
    held = [path.read_bytes() for path in paths]
    evict_frames(store, [row])
    size = sum(map(len, held))
    for path, data in list(zip(paths, held, strict=True))[: {"none": 0, "one": 1, "all": 2}[there]]:
        path.write_bytes(data)
    assert settle_evicted(store) == ({} if there == "all" else {row.name: size})
    assert [path.exists() for path in paths] == [there == "all"] * 2
    assert (local(store.path) / EVICTED).exists() == (there != "all")


class Watched(StoreShelf):
    """A shelf that measures the store after each move."""

    most = 0

    def bring(self, frame: str) -> Future[int]:
        """Bring, and measure."""
        future = super().bring(frame)
        future.add_done_callback(self.measure)
        return future

    def measure(self, _: object) -> None:
        """Measure."""
        self.most = max(self.most, shard_bytes(self._store))


def test_three_epochs_from_a_third_fetch_hardly_more_than_the_least_and_give_the_same_batches(
    whole: Workspace, place: Workspace, catalog: Catalog
) -> None:
    data, store = data_in(place), Store(place.store("mid"))
    evict_frames(store, store.rows)
    shelf = Watched(store, catalog, place.root / "staging")
    frames = frames_of(store)
    names = frozenset().union(*map(frames, data.train))
    budget = sum(map(shelf.size, names)) // 3
    plan = DiskPlan(shelf, frames, data.train, [], budget)
    assert plan.group is not None
    settings = plan.settings(PlanSettings(crop=32, live_windows=8, window_chunks=1))
    count = 3 * epoch_length([one.shape for one in data.train], settings) // 4
    keeper = plan.keeper(count)
    streams = [
        BatchStream(data.train, settings, batch_size=4, keeper=keeper),
        BatchStream(data_in(whole).train, settings, batch_size=4),
    ]
    batches = [one.batches() for one in streams]
    for _ in range(count):
        one, other = (next(each) for each in batches)
        assert_same_batch(replace(one, origins=()), replace(other, origins=()))
    for each in batches:
        each.close()
    keeper.close()
    shelf.close()
    least = plan.least(settings, 4, count)
    assert least <= keeper.fetched <= 1.05 * least
    assert shelf.most <= budget
    assert keeper.brought < 3 * len(names)


@pytest.mark.usefixtures("one_torch_thread")
def test_a_training_from_a_third_gives_the_weights_of_one_from_the_whole(
    whole: Workspace, place: Workspace, catalog: Catalog, tmp_path: Path
) -> None:
    data, store = data_in(place), Store(place.store("mid"))
    steps, settings = 30, tiny(30)
    with open_shelf(store, catalog) as shelf:
        frames = frames_of(store)
        val, train = (frozenset().union(*map(frames, one)) for one in (data.val, data.train))
        budget = sum(map(shelf.size, val)) + sum(map(shelf.size, train)) // 3
        plan = DiskPlan(shelf, frames, data.train, data.val, budget)
        settings = replace(settings, group=plan.group)
        keeper = plan.keeper(steps)
        Trainer(settings, data, tmp_path / "third", keeper=keeper).run()
        keeper.close()
        assert shard_bytes(store) <= budget
    Trainer(settings, data_in(whole), tmp_path / "whole").run()
    one, other = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("third", "whole"))
    assert one == other
    assert keeper.brought > 0


def test_a_budget_that_is_too_small_is_refused_with_one_that_works(
    place: Workspace, catalog: Catalog
) -> None:
    data, store = data_in(place), Store(place.store("mid"))
    with open_shelf(store, catalog) as shelf, pytest.raises(UsageError, match="at least") as error:
        DiskPlan(shelf, frames_of(store), data.train, data.val, 1000)
    least = int("".join(one for one in str(error.value).split("at least ")[1].split(":")[0]))
    with open_shelf(store, catalog) as shelf:
        assert DiskPlan(shelf, frames_of(store), data.train, data.val, least).group == 1
        with pytest.raises(UsageError):
            DiskPlan(shelf, frames_of(store), data.train, data.val, least - 1)


def test_where_all_has_room_nothing_changes(place: Workspace, catalog: Catalog) -> None:
    data, store = data_in(place), Store(place.store("mid"))
    with open_shelf(store, catalog) as shelf:
        plan = DiskPlan(shelf, frames_of(store), data.train, data.val, 10**9)
        assert plan.group is None
        plan.keeper(4)
    assert read_evicted(local(store.path)) == {}


def test_a_raw_file_that_is_gone_stops_the_stream_with_a_word(
    place: Workspace, catalog: Catalog
) -> None:
    data, store = data_in(place), Store(place.store("mid"))
    evict_frames(store, store.rows)
    with open_shelf(store, replace(catalog, entries=())) as shelf:
        plan = DiskPlan(shelf, frames_of(store), data.train, [], 10**9)
        settings = plan.settings(PlanSettings(crop=32))
        stream = BatchStream(data.train, settings, batch_size=2, keeper=plan.keeper(None))
        with pytest.raises(Exception, match="no raw file for"):
            next(stream.batches())


def test_the_command_keeps_a_store_within_its_budget_and_verify_brings_all_back(
    place: Workspace, raws: Path
) -> None:
    store = Store(place.store("mid"))
    before, whole = files_of(local(store.path)), shard_bytes(store)
    budget = f"{whole * 2 // 3}B"
    options = ("--disk", budget, "--source", raws, "--crop", 32, "--batch", 2, "--loss", "l1=1")
    said = run_in(place.root, "train", *options, "--steps", 12, "--dry-run")
    assert (said.code, "to fetch in 3 epochs" in said.err) == (0, True), said.err
    assert files_of(local(store.path)) == before
    ended = run_in(place.root, "train", *options, "--steps", 12)
    assert ended.code == 0, ended.err
    assert "fetched" in ended.err
    assert 0 < shard_bytes(store) <= whole * 2 // 3
    evicted = len(read_evicted(local(store.path)))
    assert evicted > 0
    told = run_in(place.root, "verify", "mid")
    assert (told.code, f"whole, {evicted} frames deleted to make room" in told.out) == (0, True)
    assert json.loads(run_in(place.root, "info", "mid", "--json").out)["store"]["evicted"]
    back = run_in(place.root, "verify", "mid", "--refill", "--source", raws)
    assert (back.code, files_of(local(store.path))) == (0, before), back.err
