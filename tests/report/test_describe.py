"""What is said of a raw file, a store and a collection, against what was put in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rawkit.errors import MissingError, NotRawError, StoreFormatError
from rawkit.report.describe import describe_collection, describe_named, describe_raw, describe_store
from rawkit.sensor import amplification_base, decode
from rawkit.synth import BAYER_PATTERNS
from rawkit.workspace import Workspace
from tests.conftest import SMALL
from tests.support.factories import local, write_noise_dng

pytest_plugins = ("tests.support.fixtures_workspace",)


def test_a_raw_file_is_described_by_what_it_says_and_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    mosaic = write_noise_dng(
        path, shape=(70, 100), pattern=BAYER_PATTERNS["GBRG"], active_area=(4, 2, 67, 99),
        orientation=6, taken="2024:05:06 07:08:09", white_level=16000,
    )  # fmt: skip
    visible = mosaic[4:67, 2:99]
    found = describe_raw(path)
    expected = {
        "kind": "raw file", "path": str(path), "make": "Rawkit", "model": "Test",
        "taken": "2024:05:06 07:08:09", "exposure_time": pytest.approx(0.1), "iso": 400.0,
        "f_number": pytest.approx(4.0), "orientation": 6, "pattern": "GBRG",
        "raw_size": [70, 100], "visible_size": [63, 97], "visible_top_left": [4, 2],
        "pixel_aspect": 1.0, "black_level": [64.0] * 4, "white_level": 16000.0,
        "lowest": int(visible.min()), "highest": int(visible.max()),
        "mean": pytest.approx(visible.mean()),
        "amplification_base": amplification_base(decode(path)), "white_balance_source": "camera",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    # Multipliers are the inverse of the neutral, (0.5, 1, 0.6).
    np.testing.assert_allclose(found["white_balance"], [2, 1, 1 / 0.6, 1], rtol=1e-3)


def test_a_store_is_described_by_its_groups(sid_workspace: Workspace) -> None:
    path = local(sid_workspace.store("sid"))
    found = describe_store(path)
    assert (found["kind"], found["collection"], found["frames"]) == ("store", "sid", 12)
    assert found["duplicates"] == 0
    assert found["bytes"] == sum(
        (Path(folder) / name).stat().st_size for folder, _, names in os.walk(path) for name in names
    )
    (group,) = found["groups"]
    expected = {
        "frames": 12, "shorts": 9, "longs": 3, "pairs": 9, "scenes": 3,
        "splits": {"test": 4, "train": 4, "val": 4}, "isos": {"100": 4, "400": 4, "1600": 4},
        "exposure_times": {"0.03333": 3, "0.04": 3, "0.1": 3, "10": 3},
        "black_levels": {"512 512 512 512": 12}, "white_levels": {"16383": 12},
        "packed": [12, 4, SMALL[0] // 2, SMALL[1] // 2], "target": [3, 3, *SMALL],
    }  # fmt: skip
    assert {name: group[name] for name in expected} == expected
    assert group["ratio"] == pytest.approx([100, 300])


def test_a_collection_is_described_by_names_and_exif_alone(
    mid_folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path)
    workspace.data("mid").parent.mkdir()
    workspace.data("mid").symlink_to(mid_folder)
    found = describe_collection("mid", workspace)
    assert found["title"] == "Matching in the Dark (MID)"
    expected = {
        "kind": "collection", "collection": "mid", "frames": 14, "shorts": 12, "longs": 2,
        "pairs": 12, "scenes": 1, "isos": {"100": 4, "200": 4, "400": 4},
        "exposure_times": {"0.01": 6, "0.5": 6}, "left_out": [], "kinds": {"indoor": 12},
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["bytes"] == sum(path.stat().st_size for path in mid_folder.rglob("*.cr2"))


def test_pairs_that_are_known_to_be_bad_are_named_with_the_reason(tmp_path: Path) -> None:
    found = describe_collection("sid", Workspace(tmp_path))
    assert found["excluded"] == {"Sony/10034, Sony/10045, Sony/10172": "ground truth misaligned"}


def test_a_collection_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    found = describe_named("mid", Workspace(tmp_path))
    assert found["source"] is None
    assert found["store"] is None
    assert "460 GB" in found["obtain"]


def test_names_stand_for_files_then_collections(sid_workspace: Workspace, tmp_path: Path) -> None:
    write_noise_dng(tmp_path / "sid")
    assert describe_named("sid", Workspace(tmp_path))["kind"] == "raw file"
    assert describe_named("sid", sid_workspace)["kind"] == "collection"
    assert describe_named("stores/sid.zarr", sid_workspace)["kind"] == "store"


def test_what_is_neither_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(MissingError, match="no raw file, store or collection 'nonsense'"):
        describe_named("nonsense", workspace)
    (tmp_path / "text.dng").write_text("no picture\n" * 100)
    with pytest.raises(NotRawError):
        describe_named("text.dng", workspace)
    (tmp_path / "other.zarr").mkdir()
    (tmp_path / "other.zarr" / "zarr.json").write_text("{}")
    with pytest.raises(StoreFormatError):
        describe_named("other.zarr", workspace)
