"""``rawkit verify --pairs`` from raw files on, and who heeds its list."""

import json
from pathlib import Path

import numpy as np
import pytest

from rawkit import api
from rawkit.store import open_writer
from rawkit.subset import load_subset
from rawkit.synth import make_collection
from rawkit.synth._shots import Wishes
from tests.support.factories import add_frame, frame_row
from tests.support.faults import Fault, put_fault
from tests.support.fixtures_cli import run_in
from tests.support.paired_stores import paired_store

SIZE = (384, 512)
WISHES = Wishes(3, 0, None, None, 1)
SHIFTED = "Sony/short/00001_00_0.1s.ARW"
MISTAKEN = "Sony/short/00001_00_0.04s.ARW"


@pytest.fixture(scope="module")
def faulty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    data = root / "data/sid"
    make_collection("sid", data, scenes=3, size=SIZE, shots=1)
    for name, fault in ((SHIFTED, Fault("shift", 2.0)), (MISTAKEN, Fault("exif", 2.0))):
        put_fault(data, "sid", name, fault, wishes=WISHES, size=SIZE)
    api.ingest("sid", workspace=root, workers=0, progress=False)
    ended = run_in(root, "verify", "sid", "--pairs")
    assert ended.code == 1, ended.err
    assert "9 pairs compared, 2 bad" in ended.out
    assert "by EXIF 250 x" in ended.out
    return root


def test_the_list_has_a_page_beside_it_and_is_json_on_demand(faulty_workspace: Path) -> None:
    ended = run_in(faulty_workspace, "verify", "sid", "--pairs", "--json")
    (told,) = json.loads(ended.out)
    assert {one["frame"]: one["reasons"] for one in told["bad"]} == {
        SHIFTED: ["shift"], MISTAKEN: ["exposure"],
    }  # fmt: skip
    assert told["measured_before"] == 9
    assert told["bad"][0]["gain_by_exif"] == pytest.approx(250)
    assert Path(told["page"]).stat().st_size > 10_000
    good = run_in(faulty_workspace, "verify", "sid", "--pairs", "--scene", "10001")
    assert good.code == 0
    assert "3 pairs compared, 0 bad" in good.out


def test_subsets_record_what_they_leave_out(faulty_workspace: Path) -> None:
    options = ("subset", "--without-excluded", "--name", "good", "--json")
    ended = run_in(faulty_workspace, *options)
    assert ended.code == 0, ended.err
    subset = load_subset(faulty_workspace / "subsets/good.parquet")
    assert subset.selection.bad == tuple(sorted((f"sid:{MISTAKEN}", f"sid:{SHIFTED}")))
    assert len(subset.frames) == 7 + 3
    assert api.subset(name="same", workspace=faulty_workspace, without_excluded=True).frames == (
        subset.frames
    )


def test_ingest_and_scan_heed_the_list(faulty_workspace: Path) -> None:
    plan = run_in(
        faulty_workspace, "--stores", faulty_workspace / "other", "ingest", "sid", "--dry-run",
        "--without-excluded", "--json",
    )  # fmt: skip
    assert plan.code == 0, plan.err
    scan = run_in(faulty_workspace, "scan", "sid", "--without-excluded", "--json")
    assert json.loads(scan.out)["filtered"] == {"without-excluded": 2}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pairs", "--repair"), "--repair and --refill do not go with --pairs"),
        (("--max-shift", "1"), "--max-shift goes with --pairs alone"),
        (("--iso", "100"), "--iso goes with --pairs alone"),
    ],
)
def test_options_that_would_be_passed_over_are_refused(
    faulty_workspace: Path, options: tuple[str, ...], said: str
) -> None:
    ended = run_in(faulty_workspace, "verify", *options)
    assert ended.code == 2
    assert said in ended.err


def test_a_store_without_pairs_is_passed_over_beside_others(tmp_path: Path) -> None:
    paired_store(tmp_path / "stores/sid.zarr", {"a": Fault("none")})
    with open_writer(
        tmp_path / "stores/folder.zarr", attributes={"collection": "folder"}, target={}
    ) as writer:
        add_frame(writer, frame_row(), np.zeros((4, 4, 6), np.uint16))
    ended = run_in(tmp_path, "verify", "--pairs")
    assert ended.code == 0
    assert "2 pairs compared, 0 bad" in ended.out
    assert "passed over" in ended.err
    assert run_in(tmp_path, "verify", "folder", "--pairs").code == 1
