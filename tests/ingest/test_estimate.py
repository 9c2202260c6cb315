"""What a dry run says of bytes and time, against what the ingest then does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rawkit.catalog import Selection, load_definition
from rawkit.ingest import estimate_ingest, plan_ingest, run_ingest
from tests.support.fixtures_cli import run_in

if TYPE_CHECKING:
    from pathlib import Path

MID = load_definition("mid")


def test_bytes_are_about_those_that_are_written(mid_folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "mid.zarr"
    plan = plan_ingest(MID, mid_folder, store, Selection(isos=(100.0,)))
    about = estimate_ingest(plan)
    assert about.sampled == 4
    assert not store.exists()
    report = run_ingest(plan, workers=0)
    assert about.bytes_out == pytest.approx(report.bytes_out, rel=0.25)
    assert about.seconds is not None
    assert about.seconds > 0
    rest = plan_ingest(MID, mid_folder, store, Selection())
    assert estimate_ingest(rest).bytes_out == pytest.approx(
        run_ingest(rest, workers=0).bytes_out, rel=0.25
    )
    done = estimate_ingest(plan_ingest(MID, mid_folder, store, Selection()))
    assert (done.bytes_out, done.seconds, done.sampled) == (0, 0, 0)


def test_twice_the_workers_take_half_the_time(mid_folder: Path, tmp_path: Path) -> None:
    plan = plan_ingest(MID, mid_folder, tmp_path / "mid.zarr", Selection())
    one, eight = (estimate_ingest(plan, workers).seconds for workers in (1, 80))
    assert one is not None
    assert eight is not None
    assert eight < one


def test_frames_that_cannot_be_decoded_leave_it_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"no picture")
    (tmp_path / "b.dng").write_bytes(b"nor this")
    plan = plan_ingest(load_definition("folder"), tmp_path, tmp_path / "s.zarr", Selection())
    about = estimate_ingest(plan)
    assert (about.bytes_out, about.seconds, about.sampled) == (None, None, 0)
    nothing = estimate_ingest(replace(plan, wanted=()))
    assert (nothing.bytes_out, nothing.seconds) == (0, 0)


def test_a_dry_run_says_about(mid_folder: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    ended = run_in(tmp_path, "ingest", "mid", "--source", mid_folder, "--dry-run")
    assert ended.code == 0
    lines = dict(line.split("  ", 1) for line in ended.out.splitlines())
    assert lines["would be written"].strip().startswith("about ")
    assert lines["would take"].strip().startswith("about ")
    assert set(tmp_path.iterdir()) == before
