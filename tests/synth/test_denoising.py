"""Look-alikes of the collections of raw denoising: as their definitions say, and ingested."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from rawkit.catalog import Selection, load_definition, place_in_video, scan, select
from rawkit.catalog.definition import Matcher
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.store import Store
from rawkit.synth import CAMERAS, make_collection, scene_truth

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.synth import SynthReport

SMALL = (64, 96)
SCENES = {"eld": 1, "lrd": 3, "lrid": 1, "rawnind": 3, "crvd": 1, "recrvd": 2, "mcr": 2}
PAIRS = {"eld": 12, "lrd": 9, "lrid": 10, "rawnind": 12, "crvd": 12, "recrvd": 12, "mcr": 14}
"""Pairs of a look-alike of so many scenes."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SynthReport]:
    root = tmp_path_factory.mktemp("synth")
    return {
        name: make_collection(name, root / name, scenes=scenes, size=SMALL, seed=3)
        for name, scenes in SCENES.items()
    }


@pytest.mark.parametrize("collection", SCENES)
def test_every_name_is_one_of_the_definition(made: dict[str, SynthReport], collection: str) -> None:
    report, definition = made[collection], load_definition(collection)
    matcher = Matcher(definition)
    assert all(matcher.match(name) for name in report.names)
    catalog = scan(definition, report.directory)
    assert catalog.left_out == ()
    assert len(catalog.entries) == len(report.names) == report.written
    selected = select(catalog, Selection())
    assert (selected.pairs, selected.unpaired) == (PAIRS[collection], 0)
    splits = {entry.scene: entry.split for entry in catalog.entries}
    assert "test" in splits.values() or collection in {"lrid", "crvd", "mcr"}
    models = {entry.frame.model for entry in catalog.entries}
    assert CAMERAS[collection].model in models
    truth = scene_truth(collection, report.names[0], size=SMALL, seed=3)
    assert truth.shape == (*SMALL, 3)


@pytest.mark.parametrize("collection", SCENES)
def test_they_are_ingested_with_the_levels_of_their_cameras(
    made: dict[str, SynthReport], collection: str, tmp_path: Path
) -> None:
    definition = load_definition(collection)
    plan = plan_ingest(definition, made[collection].directory, tmp_path / "a.zarr", Selection())
    report = run_ingest(plan, workers=0)
    assert [one for one in report.left_out if one.kind != "spare-long"] == []
    assert report.added == len(plan.selected)
    assert report.duplicates == 0
    rows = Store(tmp_path / "a.zarr").rows
    if collection == "crvd":
        assert {row.pattern for row in rows} == {"GBRG"}
        assert {(row.black_level, row.white_level) for row in rows} == {((240.0,) * 4, 4095)}
        assert {row.level_source for row in rows} == {
            "definition: GBRG, 12 bits, levels 240 to 4095"
        }
    if collection == "lrd":
        assert {row.black_level[0] for row in rows} == {4096.0, 4104.0}
        assert {row.white_level for row in rows} == {65535}
    if collection == "rawnind":
        assert {len(row.black_level) for row in rows} == {4, 9}
    longs = [row for row in rows if row.role == "long"]
    assert all(row.target_index >= 0 or "X-Trans" in (row.target_note or "") for row in longs)


def test_the_same_arguments_give_the_same_tiff_and_a_second_run_keeps_it(tmp_path: Path) -> None:
    first = make_collection("crvd", tmp_path, scenes=1, size=SMALL, isos=[1600], shots=1)
    before = {name: sha256((tmp_path / name).read_bytes()).digest() for name in first.names}
    assert len(set(before.values())) == 3
    again = make_collection("crvd", tmp_path, scenes=1, size=SMALL, isos=[1600], shots=1)
    assert (again.written, again.kept) == (0, 3)
    other = make_collection("crvd", tmp_path, scenes=1, size=SMALL, isos=[1600], shots=1, seed=1)
    assert other.written == 3
    after = {name: sha256((tmp_path / name).read_bytes()).digest() for name in first.names}
    assert all(after[name] != before[name] for name in before)


def test_noisy_and_clean_frames_are_equally_bright_and_a_take_is_a_video(
    made: dict[str, SynthReport],
) -> None:
    directory = made["crvd"].directory
    noisy, clean = (
        cv2.imread(str(directory / name), cv2.IMREAD_UNCHANGED)
        for name in (
            "indoor_raw_noisy/scene1/ISO3200/frame1_noisy0.tiff",
            "indoor_raw_gt/scene1/ISO3200/frame1_clean_and_slightly_denoised.tiff",
        )
    )
    assert noisy is not None
    assert clean is not None
    assert noisy.dtype == clean.dtype == np.uint16
    assert clean.mean() == pytest.approx(noisy.mean(), rel=0.01)
    assert np.abs(noisy.astype(float) - clean).mean() > 3
    catalog = scan(load_definition("crvd"), directory)
    places = [place_in_video(entry.frame.name) for entry in catalog.entries]
    videos = Counter(place.video for place in places if place is not None)
    assert videos["scene1/ISO1600/noisy0/*.tiff"] == 3
    assert set(videos.values()) == {3}


def test_exposures_of_eld_are_those_of_its_protocol(made: dict[str, SynthReport]) -> None:
    catalog = scan(load_definition("eld"), made["eld"].directory)
    longs = {entry.pair: entry for entry in catalog.entries if entry.role == "long"}
    ratios = []
    for entry in catalog.entries:
        if entry.role == "short" and entry.scene == "SonyA7S2/scene-1":
            exposure, long = entry.frame.exposure, longs[entry.pair].frame.exposure
            ratios.append(
                (long.seconds or 0)
                * (long.iso or 0)
                / (exposure.seconds or 1)
                / (exposure.iso or 1)
            )
    assert ratios == pytest.approx([1, 10, 100, 200] * 3, rel=1e-3)
