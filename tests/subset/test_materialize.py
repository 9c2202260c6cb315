"""A subset as a workspace of its own, in a folder or a zip: whole, small, the same batches."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from rawkit.catalog import Selection
from rawkit.errors import (
    OutputError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    UsageError,
)
from rawkit.files import write_atomically
from rawkit.store import Store, open_writer
from rawkit.store.coordinates import NO_TARGET
from rawkit.store.locks.lock import lock
from rawkit.store.verify import verify_store
from rawkit.stream import BatchStream, PlanSettings, pair_sources
from rawkit.subset import load_subset, make_subset, newest_subset, open_stores, split_bytes
from rawkit.subset.materialize import materialize, plan_materialize
from rawkit.workspace import Workspace
from tests.support.factories import add_frame, files_of, frame_row, local
from tests.support.fixtures_stream import assert_same_batch
from tests.support.small_stores import fill_varied

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.subset import Subset

pytest_plugins = ("tests.support.fixtures_subset", "tests.support.fixtures_workspace")

SOME = Selection(isos=(200.0, 400.0), shutters=(0.02,), scenes=("Out/*",))


def subset_of(workspace: Workspace, selection: Selection = SOME, name: str = "some") -> Subset:
    return make_subset(
        workspace, workspace.stores(), fraction=1.0, selection=selection, name=name
    )[0]  # fmt: skip


def write(subset: Subset, workspace: Workspace, destination: Path) -> int:
    return materialize(plan_materialize(subset, workspace), workspace, destination)


def check_same(subset: Subset, workspace: Workspace, other: Workspace) -> None:
    """Check that a workspace holds the frames of a subset of another one, and those alone."""
    copied = load_subset(other.subset(subset.name))
    assert replace(copied, frames=(), stores={}) == replace(subset, frames=(), stores={})
    names = [[(f.collection, f.group, f.name) for f in one.frames] for one in (subset, copied)]
    assert names[0] == names[1]
    ours, theirs = open_stores(subset, workspace), open_stores(copied, other)
    for store in theirs.values():
        assert verify_store(store.path)[0] == []
        assert {row.name for row in store.rows} == {
            frame.name for frame in subset.frames if frame.collection == store.collection
        }
        assert store.attributes == ours[store.collection].attributes
    for before, after in zip(subset.frames, copied.frames, strict=True):
        one = ours[before.collection].groups[before.group]
        two = theirs[after.collection].groups[after.group]
        assert (
            one.shard("packed", before.index).read_bytes()
            == two.shard("packed", after.index).read_bytes()
        )
        for name in set(one.coordinates) - {"target_index"}:
            np.testing.assert_array_equal(
                one.coordinates[name][before.index], two.coordinates[name][after.index], name
            )
        targets = [
            int(group.coordinates["target_index"][frame.index])
            for group, frame in ((one, before), (two, after))
        ]
        assert (targets[0] == NO_TARGET) == (targets[1] == NO_TARGET)
        if targets[0] != NO_TARGET:
            np.testing.assert_array_equal(
                one.read("target", targets[0]), two.read("target", targets[1])
            )


def test_a_folder_becomes_a_workspace_of_the_subset_alone(
    varied: Workspace, tmp_path: Path
) -> None:
    fill_varied(varied.store("other"), "other")
    subset = subset_of(varied)
    folder = tmp_path / "small"
    plan = plan_materialize(subset, varied)
    assert not folder.exists()
    assert materialize(plan, varied, folder) == plan.frames + 6  # targets
    assert plan.frames == len(subset.frames) == 18
    assert plan.size == sum(split_bytes(subset, open_stores(subset, varied)).values())
    other = Workspace(folder)
    assert [store.stem for store in other.stores()] == ["other", "varied"]
    assert newest_subset(other) == load_subset(other.subset("some"))
    check_same(subset, varied, other)
    kinds = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    assert kinds == {"stores", "subsets"}


def test_the_same_subset_gives_the_same_bytes_and_nothing_is_written_twice(
    varied: Workspace, tmp_path: Path
) -> None:
    subset = subset_of(varied)
    write(subset, varied, tmp_path / "one")
    write(subset, varied, tmp_path / "two")
    files = files_of(tmp_path / "one")
    assert files == files_of(tmp_path / "two")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*")
             if path.is_file()}  # fmt: skip
    assert write(subset, varied, tmp_path / "one") == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert files_of(tmp_path / "one") == files


@pytest.mark.parametrize("kept", [0, 1, 5, 11])
def test_an_interrupted_copy_goes_on_where_it_was(
    varied: Workspace, tmp_path: Path, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subset = subset_of(varied)
    write(subset, varied, tmp_path / "whole")

    calls = 0

    def stop(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls > kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f"{path.name}.1.part").write_bytes(data[:10])
            raise KeyboardInterrupt
        write_atomically(path, data)

    with monkeypatch.context() as patched:
        patched.setattr("rawkit.store.places.place.write_atomically", stop)
        with pytest.raises(KeyboardInterrupt):
            write(subset, varied, tmp_path / "small")
    assert not (tmp_path / "small" / "subsets").exists()
    shards = 12  # 9 frames, 3 targets
    assert write(subset, varied, tmp_path / "small") == shards - max(kept - 1, 0)
    assert files_of(tmp_path / "small") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("spoil", ["flip", "cut", "empty", "gone"])
def test_a_shard_that_is_not_whole_is_copied_again(
    varied: Workspace, tmp_path: Path, spoil: str
) -> None:
    subset, folder = subset_of(varied), tmp_path / "small"
    write(subset, varied, folder)
    before = files_of(folder)
    shard = sorted(folder.glob("stores/*/*/*/packed/c/*/0/0/0"))[2]
    data = bytearray(shard.read_bytes())
    if spoil == "gone":
        shard.unlink()
    else:
        data[len(data) // 2] ^= 1
        shard.write_bytes({"flip": bytes(data), "cut": bytes(data[:-1]), "empty": b""}[spoil])
    assert write(subset, varied, folder) == 1
    assert files_of(folder) == before


def test_what_is_there_of_something_else_is_left_alone(varied: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    write(subset_of(varied), varied, folder)
    before = files_of(folder)
    other = subset_of(varied, Selection(isos=(100.0,)), "other")
    with pytest.raises(OutputError, match="something else is there"):
        write(other, varied, folder)
    with pytest.raises(UsageError, match="the workspace"):
        write(other, varied, varied.root)
    assert files_of(folder) == before
    foreign = tmp_path / "foreign" / "stores" / "varied.zarr"
    foreign.mkdir(parents=True)
    (foreign / "diary.txt").write_text("dear")
    with pytest.raises(OutputError, match="something else is there"):
        write(other, varied, tmp_path / "foreign")
    assert [path.name for path in foreign.iterdir()] == ["diary.txt"]


def test_another_writer_is_waited_for(varied: Workspace, tmp_path: Path) -> None:
    with (
        lock(tmp_path / "small" / "stores" / "varied.zarr.lock"),
        pytest.raises(StoreLockedError),
    ):
        write(subset_of(varied), varied, tmp_path / "small")


def test_damage_is_not_handed_on(varied: Workspace, tmp_path: Path) -> None:
    subset = subset_of(varied)
    plan = plan_materialize(subset, varied)
    shard = local(plan.stores[0].shards[3].source)
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)
    for name in ("small", "small.zip"):
        with pytest.raises(StoreDamagedError) as caught:
            write(subset, varied, tmp_path / name)
        assert caught.value.where == str(shard)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", "varied"]
    shard.unlink()
    with pytest.raises(StoreDamagedError, match="cannot be read"):
        plan_materialize(subset, varied)


def test_a_subset_of_another_store_is_noticed(varied: Workspace) -> None:
    subset = subset_of(varied)
    shutil.rmtree(local(varied.store("varied")))
    fill_varied(varied.store("varied"), "varied")
    moved = tuple(replace(frame, index=frame.index + 1) for frame in subset.frames)
    with pytest.raises(StoreError, match="is no longer frame"):
        plan_materialize(replace(subset, frames=moved), varied)


def test_a_zip_holds_the_same_workspace_uncompressed(varied: Workspace, tmp_path: Path) -> None:
    subset = subset_of(varied)
    write(subset, varied, tmp_path / "folder")
    path = tmp_path / "small.zip"
    assert write(subset, varied, path) == 12
    first = path.read_bytes()
    assert write(subset, varied, path) == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        archive.extractall(tmp_path / "unpacked")
    assert files_of(tmp_path / "unpacked") == files_of(tmp_path / "folder")
    path.unlink()
    write(subset, varied, path)
    assert path.read_bytes() == first
    assert {one.name for one in tmp_path.iterdir()} == {
        "varied", "folder", "small.zip", "unpacked",
    }  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.003, 0.006, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_zip_that_a_killed_run_has_begun_goes_on(
    varied: Workspace, tmp_path: Path, share: float, *, flipped: bool
) -> None:
    subset, path = subset_of(varied), tmp_path / "small.zip"
    write(subset, varied, path)
    whole = path.read_bytes()
    path.unlink()
    begun = bytearray(whole[: int(share * len(whole))])
    if flipped and begun:
        begun[len(begun) // 2] ^= 1
    part = tmp_path / "small.zip.part"
    part.write_bytes(begun)
    written = write(subset, varied, path)
    assert path.read_bytes() == whole
    assert not part.exists()
    if not flipped:
        assert (written == 12) == (share == 0)
        assert (written == 0) == (share >= 0.3)  # metadata follows the shards


def test_what_was_begun_of_another_subset_is_not_kept(varied: Workspace, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.zip", "two.zip")]
    subsets = [subset_of(varied), subset_of(varied, Selection(isos=(100.0,)), "other")]
    for path, subset in zip(paths, subsets, strict=True):
        write(subset, varied, path)
    wanted = paths[1].read_bytes()
    paths[1].unlink()
    paths[0].rename(tmp_path / "two.zip.part")
    write(subsets[1], varied, paths[1])
    assert paths[1].read_bytes() == wanted


def test_a_zip_of_something_else_is_left_alone(varied: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "small.zip"
    write(subset_of(varied), varied, path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="remove what is there"):
        write(subset_of(varied, Selection(isos=(100.0,)), "other"), varied, path)
    assert path.read_bytes() == before
    path.write_bytes(b"dear diary")
    with pytest.raises(OutputError, match="something else is there"):
        write(subset_of(varied), varied, path)
    assert path.read_bytes() == b"dear diary"
    flipped = bytearray(before)
    flipped[len(before) // 3] ^= 1
    path.write_bytes(flipped)
    with pytest.raises((OutputError, StoreDamagedError)):
        write(subset_of(varied), varied, path)


def test_a_long_whose_pixels_lie_elsewhere_comes_with_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    planes = np.zeros((4, 4, 6), np.uint16)
    target = np.full((3, 8, 12), 7, np.uint16)
    with open_writer(workspace.store("x"), attributes={"collection": "x"}, target={}) as writer:
        for number, scene in enumerate("ab"):
            common: dict[str, Any] = {"scene": scene, "pair": scene}
            planes[0, 0] = 9
            long = frame_row(name=f"{scene}/long", role="long", exposure_time=9.0, **common)
            add_frame(writer, long, planes, target)
            planes[0, 0] = number
            add_frame(writer, frame_row(name=f"{scene}/short", **common), planes)
    subset = subset_of(workspace, Selection(scenes=("b",)))
    assert [frame.name for frame in subset.frames] == ["b/short"]
    assert subset.frames[0].paired
    write(subset, workspace, tmp_path / "small")
    store = Store(tmp_path / "small" / "stores" / "x.zarr")
    assert {row.name: row.duplicate_of for row in store.rows} == {
        "a/long": None, "b/long": "a/long", "b/short": None,
    }  # fmt: skip
    assert verify_store(store.path)[0] == []
    (group,) = store.groups.values()
    copied = load_subset(Workspace(tmp_path / "small").subset("some"))
    place = int(group.coordinates["target_index"][copied.frames[0].index])
    np.testing.assert_array_equal(group.read("target", place), target)


@pytest.mark.parametrize("name", ["small", "small.zip"])
def test_training_from_it_sees_the_same_batches(
    sid_workspace: Workspace, tmp_path: Path, name: str
) -> None:
    subset = make_subset(
        sid_workspace, sid_workspace.stores(), fraction=1.0, name="batches",
        selection=Selection(where="ratio > 100"), save=False,
    )[0]  # fmt: skip
    write(subset, sid_workspace, tmp_path / name)
    folder = tmp_path / name
    if folder.suffix:
        folder = tmp_path / "unpacked"
        shutil.unpack_archive(tmp_path / name, folder)
    other = Workspace(folder)
    check_same(subset, sid_workspace, other)
    copied = load_subset(other.subset("batches"))
    streams = [
        BatchStream(
            pair_sources(one, open_stores(one, workspace), "train"),
            PlanSettings(crop=64, seed=3), batch_size=2, threads=1,
        )
        for one, workspace in ((subset, sid_workspace), (copied, other))
    ]  # fmt: skip
    batches = [list(islice(stream.batches(), 4)) for stream in streams]
    for ours, theirs in zip(*batches, strict=True):
        assert_same_batch(ours, theirs)
