"""The chart and the contact sheet of a store."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from rawkit.catalog import Selection, load_definition, scan
from rawkit.errors import MissingError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.report.show import (
    Sheet,
    chart_of,
    chart_of_store,
    nominal,
    scene_sheet,
    shown_of_catalog,
    shown_of_scene,
    shown_of_store,
)
from rawkit.store import Store
from rawkit.store.coordinates import exposure_of
from rawkit.synth import make_videos
from rawkit.workspace import Workspace
from tests.support.fixtures_cli import error_line, run_in

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.support.fixtures_workspace",)


@pytest.fixture(scope="module")
def root(mid_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a store of the small MID: 3 ISOs, 2 exposures, 2 views."""
    workspace = Workspace(tmp_path_factory.mktemp("show"))
    plan = plan_ingest(load_definition("mid"), mid_folder, workspace.store("mid"), Selection())
    run_ingest(plan, workers=0)
    return workspace.root


def sheet_of(root: Path, scene: str | None = None) -> Sheet:
    return scene_sheet(shown_of_store(Store(root / "stores" / "mid.zarr")), scene, title="mid")


def test_the_chart_counts_every_frame_once(root: Path) -> None:
    rows = Store(root / "stores" / "mid.zarr").rows
    store = Store(root / "stores" / "mid.zarr")
    chart = chart_of(shown_of_store(store))
    assert chart_of_store(store) == chart
    everyone = shown_of_store(store)
    for scene in sorted({one.scene for one in everyone}):
        wanted = [one for one in everyone if one.scene == scene]
        told = [(one.role, one.view, one.setting) for one in shown_of_scene(store, scene)]
        assert told == [(one.role, one.view, one.setting) for one in wanted]
    assert list(chart.isos) == [100, 200, 400]
    assert [role for role, _, _ in chart.rows] == ["short", "short", "long"]
    assert [seconds for _, seconds, _ in chart.rows[:2]] == [0.01, 0.5]
    assert {counts for _, _, counts in chart.rows[:2]} == {(2, 2, 2)}
    assert sum(sum(line) for _, _, line in chart.rows) == len(rows)


def test_unknown_exposures_come_last(root: Path) -> None:
    row = Store(root / "stores" / "mid.zarr").rows[0]
    unknown = replace(row, exposure_time=None, iso=None)
    assert nominal(exposure_of(unknown)) == (math.inf, math.inf)
    one = shown_of_store(Store(root / "stores" / "mid.zarr"))[0]
    assert chart_of([replace(one, setting=(math.inf, math.inf)), one]).isos[-1] == math.inf
    assert nominal(exposure_of(replace(row, exposure_time=1 / 30)))[0] == 0.033


def test_the_sheet_of_mid_is_the_grid_of_shutter_and_iso(root: Path) -> None:
    sheet = sheet_of(root, "pair1")
    assert sheet.scene == "Indoor/pair1"
    height, width, colours = sheet.picture.shape
    assert colours == 3
    assert width == 2 * 24 + 4 * (200 + 12) - 12
    assert height > 4 * 133


def test_each_picture_is_as_bright_as_the_long(root: Path) -> None:
    picture = sheet_of(root).picture
    top, size = 24 + 3 * 28, round(200 * 64 / 96)

    def mean(column: int, line: int) -> float:
        y, x = top + line * (size + 28 + 12), 24 + column * 212
        return float(picture[y : y + size, x : x + 200].mean())

    for column in range(3):
        for line in (0, 1):
            assert mean(column, line) == pytest.approx(mean(3, 0), rel=0.35)
    assert mean(3, 1) == 235  # nothing there


def test_show_prints_the_chart_and_writes_the_sheet(root: Path, tmp_path: Path) -> None:
    ended = run_in(root, "show", "mid", "-o", tmp_path / "a.png")
    assert ended.code == 0, ended.err
    assert "ISO 400" in ended.out
    with Image.open(tmp_path / "a.png") as picture:
        assert np.asarray(picture).shape[2] == 3
    found = json.loads(run_in(root, "show", "stores/mid.zarr", "--json").out)
    assert found["sheet"] == str(root / "show" / "mid-Indoor-pair1.png")
    assert (root / "show" / "mid-Indoor-pair1.png").is_file()
    assert sum(one["frames"] for one in found["frames"]) == 14


def test_a_scene_without_longs_has_no_column_for_them_and_room_for_its_title(root: Path) -> None:
    frames = shown_of_store(Store(root / "stores" / "mid.zarr"))
    shorts = [one for one in frames if one.role == "short" and one.setting[1] == 100]
    title = "a collection of quite a long name"
    sheet = scene_sheet(shorts, title=title).picture
    assert sheet.shape[1] > 2 * 24 + 200
    ink = np.flatnonzero((sheet[:76] != sheet[0, 0]).any((0, 2)))
    assert ink[-1] < sheet.shape[1] - 20
    assert (sheet[104:, 2 * 24 + 200 :] == sheet[0, 0]).all()


def test_stores_without_a_grid_are_drawn_too(sid_workspace: Workspace, tmp_path: Path) -> None:
    ended = run_in(sid_workspace.root, "show", "sid", "-o", tmp_path / "a.png")
    assert ended.code == 0, ended.err
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_what_is_not_there_is_one_line(root: Path) -> None:
    assert "rawkit ingest" in error_line(run_in(root, "show", "sid"))
    assert "Indoor/pair1" in error_line(run_in(root, "show", "mid", "--scene", "pair7"))
    with pytest.raises(MissingError, match="no scene nowhere"):
        sheet_of(root, "nowhere")


def test_raw_files_are_shown_as_their_store_is(root: Path, mid_folder: Path) -> None:
    stored = shown_of_store(Store(root / "stores" / "mid.zarr"))
    raw = shown_of_catalog(scan(load_definition("mid"), mid_folder))
    assert chart_of(raw) == chart_of(stored)
    here, there = sheet_of(root).picture, scene_sheet(raw, title="mid").picture
    below = 24 + 2 * 28  # the line above names the camera in two ways
    assert np.array_equal(here[below:], there[below:])


def test_a_collection_that_is_not_ingested_is_shown_from_its_raw_files(
    mid_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    shutil.copytree(mid_folder, tmp_path / "data" / "mid")
    bad = next((tmp_path / "data" / "mid").rglob("*_00200_0.01_*.cr2"))
    bad.write_bytes(bad.read_bytes()[:-99])
    found = json.loads(run_in(tmp_path, "show", "mid", "--json").out)
    assert sum(one["frames"] for one in found["frames"]) == 14
    with Image.open(found["sheet"]) as picture:
        sheet = np.asarray(picture)
    assert (sheet == 235).any()  # a setting that stays empty
    assert not (tmp_path / "stores").exists()
    ended = run_in(tmp_path, "show", "mid", "--source", mid_folder, "-o", tmp_path / "b.png")
    assert ended.code == 0, ended.err
    assert "pair7" in error_line(run_in(tmp_path, "show", "mid", "--scene", "pair7"))


def test_videos_are_shown_without_exposure(tmp_path: Path) -> None:
    make_videos(tmp_path / "data" / "moving-objects", scenes=1, frames=2, size=(64, 96))
    ended = run_in(tmp_path, "show", "moving-objects")
    assert ended.code == 0, ended.err
    assert "unknown" in ended.out
    assert (tmp_path / "show" / "moving-objects-0001.png").is_file()
