"""Limits and filters: what is chosen, that it nests, and that settings are kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.catalog import Selection
from rawkit.errors import SelectionError, StoreDamagedError, UsageError
from rawkit.store import Store
from rawkit.subset import (
    AXES,
    Limits,
    Subset,
    compare_subsets,
    load_subset,
    make_subset,
    open_stores,
    split_bytes,
)
from rawkit.subset.choose import choose_frames
from rawkit.workspace import Workspace
from tests.support.factories import local
from tests.support.small_stores import fill_varied

if TYPE_CHECKING:
    from rawkit.subset import SubsetFrame

pytest_plugins = ("tests.support.fixtures_subset",)


@pytest.fixture(scope="module")
def opened(filled: Path) -> list[Store]:
    """Return two stores of 10 and 5, and 3 training scenes of two dark frames each."""
    return [Store(path) for path in Workspace(filled).stores()]


def choose(stores: list[Store], seed: int = 0, fraction: float = 1.0, **limits: int) -> set[Any]:
    return set(
        choose_frames(
            stores, fraction=fraction, seed=seed, limits=Limits(**limits), selection=Selection()
        )
    )


def train_pairs(frames: set[SubsetFrame]) -> int:
    return sum(one.role == "short" and one.split == "train" for one in frames)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), counts=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_frames_nest_and_are_whole_scenes_up_to_the_limit(
    opened: list[Store], seed: int, counts: tuple[int, int]
) -> None:
    smaller, larger = (choose(opened, seed, max_pairs=count) for count in sorted(counts))
    assert smaller <= larger
    for count, frames in zip(sorted(counts), (smaller, larger), strict=True):
        # Every scene has two pairs, so one less than an odd limit is reached exactly.
        assert train_pairs(frames) == min(36, count - count % 2)
        scenes = [(f.collection, f.scene) for f in frames if f.split == "train"]
        assert all(scenes.count(scene) == 3 for scene in scenes)
        assert sum(frame.split != "train" for frame in frames) == 18


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(0, 20000), st.integers(0, 20000)),
)
def test_sizes_nest_and_are_kept_to(opened: list[Store], seed: int, sizes: tuple[int, int]) -> None:
    base = sum(weigh(opened, choose(opened, seed, max_pairs=1)).values())  # val and test alone
    limits = [base + size for size in sorted(sizes)]
    smaller, larger = (choose(opened, seed, max_bytes=limit) for limit in limits)
    assert smaller <= larger
    for limit, frames in zip(limits, (smaller, larger), strict=True):
        assert sum(weigh(opened, frames).values()) <= limit


def weigh(stores: list[Store], frames: set[SubsetFrame]) -> dict[str, int]:
    subset = Subset("x", 1.0, 0, "", {}, tuple(frames))
    return split_bytes(subset, {store.collection: store for store in stores})


def test_every_byte_of_the_shards_is_weighed_once(opened: list[Store]) -> None:
    everything = sum(
        path.stat().st_size
        for store in opened
        for name in ("packed", "target")
        for path in local(store.path).glob(f"*/*/{name}/c/**/0")
        if path.is_file()
    )
    assert sum(weigh(opened, choose(opened)).values()) == everything


def test_under_a_limit_the_cameras_keep_their_proportions(opened: list[Store]) -> None:
    frames = choose(opened, max_pairs=16)
    scenes = {(frame.camera, frame.scene) for frame in frames if frame.split == "train"}
    counts = [sum(camera == one for one, _ in scenes) for camera in ("alpha", "beta", "gamma")]
    assert counts == [5, 2, 1]


def test_a_limit_thins_what_the_fraction_leaves(opened: list[Store]) -> None:
    assert choose(opened, fraction=0.4, max_pairs=8) <= choose(opened, fraction=0.4)
    assert choose(opened, fraction=0.4, max_pairs=100) == choose(opened, fraction=0.4)


def test_val_and_test_that_do_not_fit_are_told_with_their_size(opened: list[Store]) -> None:
    held = weigh(opened, choose(opened))
    with pytest.raises(SelectionError, match=f"take {held['val'] + held['test']} bytes"):
        choose(opened, max_bytes=1)


NAMED: list[tuple[dict[str, Any], Any]] = [
    ({"isos": (100.0,)}, lambda row: row.iso == 100),
    ({"isos": ((150.0, 400.0),)}, lambda row: row.iso >= 200),
    ({"shutters": (0.1,)}, lambda row: row.exposure_time == 0.1),
    ({"ratios": ((400.0, float("inf")),)}, lambda row: row.exposure_time == 0.02),
    ({"scenes": ("Out/*",)}, lambda row: row.scene.startswith("Out")),
    ({"cameras": ("a",)}, lambda row: row.model == "A"),
    ({"splits": ("train",)}, lambda row: row.split == "train"),
    ({"where": "iso * shutter < 15 and scene != 'In/1'"},
     lambda row: row.iso * row.exposure_time < 15 and row.scene != "In/1"),
    ({"isos": (200.0, 400.0), "shutters": (0.02,)},
     lambda row: row.iso != 100 and row.exposure_time == 0.02),
    ({"per_long": "darkest"}, lambda row: row.name.endswith("100-0.02")),
    ({"per_long": "first"}, lambda row: row.name.endswith("100-0.02")),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "wanted"), NAMED)
def test_filters_keep_the_shorts_that_pass_and_their_longs(
    varied: Workspace, filters: dict[str, Any], wanted: Any
) -> None:
    rows = Store(varied.store("varied")).rows
    shorts = {row.name for row in rows if row.role == "short" and wanted(row)}
    longs = {f"{name.rpartition('/')[0]}/long" for name in shorts}
    made, _ = make_subset(
        varied, varied.stores(), fraction=1.0, selection=Selection(**filters)
    )  # fmt: skip
    assert {frame.name for frame in made.frames} == shorts | longs
    assert len(made.frames) == len(shorts | longs)
    assert all(frame.paired for frame in made.frames)
    assert load_subset(varied.subset(made.name)) == made


def test_filters_that_let_nothing_pass_say_what_there_is(varied: Workspace) -> None:
    with pytest.raises(SelectionError, match="--iso 800") as caught:
        make_subset(varied, varied.stores(), fraction=1.0, selection=Selection(isos=(800.0,)))
    assert "ISO 100, 200, 400" in (caught.value.fix or "")
    assert not varied.subsets()


def test_a_store_where_nothing_passes_does_not_stop_the_others(varied: Workspace) -> None:
    fill_varied(varied.store("other"), "other")
    made, _ = make_subset(
        varied, varied.stores(), fraction=1.0, selection=Selection(scenes=("In/1",))
    )
    assert {frame.collection for frame in made.frames} == {"other", "varied"}


SETTINGS: list[dict[str, Any]] = [
    {"fraction": 0.5},
    {"fraction": 1.0, "limits": Limits(max_pairs=8)},
    {"fraction": 1.0, "limits": Limits(max_bytes=10**6)},
    {"fraction": 1.0, "selection": Selection(isos=(100.0, (200.0, 400.0)))},
    {"fraction": 1.0, "selection": Selection(ratios=((100.0, float("inf")),), where="iso > 1")},
    {"fraction": 1.0, "selection": Selection(per_long="first", cameras=("A",))},
]


@pytest.mark.parametrize("options", SETTINGS)
def test_the_same_settings_change_nothing_and_others_are_refused(
    varied: Workspace, options: dict[str, Any]
) -> None:
    first, made = make_subset(varied, varied.stores(), name="x", **options)
    before = varied.subset("x").read_bytes()
    again, made_again = make_subset(varied, varied.stores(), name="x", **options)
    assert (made, made_again, again) == (True, False, first)
    for other in SETTINGS:
        if other != options:
            with pytest.raises(UsageError, match="subset x was made with"):
                make_subset(varied, varied.stores(), name="x", **other)
    assert varied.subset("x").read_bytes() == before


def test_names_follow_the_settings(varied: Workspace) -> None:
    names = [
        make_subset(varied, varied.stores(), **{"fraction": 1.0, **options})[0].name
        for options in [
            *SETTINGS, {"fraction": 0.5, "limits": Limits(8, 1500)}, {},
        ]
    ]  # fmt: skip
    assert names[:3] == ["f0.5", "n8", "1MB"]
    assert names[-2:] == ["f0.5-n8-1500B", "f1"]
    assert len(set(names)) == len(names)
    assert len(varied.subsets()) == len(names)


def test_nothing_is_saved_unless_asked_for(varied: Workspace) -> None:
    made, is_new = make_subset(varied, varied.stores(), fraction=1.0, save=False)
    assert is_new
    assert made.frames
    assert not varied.subsets()


@pytest.mark.parametrize("limits", [Limits(max_pairs=0), Limits(max_bytes=-1)])
def test_limits_that_make_no_sense_are_refused(varied: Workspace, limits: Limits) -> None:
    with pytest.raises(UsageError, match="at most"):
        make_subset(varied, varied.stores(), fraction=1.0, limits=limits)


def test_a_limit_below_the_first_scene_says_so(varied: Workspace) -> None:
    with pytest.raises(SelectionError, match="no training pair") as caught:
        make_subset(varied, varied.stores(), fraction=1.0, limits=Limits(max_pairs=1))
    assert "Whole scenes" in (caught.value.fix or "")


def test_files_from_before_there_were_limits_load(varied: Workspace) -> None:
    made, _ = make_subset(varied, varied.stores(), fraction=1.0)
    path = varied.subset("f1")
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"rawkit"])
    keys = {"format", "version", "name", "fraction", "seed", "created", "stores"}
    assert set(about) == keys
    assert load_subset(path) == made
    assert make_subset(varied, varied.stores(), fraction=1.0) == (made, False)


def test_balance_over_each_axis_counts_every_pair_once(varied: Workspace) -> None:
    made, _ = make_subset(varied, varied.stores(), fraction=1.0)
    assert made.balance_over("place") == [("In", 6, 0, 0), ("Out", 12, 6, 0)]
    assert made.balance_over("camera") == [("a", 12, 6, 0), ("b", 6, 0, 0)]
    assert made.balance_over("iso") == [(iso, 6, 2, 0) for iso in (100.0, 200.0, 400.0)]
    assert made.balance_over("ratio") == [(100.0, 9, 3, 0), (500.0, 9, 3, 0)]
    for axis in AXES:
        totals = [sum(column) for column in zip(*made.balance_over(axis), strict=True)
                  if not isinstance(column[0], str | float)]  # fmt: skip
        assert totals == [18, 6, 0]


def test_scenes_without_a_slash_have_no_place(opened: list[Store]) -> None:
    subset = Subset("x", 1.0, 0, "", {}, tuple(choose(opened)))
    assert subset.balance_over("place") == [(None, 36, 6, 6)]


def test_subsets_are_compared_by_their_frames(varied: Workspace) -> None:
    def made(**filters: Any) -> Subset:
        return make_subset(
            varied, varied.stores(), fraction=1.0, selection=Selection(**filters)
        )[0]  # fmt: skip

    everything, one, two = made(), made(isos=(100.0,)), made(isos=(200.0,))
    inside, outside = made(scenes=("In/1",)), made(scenes=("Out/1",))
    assert compare_subsets(one, one).relation == "equal"
    assert compare_subsets(one, everything).relation == "within"
    assert compare_subsets(everything, one).relation == "contains"
    assert compare_subsets(one, two).relation == "overlap"  # the longs
    assert compare_subsets(inside, outside).relation == "apart"
    found = compare_subsets(one, two)
    assert (len(found.first), len(found.second), len(found.both)) == (8, 8, 4)


def test_what_a_subset_weighs_is_known_from_the_table(varied: Workspace) -> None:
    made, _ = make_subset(varied, varied.stores(), fraction=1.0)
    store = local(varied.store("varied"))
    weights = split_bytes(made, open_stores(made, varied))
    arrays = [*store.glob("*/*/packed/c/**/0"), *store.glob("*/*/target/c/**/0")]
    assert sum(weights.values()) == sum(one.stat().st_size for one in arrays if one.is_file())
    next(store.glob("a/4x6/packed/c/0/0/0/0")).unlink()
    assert split_bytes(made, open_stores(made, varied)) == weights


def test_what_a_subset_of_an_older_store_weighs_is_asked_of_its_shards(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    sample = Path(__file__).parents[1] / "data" / "store-v3"
    store = Path(shutil.copytree(sample, local(workspace.store("sample"))))
    made, _ = make_subset(workspace, workspace.stores(), fraction=1.0)
    arrays = [*store.glob("*/*/packed/c/**/0"), *store.glob("*/*/target/c/**/0")]
    weights = split_bytes(made, open_stores(made, workspace))
    assert weights["train"] == sum(one.stat().st_size for one in arrays if one.is_file())
    next(store.glob("*/*/packed/c/0/0/0/0")).unlink()
    with pytest.raises(StoreDamagedError, match="cannot be read"):
        split_bytes(made, open_stores(made, workspace))
