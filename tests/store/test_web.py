"""Stores on a web server: read as if they were here, and never written."""

from __future__ import annotations

import json
import pickle
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import MissingError, StoreDamagedError, StoreUnreachableError, UsageError
from rawkit.locations import Url
from rawkit.source import Transfer
from rawkit.store import RemoteFile, Store, open_place
from rawkit.store.places.web import WebPlace
from rawkit.store.verify import verify_store
from rawkit.stream import BatchStream, ChunkCache, PlanSettings, pair_sources
from rawkit.subset import load_subset, make_subset, open_stores
from rawkit.workspace import Workspace
from tests.cli.test_bad_input import TRAIN
from tests.support.fixtures_cli import error_line, run_in
from tests.support.fixtures_stream import assert_same_batch
from tests.support.fixtures_web import Web, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_workspace",)

IMPATIENT = Transfer(tries=2, timeout=2, pause=0.01)
DATA = np.random.default_rng(0).bytes(1000)


@pytest.fixture(scope="module")
def web(sid_workspace: Workspace) -> Iterator[Web]:
    """Serve the stores of a workspace, and a few small files."""
    place = open_place(sid_workspace.store("sid"))
    files = {f"/stores/sid.zarr/{key}": place.read(key) for key in place.sizes()}
    with serve(Web({**files, "/x": DATA, "/empty": b""})) as served:
        yield served


@pytest.fixture
def stores(web: Web) -> Iterator[Url]:
    """Where the stores lie; what a test changes about the server is undone."""
    files = dict(web.files)
    yield Url(web.url("/stores"))
    web.files = files
    web.ranges, web.refusal, web.failures, web.broken, web.reset, web.damaged = True, 0, 0, 0, 0, 0
    web.redirects.clear()


def small(web: Web, key: str = "x") -> RemoteFile:
    """Return a small file, by a place that soon gives up."""
    return WebPlace(Url(f"http://127.0.0.1:{web.port}"), IMPATIENT).file(key)


@settings(max_examples=40)
@given(
    pieces=st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 1100)), max_size=6),
    tail=st.integers(1, 1200),
)
def test_pieces_of_a_file_are_its_bytes(web: Web, pieces: list[tuple[int, int]], tail: int) -> None:
    file: RemoteFile = pickle.loads(pickle.dumps(small(web)))  # noqa: S301 - our own
    assert file.read_ranges(pieces) == [DATA[at : at + count] for at, count in pieces]
    assert file.read_tail(tail) == DATA[-tail:]


def test_what_is_not_there_is_missing_and_what_is_empty_is_not(web: Web) -> None:
    file, empty, gone = small(web), small(web, "empty"), small(web, "gone")
    assert (file.size(), file.read_bytes(), file.where) == (1000, DATA, web.url("/x"))
    assert (empty.size(), empty.read_bytes(), empty.read_tail(5)) == (0, b"", b"")
    for read in (gone.size, gone.read_bytes, lambda: gone.read(0, 5), lambda: gone.read_tail(5)):
        with pytest.raises(FileNotFoundError, match="no such file"):
            read()


@pytest.mark.usefixtures("stores")
def test_what_passes_is_tried_again(web: Web) -> None:
    file = small(web)
    for fault in ("failures", "broken", "reset"):
        for read in (file.read_bytes, lambda: file.read(0, 1000), lambda: file.read_tail(1000)):
            setattr(web, fault, 1)
            assert read() == DATA
            setattr(web, fault, 2)
            with pytest.raises(StoreUnreachableError, match="in each of 2 tries"):
                read()


@pytest.mark.usefixtures("stores")
def test_refusals_and_servers_without_ranges_are_named(web: Web) -> None:
    web.ranges = False
    file = small(web)
    assert file.read_bytes() == file.read(0, 1000) == file.read_tail(1000) == DATA
    for offset, count in ((0, 999), (1, 999)):
        with pytest.raises(StoreUnreachableError, match="does not support range requests"):
            file.read(offset, count)
    with pytest.raises(StoreUnreachableError, match="does not support range requests"):
        file.read_tail(9)
    web.refusal = 403
    with pytest.raises(StoreUnreachableError, match="HTTP 403"):
        file.read_bytes()
    with pytest.raises(StoreUnreachableError, match="cannot be reached"):
        WebPlace(Url("http://127.0.0.1:9/stores"), IMPATIENT).exists("x")


