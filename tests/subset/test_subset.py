"""Subsets: nested, reproducible, saved until they are asked to change."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rawkit.errors import MissingError, SelectionError, StoreError, UsageError
from rawkit.store import open_writer
from rawkit.subset import Subset, load_subset, make_subset, newest_subset, open_stores
from rawkit.workspace import Workspace
from tests.support.factories import add_frame, frame_row, local
from tests.support.small_stores import fill

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_subset",)


def make(workspace: Workspace, fraction: float = 0.4, **options: Any) -> Subset:
    return make_subset(workspace, workspace.stores(), fraction=fraction, **options)[0]


def scenes_of(subset: Subset, camera: str, split: str = "train") -> set[str]:
    return {f.scene for f in subset.frames if f.group == f"{camera}/4x6" and f.split == split}


@pytest.mark.parametrize(
    ("fraction", "alpha", "beta", "gamma"),
    [(0.1, 1, 1, 1), (0.4, 4, 2, 2), (0.5, 5, 3, 2), (0.7, 7, 4, 3), (1.0, 10, 5, 3)],
)
def test_each_camera_of_each_collection_keeps_its_own_share(
    workspace: Workspace, fraction: float, alpha: int, beta: int, gamma: int
) -> None:
    subset = make(workspace, fraction)
    counts = [len(scenes_of(subset, camera)) for camera in ("alpha", "beta", "gamma")]
    assert counts == [alpha, beta, gamma]


@pytest.mark.parametrize("fraction", [0.1, 0.4, 1.0])
def test_val_and_test_stay_whole(workspace: Workspace, fraction: float) -> None:
    subset = make(workspace, fraction)
    for split in ("val", "test"):
        assert len(subset.pairs(split)) == 6
        assert scenes_of(subset, "alpha", split) == {f"alpha-{split}"}


def test_the_scenes_are_the_first_by_sha256_of_seed_and_scene(workspace: Workspace) -> None:
    ordered = sorted(
        (f"alpha-{number:02d}" for number in range(10)),
        key=lambda scene: sha256(f"3:{scene}".encode()).hexdigest(),
    )
    assert scenes_of(make(workspace, 0.4, seed=3), "alpha") == set(ordered[:4])


def test_subsets_nest(workspace: Workspace) -> None:
    frames = [set(make(workspace, fraction).frames) for fraction in (0.1, 0.4, 0.7, 1.0)]
    assert frames[0] < frames[1] < frames[2] < frames[3]
    assert len(frames[3]) == 3 * (10 + 5 + 3 + 6)


def test_whole_scenes_are_kept_with_all_their_shorts_and_longs(workspace: Workspace) -> None:
    subset = make(workspace, 0.4)
    for scene in scenes_of(subset, "alpha"):
        roles = sorted(frame.role for frame in subset.frames if frame.scene == scene)
        assert roles == ["long", "short", "short"]


def test_a_second_look_changes_nothing(workspace: Workspace) -> None:
    first, made = make_subset(workspace, workspace.stores(), fraction=0.4)
    path = workspace.subset("f0.4")
    before = path.read_bytes()
    again, made_again = make_subset(workspace, workspace.stores(), fraction=0.4)
    assert (made, made_again) == (True, False)
    assert again == first == load_subset(path)
    assert path.read_bytes() == before


def test_a_saved_subset_stays_when_the_store_grows_until_it_is_refreshed(
    workspace: Workspace,
) -> None:
    before = make(workspace, 1.0)
    shutil.rmtree(local(workspace.store("one")))
    fill(workspace.store("one"), "one", {"alpha": 12, "beta": 5})
    assert make(workspace, 1.0) == before
    refreshed = make(workspace, 1.0, refresh=True)
    assert len(refreshed.frames) == len(before.frames) + 6
    assert load_subset(workspace.subset("f1")) == refreshed


@pytest.mark.parametrize("change", [{"fraction": 0.5}, {"seed": 1}, {"stores": 1}])
def test_a_saved_subset_is_not_changed_by_other_settings(
    workspace: Workspace, change: dict[str, Any]
) -> None:
    make(workspace, 0.4, name="mine")
    path = workspace.subset("mine")
    before = path.read_bytes()
    settings: dict[str, Any] = {"fraction": 0.4, "seed": 0, "name": "mine", **change}
    stores = workspace.stores()[: settings.pop("stores", 2)]
    with pytest.raises(UsageError, match="subset mine was made with") as caught:
        make_subset(workspace, stores, **settings)
    assert "--refresh" in (caught.value.fix or "")
    assert path.read_bytes() == before
    made = make_subset(workspace, stores, refresh=True, **settings)[0]
    assert load_subset(path) == made


@pytest.mark.parametrize(("fraction", "name"), [(0.4, "f0.4"), (1.0, "f1"), (0.25, "f0.25")])
def test_a_subset_is_named_after_its_fraction(
    workspace: Workspace, fraction: float, name: str
) -> None:
    assert make(workspace, fraction).name == name
    assert workspace.subset(name).is_file()


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".hidden", "", " ", "a\\b", "c:", "nul\0"])
def test_names_that_would_leave_the_folder_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="as the name of a subset"):
        load_subset(workspace.subset(name))
    if name:
        with pytest.raises(UsageError):
            make(workspace, 0.4, name=name)
    assert not list(workspace.root.parent.glob("**/*.parquet.*"))


def test_the_newest_subset_is_the_one_made_last(workspace: Workspace) -> None:
    assert newest_subset(workspace) is None
    for name in ("zeta", "alpha", "mid"):
        newest = make(workspace, 0.4, name=name)
        assert newest_subset(workspace) == newest
    assert [path.stem for path in workspace.subsets()] == ["alpha", "mid", "zeta"]
    assert newest_subset(workspace) == make(workspace, 0.4, name="mid")
    refreshed = make(workspace, 0.4, name="alpha", refresh=True)
    assert newest_subset(workspace) == refreshed


def test_balance_counts_pairs_by_collection_camera_iso_and_ratio(workspace: Workspace) -> None:
    assert make(workspace, 0.4).balance() == [
        ("one", "alpha", 400.0, 50.0, 4, 1, 1),
        ("one", "alpha", 400.0, 100.0, 4, 1, 1),
        ("one", "beta", 400.0, 50.0, 2, 1, 1),
        ("one", "beta", 400.0, 100.0, 2, 1, 1),
        ("two", "gamma", 400.0, 50.0, 2, 1, 1),
        ("two", "gamma", 400.0, 100.0, 2, 1, 1),
    ]


def test_a_pair_without_a_target_is_no_pair(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    planes = np.zeros((4, 4, 6), np.uint16)
    with open_writer(workspace.store("x"), attributes={"collection": "x"}, target={}) as writer:
        for number, (name, role, pair) in enumerate(
            [("a/short", "short", "a"), ("a/long", "long", "a"), ("b/short", "short", "b")]
        ):
            planes[0, 0, 0] = number
            row = frame_row(name=name, role=role, pair=pair, scene=pair, target_note=None)
            add_frame(writer, row, planes)
    with pytest.raises(SelectionError, match="no training pair among 3 frames"):
        make(workspace, 1.0)
    assert not workspace.subsets()


def test_stores_are_found_wherever_the_workspace_is_moved(workspace: Workspace) -> None:
    subset = make(workspace, 0.4)
    assert subset.stores == {"one": "stores/one.zarr", "two": "stores/two.zarr"}
    moved = workspace.root.with_name("moved")
    workspace.root.rename(moved)
    again = load_subset(Workspace(moved).subset("f0.4"))
    opened = open_stores(again, Workspace(moved))
    assert {name: len(store.rows) for name, store in opened.items()} == {"one": 57, "two": 15}


def test_a_store_outside_the_workspace_is_named_by_its_whole_path(
    workspace: Workspace, tmp_path: Path
) -> None:
    other = Workspace(tmp_path / "other")
    subset = make_subset(other, workspace.stores(), fraction=0.4)[0]
    assert subset.stores["one"] == str(local(workspace.store("one")).resolve())
    assert len(open_stores(subset, other)["one"].rows) == 57


def test_a_store_that_is_gone_is_named(workspace: Workspace) -> None:
    subset = make(workspace, 0.4)
    shutil.rmtree(local(workspace.store("two")))
    with pytest.raises(MissingError) as caught:
        open_stores(subset, workspace)
    assert caught.value.where == str(workspace.store("two"))


def test_no_store_and_no_subset_are_named_with_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(MissingError, match="no store") as caught:
        make(workspace)
    assert "rawkit ingest" in (caught.value.fix or "")
    with pytest.raises(MissingError, match="expected one of none") as caught:
        load_subset(workspace.subset("f0.4"))
    assert "rawkit subset" in (caught.value.fix or "")


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.5, float("nan")])
def test_fractions_that_make_no_sense_are_refused(workspace: Workspace, fraction: float) -> None:
    with pytest.raises(UsageError, match="fraction"):
        make(workspace, fraction)
    assert not workspace.subsets()


def damaged(path: Path, kind: str) -> None:
    """Spoil a saved subset."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"rawkit"])
    if kind == "garbage":
        path.write_bytes(b"not a table at all")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif kind == "another table":
        pq.write_table(pa.table({"a": [1]}), path)
    elif kind == "another version":
        metadata = {b"rawkit": json.dumps({**about, "version": 2}).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), path)
    elif kind == "other columns":
        pq.write_table(table.drop_columns(["scene"]), path)
    elif kind == "a list instead":
        pq.write_table(table.replace_schema_metadata({b"rawkit": b"[1]"}), path)


@pytest.mark.parametrize(
    "kind",
    ["garbage", "empty", "cut", "another table", "another version", "other columns",
     "a list instead"],
)  # fmt: skip
def test_a_file_that_is_no_subset_of_this_version_is_named(workspace: Workspace, kind: str) -> None:
    make(workspace, 0.4)
    path = workspace.subset("f0.4")
    damaged(path, kind)
    with pytest.raises(StoreError) as caught:
        load_subset(path)
    assert caught.value.where == str(path)
    assert "--refresh" in (caught.value.fix or "")
    assert make(workspace, 0.4, refresh=True) == load_subset(path)
