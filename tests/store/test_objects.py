"""A store in an object store: the same bytes and the same promises as in a folder."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fsspec.core import url_to_fs

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import (
    MissingError,
    OutputError,
    StoreDamagedError,
    StoreLockedError,
    StoreUnreachableError,
    UsageError,
)
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.ingest.repair import repair_store
from rawkit.locations import Url
from rawkit.progress import SILENT
from rawkit.source import Transfer
from rawkit.store import (
    Place,
    RemoteFile,
    Store,
    encode_shard,
    open_place,
    open_writer,
    packed_layout,
)
from rawkit.store.locks.holder import Holder
from rawkit.store.locks.lock import lock
from rawkit.store.places.objects import PART_BYTES, ObjectPlace
from rawkit.store.verify import verify_store
from rawkit.stream import BatchStream, PlanSettings, pair_sources
from rawkit.stream.reader import Scratch, ShardFile, open_shard
from rawkit.subset import load_subset, make_subset, open_stores
from rawkit.subset.materialize import materialize, plan_materialize
from rawkit.workspace import Workspace
from tests.ingest.test_ingest import AfterFrames
from tests.support.factories import add_frame, files_of, frame_row
from tests.support.fixtures_killed import killed_after_its_last_commit
from tests.support.fixtures_stream import assert_same_batch
from tests.support.fixtures_web import Web, serve
from tests.support.small_stores import fill_varied

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rawkit.ingest import IngestReport
    from rawkit.locations import Location
    from rawkit.progress import Progress
    from tests.support.fixtures_s3 import ObjectServer

pytest_plugins = (
    "tests.support.fixtures_s3",
    "tests.support.fixtures_subset",
    "tests.support.fixtures_workspace",
)

SID = load_definition("sid")
ATTRIBUTES = {"collection": "varied"}
OTHER = "another process"


def ingest(source: Path, store: Location, progress: Progress = SILENT) -> IngestReport:
    plan = plan_ingest(SID, source, store, Selection())
    return run_ingest(plan, workers=0, progress=progress)


@pytest.fixture(scope="module")
def whole(sid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a store on this machine in one go."""
    store = tmp_path_factory.mktemp("whole") / "sid.zarr"
    ingest(sid_folder, store)
    return store


@pytest.mark.parametrize("where", ["folder", "bucket", "memory"])
def test_a_place_holds_what_was_written_last(where: str, tmp_path: Path, bucket: Url) -> None:
    memory = Url(f"memory://{bucket.name}")
    locations: dict[str, Location] = {
        "folder": tmp_path / "x",
        "bucket": bucket / "x",
        "memory": memory,
    }
    place: Place = open_place(locations[where])
    assert place.sizes() == {}
    place.write("a/b", b"old")
    place.write("a/b", b"new!")
    place.write_stages([{"a/c": b"1", "d": b""}, {}, {"a/b": b"new!"}])
    assert (place.read("a/b"), place.size("a/b")) == (b"new!", 4)
    assert place.sizes() == {"a/b": 4, "a/c": 1, "d": 0}
    assert [place.exists(key) for key in ("a/b", "d", "a", "e")] == [True, True, False, False]
    staged = tmp_path / "staged"
    staged.write_bytes(b"shard")
    place.take(staged, "a/e/f")
    assert (place.read("a/e/f"), staged.exists()) == (b"shard", False)
    place.delete("a/b")
    place.delete("a/b")
    assert sorted(place.sizes()) == ["a/c", "a/e/f", "d"]
    for missing in (lambda: place.read("a/b"), lambda: place.size("a/b")):
        with pytest.raises(FileNotFoundError):
            missing()


def test_pieces_of_an_object_are_its_bytes(bucket: Url) -> None:
    data = np.random.default_rng(0).bytes(1000)
    place = ObjectPlace(bucket)
    place.write("x", data)
    file: RemoteFile = pickle.loads(pickle.dumps(place.file("x")))  # noqa: S301 - our own
    assert (str(file), file.size(), file.read_bytes()) == (f"{bucket}/x", 1000, data)
    for offset, count in ((0, 1), (990, 10), (990, 99), (1000, 5), (4000, 5), (7, 0)):
        assert file.read(offset, count) == data[offset : offset + count]
    assert file.read_ranges([(5, 5), (2000, 1), (0, 3)]) == [data[5:10], b"", data[:3]]
    assert [file.read_tail(count) for count in (1, 20, 5000)] == [data[-1:], data[-20:], data]
    place.write("empty", b"")
    assert place.file("empty").read_tail(5) == b""
    with pytest.raises(FileNotFoundError):
        place.file("gone").read(0, 5)
    with pytest.raises(FileNotFoundError):
        place.file("gone").read_tail(5)


