"""Levels that do not fit the pixels, and levels that override the file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.catalog import Selection
from rawkit.catalog.definition import Definition
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.sensor import Levels, RenderParameters, check_levels, decode, open_raw
from rawkit.sensor.checks import _median
from rawkit.store import Store
from rawkit.synth import DngMeta, write_dng

if TYPE_CHECKING:
    from pathlib import Path

TRUE_BLACK = 2048
MARGIN = 16


def write_dark(path: Path, *, says: float, signal: float = 3.0, masked: float = TRUE_BLACK) -> None:
    """Write a dark frame of true black 2048, masked columns at its left, that says another."""
    path.parent.mkdir(exist_ok=True)
    generator = np.random.default_rng(1)
    pixels = generator.normal(TRUE_BLACK + signal, 10, (96, 160))
    pixels[:, :MARGIN] = generator.normal(masked, 10, (96, MARGIN))
    meta = DngMeta(
        "Canon", "Canon EOS 5D Mark IV", iso=400, seconds=0.1, black_level=says,
        active_area=(0, MARGIN, 96, 160), as_shot_neutral=(0.5, 1.0, 0.7),
    )  # fmt: skip
    write_dng(path, np.clip(np.round(pixels), 0, 16383).astype(np.uint16), meta)


@pytest.mark.parametrize("signal", [0.0, 3.0, 200.0])
def test_honest_dark_frames_are_not_warned_about(tmp_path: Path, signal: float) -> None:
    write_dark(tmp_path / "a.dng", says=TRUE_BLACK, signal=signal)
    assert check_levels(decode(tmp_path / "a.dng")).warning is None


def test_a_black_level_above_the_picture_is_named(tmp_path: Path) -> None:
    write_dark(tmp_path / "a.dng", says=2500)
    warning = check_levels(decode(tmp_path / "a.dng")).warning
    assert warning is not None
    assert "black level is 2500" in warning
    suspected = int(warning.rpartition(" ")[2])
    assert abs(suspected - TRUE_BLACK) < 10


def test_a_black_level_below_the_masked_border_is_named(tmp_path: Path) -> None:
    write_dark(tmp_path / "a.dng", says=512)
    warning = check_levels(decode(tmp_path / "a.dng")).warning
    assert warning is not None
    assert "masked border" in warning
    assert abs(int(warning.rpartition(" ")[2]) - TRUE_BLACK) < 3


def test_the_saturated_share_counts_pixels_at_the_white_level(tmp_path: Path) -> None:
    pixels = np.full((32, 32), 1000, np.uint16)
    pixels[:8] = 16383
    write_dng(tmp_path / "a.dng", pixels, DngMeta("Maker", "Model", black_level=64))
    assert check_levels(decode(tmp_path / "a.dng")).saturated_share == pytest.approx(0.25)


def test_overridden_levels_reach_planes_and_libraw(tmp_path: Path) -> None:
    write_dark(tmp_path / "wrong.dng", says=512, signal=500)
    write_dark(tmp_path / "right.dng", says=TRUE_BLACK, signal=500)
    with open_raw(tmp_path / "wrong.dng") as raw:
        image = raw.image(Levels(TRUE_BLACK, None))
        mended = raw.render(RenderParameters(), levels=Levels(TRUE_BLACK, None))
    assert image.mosaic.black_level == (float(TRUE_BLACK),) * 4
    with open_raw(tmp_path / "right.dng") as raw:
        right = raw.render(RenderParameters())
    with open_raw(tmp_path / "wrong.dng") as raw:
        wrong = raw.render(RenderParameters())
    np.testing.assert_array_equal(mended, right)
    assert not np.array_equal(wrong, right)


def test_a_definition_overrides_levels_by_camera_and_iso_and_says_why(tmp_path: Path) -> None:
    write_dark(tmp_path / "data" / "a.dng", says=512)
    definition = Definition.model_validate(
        {
            "name": "mine",
            "title": "Mine",
            "files": [{"role": "short", "pattern": r"(?P<file>.+\.dng)", "scene": "{folder}"}],
            "split": {"by": "hash"},
            "levels": [
                {"camera": "Nikon*", "black": 100, "reason": "another camera"},
                {"camera": "*5D Mark IV", "iso": [400], "black": TRUE_BLACK, "reason": "bad tags"},
            ],
        }
    )
    plan = plan_ingest(definition, tmp_path / "data", tmp_path / "mine.zarr", Selection())
    report = run_ingest(plan, workers=0)
    (row,) = Store(tmp_path / "mine.zarr").rows
    assert row.black_level == (float(TRUE_BLACK),) * 4
    assert row.level_source == "definition: bad tags"
    assert row.level_warning is None
    assert report.warnings == []


def test_a_file_whose_levels_do_not_fit_is_ingested_with_a_warning(tmp_path: Path) -> None:
    write_dark(tmp_path / "data" / "a.dng", says=512)
    definition = Definition.model_validate(
        {
            "name": "mine",
            "title": "Mine",
            "files": [{"role": "short", "pattern": r"(?P<file>.+\.dng)", "scene": "{folder}"}],
            "split": {"by": "hash"},
        }
    )
    plan = plan_ingest(definition, tmp_path / "data", tmp_path / "mine.zarr", Selection())
    report = run_ingest(plan, workers=0)
    assert report.added == 1
    assert [warning.kind for warning in report.warnings] == ["level"]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_the_median_of_a_histogram_is_that_of_its_values(values: list[int]) -> None:
    counts = np.bincount(values)
    levels = np.flatnonzero(counts)
    median = _median(levels, counts[levels])
    assert median == np.median(values)
    deviations = np.abs(np.array(values) - median)
    assert _median(np.abs(levels - median), counts[levels]) == np.median(deviations)
