"""Weights adapted to a camera: which photos are pairs, and what comes of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rawkit
from rawkit.adapt import AdaptPlan, AdaptReport, PairRules, plan_adaptation, run_adaptation
from rawkit.adapt.definition import definition_text
from rawkit.adapt.pairs import Found, scenes_of
from rawkit.adapt.photos import Photo, likeness
from rawkit.adapt.tune import spent_in
from rawkit.catalog import load_definition, scan
from rawkit.errors import MissingError, SelectionError, UsageError
from rawkit.models import build, load_weights, save_safetensors
from rawkit.sensor import Exposure
from rawkit.synth import make_collection
from rawkit.workspace import Workspace
from tests.support.weights import write_untaught

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.usefixtures("one_torch_thread")
TERMS = "for looking at only"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes, each with much and with little light, and files that are none of that."""
    folder = tmp_path_factory.mktemp("raw")
    made = make_collection("sid", folder / "made", scenes=3, size=(192, 288), seed=3, shots=1,
                           shutters=(0.5,), isos=(100,))  # fmt: skip
    taken = folder / "photos"
    taken.mkdir()
    for number, name in enumerate(made.names):
        shutil.copy(made.directory / name, taken / f"IMG_{number:04d}.dng")
    (taken / "notes.txt").write_text("not a photo")
    (taken / "broken.dng").write_bytes((taken / "IMG_0000.dng").read_bytes()[:3000])
    return taken


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights that know nothing."""
    return write_untaught(tmp_path_factory.mktemp("start") / "start.safetensors", TERMS)


@pytest.fixture
def plan(photos: Path, weights: Path, tmp_path: Path) -> AdaptPlan:
    """Return a plan whose folder is new."""
    return plan_adaptation(Workspace(tmp_path), photos, weights)


def adapted(plan: AdaptPlan, minutes: float) -> AdaptReport:
    report = run_adaptation(
        plan, minutes=minutes, workers=0, settings={"crop": 64, "ms_ssim_weight": 0.0}
    )
    assert report is not None
    return report


def test_pairs_are_found_and_the_others_named(plan: AdaptPlan, tmp_path: Path) -> None:
    assert (len(plan.found.scenes), plan.found.pairs) == (3, 3)
    assert sum(scene.held_back for scene in plan.found.scenes) == 1
    assert all(scene.long.light > 4 * scene.shorts[0].light for scene in plan.found.scenes)
    left = {one.name: one.reason for one in plan.found.left_out}
    assert "broken.dng" in left
    assert not list(tmp_path.iterdir())  # a plan writes nothing


def test_the_definition_names_those_files_and_no_others(
    plan: AdaptPlan, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.toml"
    path.write_text(plan.definition)
    entries = scan(load_definition(str(path)), photos).entries
    held = {one.long.name for one in plan.found.scenes if one.held_back}
    assert {one.source for one in entries if one.role == "long"} == {
        scene.long.name for scene in plan.found.scenes
    }
    assert {one.source for one in entries if one.role == "long" and one.split == "val"} == held
    below = photos.parent / "deeper"
    shutil.copytree(photos, below / "sub", dirs_exist_ok=True)
    with pytest.raises(MissingError):
        scan(load_definition(str(path)), below)


def test_weights_become_better_and_a_second_call_has_nothing_to_do(plan: AdaptPlan) -> None:
    report = adapted(plan, 0.1)
    assert report.steps > 0
    assert (report.scenes, report.pairs) == ((2, 1), (2, 1))
    assert report.licence == TERMS
    assert report.after.psnr - max(report.sensor.psnr, report.network.psnr) == report.gain
    assert report.adapted == (report.gain > 0)
    stored = json.loads((report.folder / "report.json").read_bytes())
    assert stored["gain"] == report.gain
    if report.adapted:
        assert load_weights(report.weights).licence == TERMS
    spent = spent_in(plan.workspace)
    again = adapted(plan, 0.1)
    assert (again.steps, again.after) == (report.steps, report.after)
    assert spent_in(plan.workspace) == spent


def test_weights_that_are_no_better_are_not_kept(plan: AdaptPlan, weights: Path) -> None:
    report = run_adaptation(
        plan, minutes=0.001, workers=0,
        settings={"crop": 64, "ms_ssim_weight": 0.0, "learning_rate": 1e-12, "balance": False},
    )  # fmt: skip
    assert report is not None
    if report.gain <= 0:
        assert (report.adapted, report.weights) == (False, weights)
        assert not (report.folder / "weights.safetensors").exists()


def test_what_cannot_be_adapted_is_refused(photos: Path, weights: Path, tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    with pytest.raises(MissingError, match="no such folder"):
        plan_adaptation(place, tmp_path / "gone", weights)
    with pytest.raises(MissingError, match="no such file"):
        plan_adaptation(place, photos, weights, profile=tmp_path / "camera.toml")
    raw = tmp_path / "raw.safetensors"
    save_safetensors(raw, "raw-unet", build("raw-unet").state_dict(), {})
    with pytest.raises(UsageError, match="weights of raw-unet to adapt"):
        plan_adaptation(place, photos, raw)
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(photos / "IMG_0000.dng", few)
    with pytest.raises(SelectionError, match="no scene"):
        plan_adaptation(place, few, weights)
    with pytest.raises(UsageError, match="least_ratio"):
        PairRules(least_ratio=0.5)


def photo(name: str, picture: np.ndarray, seconds: float, at: float | None = 0.0) -> Photo:
    scale = np.float32(seconds / 10)
    return Photo(name, "camera", at, Exposure(seconds, 100, 4.0), picture * scale, (64, 96), 0.0)


def test_exposure_time_and_framing_decide() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.random((16, 24)).astype(np.float32) for _ in range(2))
    found = [
        photo("a1", one, 10.0), photo("a2", one, 0.1), photo("a3", one, 8.0),
        photo("b1", other, 10.0), photo("b2", other, 0.1), photo("late", other, 0.2, at=3600.0),
    ]  # fmt: skip
    assert likeness(found[0], found[1]) > 0.99
    assert abs(likeness(found[0], found[3])) < 0.3
    scenes, left = scenes_of(found, PairRules())
    assert [(one.long.name, [short.name for short in one.shorts]) for one in scenes] == [
        ("a1", ["a2"]), ("b1", ["b2"]),
    ]  # fmt: skip
    assert {one.name: one.kind for one in left} == {"a3": "exposure", "late": "alone"}
    burnt = [replace(found[0], clipped=0.5), *found[1:3]]
    scenes, left = scenes_of(burnt, PairRules())
    assert [one.long.name for one in scenes] == ["a3"]
    assert left[0].kind == "clipped"
    assert "{{odd}}" in definition_text(
        Found(tuple(replace(s, long=replace(s.long, name="{odd}.dng")) for s in scenes), ())
    )


def test_the_command_says_the_pairs(photos: Path, weights: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from rawkit.cli import main

    found: Result = CliRunner().invoke(
        main, ["--workspace", str(tmp_path), "adapt", str(photos), "--weights", str(weights),
               "--dry-run", "--json"],
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert len(told["scenes"]) == 3
    assert told["licence"] == TERMS
    by_library = rawkit.adapt(photos, weights, dry_run=True, workspace=tmp_path, progress=False)
    assert isinstance(by_library, AdaptPlan)
    assert by_library.found.pairs == 3