def test_a_large_file_goes_up_in_parts_and_what_a_killed_run_left_of_one_is_dropped(
    bucket: Url, tmp_path: Path
) -> None:
    place = ObjectPlace(bucket / "s.zarr")
    data = np.random.default_rng(1).bytes(2 * PART_BYTES + 5)
    (tmp_path / "large").write_bytes(data)
    place.take(tmp_path / "large", "c/0")
    assert place.read("c/0") == data
    fs, root = url_to_fs(f"{bucket}/s.zarr")
    name, _, prefix = root.partition("/")
    fs.call_s3("create_multipart_upload", Bucket=name, Key=f"{prefix}/c/1")
    fs.call_s3("create_multipart_upload", Bucket=name, Key=f"{prefix}-other/c/1")
    place.sweep()
    left = fs.call_s3("list_multipart_uploads", Bucket=name)["Uploads"]
    assert f"{prefix}-other/c/1" in [one["Key"] for one in left]
    assert f"{prefix}/c/1" not in [one["Key"] for one in left]


def test_the_same_commands_give_the_bytes_of_a_store_in_a_folder(
    sid_folder: Path, whole: Path, bucket: Url, tmp_path: Path
) -> None:
    report = ingest(sid_folder, bucket / "sid.zarr")
    assert report.added == 12
    assert files_of(bucket / "sid.zarr") == files_of(whole)
    assert set(open_place(bucket).sizes()) == {f"sid.zarr/{name}" for name in files_of(whole)}
    assert ingest(sid_folder, bucket / "sid.zarr").plan.already == 12
    assert files_of(bucket / "sid.zarr") == files_of(whole)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rawkit.ingest import run
