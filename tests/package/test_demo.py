"""The demo, smaller than it ships: from nothing to a contact sheet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import pytest

from rawkit.demo import FIGURES, RESTORED, SHEET, run_demo
from rawkit.errors import UsageError
from rawkit.pipeline import find_pipeline, load_pipeline
from rawkit.train import LAST, load_checkpoint
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("scenes=4", "height=128", "width=192", "steps=3", "crop=32", "batch=2")
"""What ships, made a matter of seconds."""


def test_the_demo_makes_a_sheet_of_held_out_frames_with_figures(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "demo")
    said: list[str] = []
    report = run_demo(workspace, sets=SMALL, say=said.append)
    assert report.sheet == tmp_path / "demo" / SHEET
    sheet = cv2.imread(str(report.sheet))
    assert sheet is not None
    assert sheet.shape[1] > 3 * 192
    assert sheet.std() > 10
    assert report.frames
    for frame in report.frames:
        assert frame.name.startswith("Sony/short/1")  # the test split
        for figures in (frame.plain, frame.restored):
            assert 0 < figures[0] < 60
            assert -1 <= figures[1] <= 1
    pictures = list((workspace.root / RESTORED).glob("*.png"))
    assert len(pictures) == len(report.frames)
    assert len(json.loads((workspace.root / FIGURES).read_text())) == len(report.frames)
    (run,) = (workspace.root / "runs").iterdir()
    assert load_checkpoint(run / LAST).step == 3
    commands = [line.split()[1] for line in said]
    assert commands == ["synth", "ingest", "subset", "train", "restore", "contact"]
    # A second time: everything is kept, and the figures are the same.
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*") if path.is_file()}
    said.clear()
    assert run_demo(workspace, sets=SMALL, say=said.append) == report
    assert said == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_demo_leaves_folders_alone_that_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(UsageError, match="a folder that holds something else"):
        run_demo(Workspace(tmp_path), say=lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_shipped_demo_is_about_a_minute_of_l1_at_a_high_rate() -> None:
    shipped = load_pipeline(find_pipeline("demo"))
    steps = {one.name: one.step for one in shipped.steps}
    assert shipped.settings["minutes"] <= 2
    assert steps["train"].ms_ssim == 0  # type: ignore[attr-defined] # of train
    assert steps["look-alike"].collection == "sid"  # type: ignore[attr-defined] # of synth
