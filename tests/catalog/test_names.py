"""Files that names alone leave out stay closed, and nothing of the result changes by that."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection, load_definition, scan, select
from rawkit.catalog.rules import FileRule
from rawkit.catalog.table import scan_with_table
from rawkit.errors import SelectionError
from rawkit.ingest import plan_ingest, run_ingest
from tests.support.factories import files_of, write_noise_dng

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.catalog import Catalog

MID, SID = load_definition("mid"), load_definition("sid")


def write_raw(path: Path, **changes: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_noise_dng(path, **changes)


def outcome(catalog: Catalog, selection: Selection) -> Any:
    """Return all that a selection says, or its error."""
    try:
        found = select(catalog, selection)
    except SelectionError as error:
        return error.found
    return (
        found.entries, found.pairs, found.unpaired, found.filtered, found.spare_longs,
        len(catalog.entries), catalog.left_out,
    )  # fmt: skip


bands = st.lists(
    st.sampled_from([100.0, 200.0, 400.0, 0.01, 0.1, 0.033, 0.5, (0.02, 0.2), (150.0, 1e9)]),
    max_size=2,
).map(tuple)
selections = st.builds(
    Selection,
    isos=bands,
    shutters=bands,
    ratios=st.sampled_from([(), (100.0,), ((50.0, 300.0),)]),
    scenes=st.sampled_from([(), ("pair1",), ("0*", "2*"), ("none",)]),
    views=st.sampled_from([(), ("*0001*",), ("none",)]),
    cameras=st.sampled_from([(), ("canon*",), ("ilce*",)]),
    splits=st.sampled_from([(), ("train",), ("val", "test")]),
    excluded=st.sampled_from([(), ("*",), ("Sony/0*", "Indoor/pair1/*1_")]),
    role=st.sampled_from([None, "short", "long"]),
    per_long=st.sampled_from([None, "darkest", "first"]),
    where=st.sampled_from(["", "iso > 100", "shutter < 0.2 and camera != 'x'"]),
    limit=st.sampled_from([None, 1, 3]),
)


@given(selection=selections)
def test_any_selection_takes_and_counts_the_same_with_files_closed(
    mid_folder: Path, sid_folder: Path, selection: Selection
) -> None:
    for definition, folder in ((MID, mid_folder), (SID, sid_folder)):
        everything = scan(definition, folder)
        sparing = scan(definition, folder, selection=selection)
        assert outcome(sparing, selection) == outcome(everything, selection)
        assert sparing.opened <= everything.opened


@pytest.mark.parametrize(
    ("filters", "opened"),
    [
        ({}, 14),
        ({"isos": (100.0, 200.0)}, 8 + 2),
        ({"isos": (100.0,), "shutters": (0.01,)}, 2 + 2),
        ({"shutters": ((0.1, 1.0),)}, 6 + 2),
        ({"views": ("*1_",), "isos": ((0.0, 200.0),)}, 4 + 1),
        ({"cameras": ("canon*",), "isos": (100.0,)}, 14),  # EXIF alone knows the camera
        ({"ratios": (100.0,)}, 14),
        ({"limit": 1}, 1 + 1),
        ({"per_long": "first"}, 2 + 2),
        ({"per_long": "darkest", "isos": (100.0,)}, 2 + 2),
        ({"per_long": "darkest", "limit": 1}, 3 + 1),
        ({"limit": 1, "cameras": ("canon*",)}, 14),
        ({"role": "long"}, 14),
        ({"role": "long", "isos": (100.0,)}, 4 + 2),
    ],
)
def test_only_what_a_filter_needs_is_opened(
    mid_folder: Path, filters: dict[str, Any], opened: int
) -> None:
    views = {one.view for one in scan(MID, mid_folder).entries}
    if "views" in filters:
        filters = {**filters, "views": (min(views),)}
    assert scan(MID, mid_folder, selection=Selection(**filters)).opened == opened


def test_the_iso_of_sid_is_not_in_its_names(sid_folder: Path) -> None:
    whole = scan(SID, sid_folder).opened
    assert scan(SID, sid_folder, selection=Selection(isos=(100.0,))).opened == whole
    shutter = Selection(isos=(100.0,), shutters=(0.1,))
    assert scan(SID, sid_folder, selection=shutter).opened == whole
    assert scan(SID, sid_folder, selection=Selection(shutters=(0.1,))).opened < whole


def test_a_time_within_five_percent_of_name_and_filter_is_opened(tmp_path: Path) -> None:
    # A name of 0.04 s, 5% off what EXIF says, and a filter 5% off that.
    path = tmp_path / "Sony" / "short" / "00001_00_0.04s.ARW"
    write_raw(path, seconds=0.042)
    for wanted, opened in ((0.044, 1), (0.04, 1), (0.1, 0)):
        found = scan(SID, tmp_path, selection=Selection(shutters=(wanted,)))
        assert found.opened == opened
    with pytest.raises(SelectionError):
        select(found, Selection(shutters=(0.1,)))


def test_files_that_are_not_there_are_left_out_either_way(mid_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "mid"
    shutil.copytree(mid_folder, root)
    gone = next(path for path in sorted(root.rglob("*.cr2")) if "_00400_" in path.name)
    gone.unlink()
    gone.symlink_to(tmp_path / "nowhere")
    low = Selection(isos=(100.0,))
    one, other = scan(MID, root), scan(MID, root, selection=low)
    assert [found.kind for found in one.left_out] == ["unreadable"]
    assert outcome(one, low)[1:] == outcome(other, low)[1:]


def test_a_store_and_its_counts_are_the_same_either_way(mid_folder: Path, tmp_path: Path) -> None:
    selection = Selection(isos=(100.0,), shutters=(0.5,))
    table = tmp_path / "mid.parquet"
    scan_with_table(MID, mid_folder, table)
    plans = [
        plan_ingest(MID, mid_folder, tmp_path / "a" / "mid.zarr", selection),
        plan_ingest(MID, mid_folder, tmp_path / "b" / "mid.zarr", selection, table=table),
    ]
    assert [plan.catalog.opened for plan in plans] == [4, 0]
    for plan in plans:
        run_ingest(plan, workers=0)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    one, other = (
        (plan.selected, plan.wanted, plan.pairs, plan.unpaired, plan.filtered) for plan in plans
    )
    assert [entry.frame for entry in one[0]] == [entry.frame for entry in other[0]]
    assert one[2:] == other[2:]


def test_a_file_that_stayed_closed_is_opened_when_it_is_wanted(
    mid_folder: Path, tmp_path: Path
) -> None:
    table = tmp_path / "mid.parquet"
    low = Selection(isos=(100.0,))
    assert scan_with_table(MID, mid_folder, table, selection=low).catalog.opened == 6
    found = scan_with_table(MID, mid_folder, table)
    assert (found.catalog.opened, found.unchanged) == (8, 14)
    assert found.catalog.entries == scan(MID, mid_folder).entries
    closed = scan_with_table(MID, mid_folder, table, selection=low)
    assert closed.catalog.opened == 0
    assert all(entry.exif is not None for entry in closed.catalog.entries)


def test_groups_that_are_exact_must_be_in_the_pattern() -> None:
    with pytest.raises(ValueError, match="exact names iso, which is no named group"):
        FileRule(role="short", pattern="a", scene="b", exact=frozenset({"iso"}))