from rawkit.locations import Url
from tests.store.test_objects import AfterFrames, ingest
run.COMMIT_FRAMES = 3
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
ingest(Path(sys.argv[2]), Url(sys.argv[3]), AfterFrames(int(sys.argv[4]), kill))
"""


@pytest.mark.parametrize(("frames", "committed"), [(2, 0), (8, 6)])
def test_a_killed_run_is_completed_to_the_same_bytes(
    sid_folder: Path, whole: Path, bucket: Url, tmp_path: Path, frames: int, committed: int
) -> None:
    store, root = bucket / "sid.zarr", str(Path(__file__).parents[2])
    run = [sys.executable, "-c", KILLED, root, str(sid_folder), str(store), str(frames)]
    assert subprocess.run(run, check=False).returncode == -signal.SIGKILL
    assert open_place(bucket).exists("sid.zarr.lock")
    assert list((tmp_path / "cache").rglob("*.part")), "shards that waited lie there still"
    if committed:
        assert len(Store(store).rows) == committed
        assert verify_store(store)[0] == []
    report = ingest(sid_folder, store)
    assert (report.added, report.plan.already) == (12 - committed, committed)
    assert files_of(store) == files_of(whole)
    assert not open_place(bucket).exists("sid.zarr.lock")
    assert list((tmp_path / "cache").rglob("*.part")) == []


INGEST_SID = """
from rawkit.locations import Url
from tests.store.test_objects import ingest
ingest(Path(sys.argv[2]), Url(sys.argv[3]))
"""


def test_a_run_killed_after_its_last_commit_leaves_no_lock_once_it_is_repeated(
    sid_folder: Path, whole: Path, bucket: Url, tmp_path: Path
) -> None:
    store = bucket / "sid.zarr"
    assert killed_after_its_last_commit(INGEST_SID, sid_folder, store) == -signal.SIGKILL
    assert open_place(bucket).exists("sid.zarr.lock")
    assert ingest(sid_folder, store).plan.already == 12
    assert files_of(store) == files_of(whole)
    assert not open_place(bucket).exists("sid.zarr.lock")
    assert list((tmp_path / "cache").rglob("*.part")) == []


def test_without_its_server_a_run_ends_and_the_next_one_completes_it(
    sid_folder: Path, whole: Path, bucket: Url, object_server: ObjectServer,
    monkeypatch: pytest.MonkeyPatch, impatient: None,
) -> None:  # fmt: skip
    assert impatient is None
    monkeypatch.setattr("rawkit.ingest.run.COMMIT_FRAMES", 3)
    store = bucket / "sid.zarr"
    try:
        with pytest.raises(StoreUnreachableError, match="in each of 2 tries") as caught:
            ingest(sid_folder, store, AfterFrames(8, object_server.stop))
        assert "the same command goes on" in str(caught.value)
        with pytest.raises(StoreUnreachableError):
            Store(store)
        with pytest.raises(StoreUnreachableError):
            verify_store(store)
        monkeypatch.setattr("rawkit.locations._PAUSES", (0.01,))
        with pytest.raises(StoreUnreachableError, match="does not answer"):
            Workspace(Path(), bucket).stores()
    finally:
        object_server.start()
    # This process lives, but its lock could not be removed: it falls silent like a dead one's.
    monkeypatch.setattr("rawkit.store.locks.lease.HEARTBEAT", 0.05)
    monkeypatch.setattr("rawkit.store.locks.lease.HEARTBEAT_LOST", 0.0)
    monkeypatch.setattr("rawkit.store.locks.lease._SETTLE", 0.01)
    assert len(Store(store).rows) == 6
    assert verify_store(store)[0] == []
    assert ingest(sid_folder, store).added == 6
    assert files_of(store) == files_of(whole)


def test_a_server_that_says_nothing_is_given_up(
    object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert object_server.port
    with serve(Web(silent=True)) as web:
        monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
        place = ObjectPlace(Url("s3://night/x"), Transfer(tries=2, timeout=0.5, pause=0.01))
        started = time.monotonic()
        with pytest.raises(StoreUnreachableError, match=r"[Tt]imeout.*in each of 2 tries"):
            place.read("a")
        web.released.set()
    assert time.monotonic() - started < 20


def test_an_interrupted_run_keeps_what_is_done(sid_folder: Path, whole: Path, bucket: Url) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    report = ingest(sid_folder, bucket / "sid.zarr", AfterFrames(5, interrupt))
    assert report.interrupted
    assert report.added == len(Store(bucket / "sid.zarr").rows) == 5
    assert ingest(sid_folder, bucket / "sid.zarr").added == 7
    assert files_of(bucket / "sid.zarr") == files_of(whole)


def test_flipped_and_missing_objects_are_found_and_mended(sid_folder: Path, bucket: Url) -> None:
    store = bucket / "sid.zarr"
    ingest(sid_folder, store)
    place, before = open_place(store), files_of(store)
    shards = [key for key in before if key.endswith("/0/0/0") and "/packed/" in key]
    flipped = bytearray(place.read(shards[1]))
    flipped[7] ^= 1
    place.write(shards[1], bytes(flipped))
    place.write(shards[3], b"")
    target = next(key for key in before if "/target/c/1/" in key)
    iso = next(key for key in before if key.endswith("/iso/zarr.json"))
    place.delete(target)
    place.delete(iso)
    place.delete(iso.replace("iso", "role"))
    damage, checked = verify_store(store)
    wanted = sorted([shards[1], shards[3], target, iso, iso.replace("iso", "role")])
    assert [one.key for one in damage] == wanted
    assert checked == len(before)
    report = repair_store(store, damage, scan(SID, sid_folder))
    assert report.left == ()
    assert [str(one) for one in report.mended] == [f"{store}/{key}" for key in wanted]
    assert files_of(store) == before


def test_a_living_writer_is_respected_and_a_dead_one_is_not(bucket: Url) -> None:
    store = bucket / "x.zarr"
    with open_writer(store, attributes=ATTRIBUTES, target={}) as writer:
        add_frame(writer, frame_row(name="a"), np.zeros((4, 4, 6), np.uint16))
        with (
            pytest.raises(StoreLockedError, match=f"process {os.getpid()} on"),
            open_writer(store, attributes=ATTRIBUTES, target={}),
        ):
            pass
    assert len(Store(store).rows) == 1
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    key, beside = "x.zarr.lock", open_place(bucket)
    dead = Holder(socket.gethostname(), ended.pid)
    beside.write(key, dead.encode(time=time.time(), token=OTHER))
    with lock(bucket / key) as check:
        check()
        found = Holder.parse(beside.read(key))
        assert found == Holder.here()
    assert not beside.exists(key)


def test_the_lock_of_another_machine_counts_until_it_falls_silent(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.store.locks.lease.HEARTBEAT", 0.05)
    monkeypatch.setattr("rawkit.store.locks.lease._SETTLE", 0.01)
    beside, other = open_place(bucket), Holder("elsewhere", 1)
    beside.write("lock", other.encode(time=time.time() - 30, token=OTHER))
    with pytest.raises(StoreLockedError, match="process 1 on elsewhere"), lock(bucket / "lock"):
        pass
    beside.write("lock", other.encode(time=time.time() - 61, token=OTHER))
    with lock(bucket / "lock") as check:
        before = beside.read("lock")
        deadline = time.monotonic() + 10
        while beside.read("lock") == before:
            assert time.monotonic() < deadline, "the holder writes it anew"
            time.sleep(0.01)
        beside.write("lock", other.encode(time=time.time(), token=OTHER))
        with pytest.raises(StoreLockedError, match="on elsewhere has taken the lock over"):
            check()
    assert Holder.parse(beside.read("lock")) == other, "whose it is now it stays"


@pytest.mark.parametrize("data", [b"garbage", b"[1]", b'{"host": "a"}'])
def test_a_lock_that_says_nothing_is_taken_over(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr("rawkit.store.locks.lease.HEARTBEAT", 0.05)
    monkeypatch.setattr("rawkit.store.locks.lease._SETTLE", 0.01)
    open_place(bucket).write("lock", data)
    with lock(bucket / "lock") as check:
        check()


def test_of_two_who_take_a_dead_lock_at_once_one_gets_it(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rawkit.store.locks.lease.HEARTBEAT", 0.05)
    monkeypatch.setattr("rawkit.store.locks.lease._SETTLE", 0.3)
    beside = open_place(bucket)
    beside.write("lock", Holder("elsewhere", 1).encode(time=0, token=OTHER))

    def hold() -> bool:
        try:
            with lock(bucket / "lock"):
                time.sleep(1)
        except StoreLockedError:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(one.result() for one in [pool.submit(hold) for _ in range(3)]) == 1


def test_a_store_that_is_taken_over_is_not_committed_to(bucket: Url) -> None:
    store = bucket / "x.zarr"

    def lose_it() -> None:
        with open_writer(store, attributes=ATTRIBUTES, target={}) as writer:
            add_frame(writer, frame_row(name="a"), np.zeros((4, 4, 6), np.uint16))
            other = Holder("elsewhere", 1).encode(time=time.time(), token=OTHER)
            open_place(bucket).write("x.zarr.lock", other)

    with pytest.raises(StoreLockedError, match="has taken the lock over"):
        lose_it()
    with pytest.raises(MissingError, match="no store"):
        Store(store)


def test_readers_see_what_is_there_and_nothing_else(
    sid_folder: Path, whole: Path, bucket: Url
) -> None:
    xarray = pytest.importorskip("xarray")
    ingest(sid_folder, bucket / "sid.zarr")
    (name,) = Store(whole).groups
    options = {"client_kwargs": {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}}
    theirs = xarray.open_zarr(
        f"{bucket}/sid.zarr", group=name, consolidated=False, storage_options=options
    )
    ours = xarray.open_zarr(whole, group=name, consolidated=False)
    assert theirs.load().identical(ours.load())
    assert set(theirs.coords) == set(ours.coords)
    assert theirs.sizes["frame"] == 12


def test_the_stream_reads_the_same_batches(
    sid_workspace: Workspace, bucket: Url, sid_folder: Path, tmp_path: Path
) -> None:
    ingest(sid_folder, bucket / "sid.zarr")
    other = Workspace(tmp_path / "other", bucket)
    subset, _ = make_subset(other, other.stores(), fraction=1.0)
    assert subset.stores == {"sid": f"{bucket}/sid.zarr"}
    assert load_subset(other.subset(subset.name)) == subset
    batches = []
    for workspace in (sid_workspace, other):
        sources = pair_sources(subset, open_stores(subset, other), "train")
        if workspace is sid_workspace:
            one, _ = make_subset(workspace, workspace.stores(), fraction=1.0)
            sources = pair_sources(one, open_stores(one, workspace), "train")
        stream = BatchStream(sources, PlanSettings(crop=64, seed=3), batch_size=2, threads=2)
        batches.append(list(islice(stream.batches(), 4)))
    for ours, theirs in zip(*batches, strict=True):
        assert_same_batch(ours, theirs)


def test_damage_that_a_stream_meets_names_its_object(bucket: Url) -> None:
    layout = packed_layout(20, 30, "none")
    frame = np.random.default_rng(2).integers(0, 1 << 14, (4, 20, 30)).astype(np.uint16)
    shard, place = encode_shard(frame, layout), ObjectPlace(bucket)
    file = ShardFile(place.file("x"), layout)

    def read() -> NDArray[np.generic]:
        with open_shard(file) as reader:
            reader.fetch([(0, 0)])
            return reader.chunk(0, 0, Scratch())

    place.write("x", shard)
    np.testing.assert_array_equal(read(), frame)
    flipped = bytes([shard[0] ^ 1]) + shard[1:]
    for data in (flipped, shard[:-1], shard[100:], b"", None):
        place.delete("x") if data is None else place.write("x", data)
        with pytest.raises(StoreDamagedError) as caught:
            read()
        assert caught.value.where == f"{bucket}/x"


@pytest.mark.parametrize("name", ["small", "small.zip"])
def test_a_subset_is_handed_on_to_a_bucket(
    varied: Workspace, bucket: Url, tmp_path: Path, name: str
) -> None:
    subset, _ = make_subset(varied, varied.stores(), fraction=0.4, name="some")
    plan = plan_materialize(subset, varied)
    here = tmp_path / "here" / name
    assert materialize(plan, varied, here) == materialize(plan, varied, bucket / name) > 0
    assert materialize(plan, varied, bucket / name) == 0
    if name == "small":
        assert files_of(bucket / name) == files_of(here)
        copied = Workspace(tmp_path / "copied", bucket / name / "stores")
        assert verify_store(copied.find_store("varied"))[0] == []
    else:
        assert open_place(bucket).read(name) == here.read_bytes()
    assert list(varied.staging.rglob("*")) in ([], [varied.staging])
    other, _ = make_subset(varied, varied.stores(), fraction=1.0, name="more")
    with pytest.raises(OutputError, match=r"something else is there|members|has other bytes"):
        materialize(plan_materialize(other, varied), varied, bucket / name)
    assert not [key for key in open_place(bucket).sizes() if key.endswith(".lock")]


def test_a_subset_of_a_store_in_a_bucket_is_handed_on(bucket: Url, tmp_path: Path) -> None:
    fill_varied(bucket / "varied.zarr")
    workspace = Workspace(tmp_path / "w", bucket)
    subset, _ = make_subset(workspace, workspace.stores(), fraction=1.0, name="all")
    assert materialize(plan_materialize(subset, workspace), workspace, tmp_path / "small") == 32
    assert verify_store(tmp_path / "small" / "stores" / "varied.zarr")[0] == []


def test_a_bucket_that_is_not_there_is_named(object_server: ObjectServer, impatient: None) -> None:
    assert object_server.port
    assert impatient is None
    with pytest.raises(StoreUnreachableError, match="no such bucket"):
        fill_varied(Url("s3://nobody-has-this/varied.zarr"))
    with pytest.raises(MissingError, match="no store"):
        Store("s3://nobody-has-this/varied.zarr")
    assert Workspace(Path(), Url("s3://nobody-has-this/stores")).stores() == []
    for url in ("nonsense://x/y.zarr", "s3://"):
        with pytest.raises(UsageError):
            Store(url)