def test_a_store_is_the_one_that_was_put_there(
    web: Web, stores: Url, sid_workspace: Workspace
) -> None:
    here, there = Store(sid_workspace.store("sid")), Store(stores / "sid.zarr")
    assert (there.rows, there.attributes) == (here.rows, here.attributes)
    assert there.stored_bytes() == here.stored_bytes()
    for name, group in here.groups.items():
        other = there.groups[name]
        assert (other.packed, other.target) == (group.packed, group.target)
        np.testing.assert_array_equal(other.read("packed", 1), group.read("packed", 1))
        assert there.size(other.key("target", 0)) == here.size(group.key("target", 0))
    damage, count = verify_store(stores / "sid.zarr")
    assert (damage, count) == verify_store(sid_workspace.store("sid"))
    web.redirects["/stores/sid.zarr/zarr.json"] = "/stores/moved.json"
    web.files["/stores/moved.json"] = web.files.pop("/stores/sid.zarr/zarr.json")
    assert Store(stores / "sid.zarr").rows == here.rows


def test_the_stream_reads_the_same_batches(
    stores: Url, sid_workspace: Workspace, tmp_path: Path
) -> None:
    there = Workspace(tmp_path)
    subset, _ = make_subset(there, [stores / "sid.zarr"], fraction=1.0)
    assert subset.stores == {"sid": f"{stores}/sid.zarr"}
    same = load_subset(sid_workspace.subset("f1"))
    plan, cache = PlanSettings(crop=64, seed=3), ChunkCache(tmp_path / "chunks", 10**8)
    sources = pair_sources(same, open_stores(same, sid_workspace), "train")
    expected = list(islice(BatchStream(sources, plan, batch_size=2).batches(), 6))
    for kept in (None, cache, cache):
        sources = pair_sources(subset, open_stores(subset, there), "train")
        found = BatchStream(sources, plan, batch_size=2, cache=kept).batches()
        for one, other in zip(expected, found, strict=False):
            assert_same_batch(one, other)


def test_damage_on_the_way_and_on_the_server_is_found(web: Web, stores: Url) -> None:
    group = next(iter(Store(stores / "sid.zarr").groups.values()))
    key = f"/stores/sid.zarr/{group.key('packed', 0)}"
    web.damaged = 1
    with pytest.raises(StoreDamagedError):
        group.read("packed", 0)
    for data in (web.files[key][:-1], None):
        web.files.pop(key)
        if data is not None:
            web.files[key] = data
        damage, _ = verify_store(stores / "sid.zarr")
        assert [one.path for one in damage] == [group.shard("packed", 0)]
        with pytest.raises(StoreDamagedError):
            group.read("packed", 0)
    with pytest.raises(MissingError, match="no store"):
        Store(stores / "other.zarr")


def test_the_whole_way_from_a_web_server(
    web: Web, stores: Url, sid_workspace: Workspace, tmp_path: Path
) -> None:
    store = stores / "sid.zarr"

    def rawkit(*arguments: object) -> str:
        ended = run_in(tmp_path, *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    found = json.loads(rawkit("info", store, "--json"))
    assert (found["frames"], found["path"]) == (12, str(store))
    assert found["bytes"] == Store(sid_workspace.store("sid")).stored_bytes()
    rawkit("show", store, "-o", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 0
    assert "whole" in rawkit("verify", store)
    assert "whole" in rawkit("--stores", stores, "verify", "sid")
    rawkit("subset", "--store", store, "--name", "all")
    rawkit("train", "--subset", "all", "--cache", tmp_path / "chunks", *TRAIN)
    rawkit("subset", "--store", store, "--name", "here", "--materialize", tmp_path / "copied")
    copied = tmp_path / "copied" / "stores" / "sid.zarr"
    assert verify_store(copied) == ([], verify_store(store)[1])
    web.ranges = False
    refused = run_in(tmp_path, "verify", store)
    assert refused.code == 1
    assert "does not support range requests" in error_line(refused)


def test_a_web_server_is_neither_written_nor_listed(
    web: Web, stores: Url, sid_folder: Path, tmp_path: Path
) -> None:
    ingest = ("ingest", "sid", "--source", sid_folder, "--workers", 0)
    shard = Store(stores / "sid.zarr").rows[0].group + "/packed/c/0"
    for key in [key for key in web.files if f"/{shard}/" in key]:
        web.files[key] = web.files[key][:-1]
    for called in (
        ("--stores", stores, *ingest),
        ("--stores", f"{stores}/new", *ingest),
        ("verify", stores / "sid.zarr", "--repair", "--source", sid_folder),
        ("subset", "--store", stores / "sid.zarr", "--materialize", stores / "small"),
        ("subset", "--store", stores / "sid.zarr", "--materialize", f"{stores}/small.zip"),
    ):
        refused = run_in(tmp_path, *called)
        assert refused.code == 2, refused.err
        assert "which can only be read" in refused.err.splitlines()[-1]
    listed = run_in(tmp_path, "--stores", stores, "subset")
    assert listed.code == 2
    assert "which does not list what it has" in error_line(listed)
    with pytest.raises(UsageError):
        open_place(stores)
