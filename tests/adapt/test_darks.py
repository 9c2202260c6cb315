"""Weights adapted with dark photos that are made of well-lit ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rawkit.adapt import AdaptPlan, plan_adaptation, run_adaptation
from rawkit.adapt.darks import RATIOS, make_darks
from rawkit.errors import SelectionError
from rawkit.models import load_weights
from rawkit.noise import CameraProfile, read_profile, write_profile
from rawkit.progress import SILENT
from rawkit.sensor import gain_ratio, open_raw, pack
from rawkit.synth import CAMERAS, make_collection, profile_of
from rawkit.workspace import Workspace
from tests.support.weights import write_untaught

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_torch_thread")
SIZE = (192, 288)
ISOS = (100.0, 1600.0)
TERMS = "for looking at only"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four well-lit scenes, one dark photo, and one of another camera."""
    folder = tmp_path_factory.mktemp("raw")
    made = make_collection("sid", folder / "made", scenes=4, size=SIZE, seed=3, shots=1,
                           shutters=(0.1,), isos=(100,))  # fmt: skip
    other = make_collection("mid", folder / "other", scenes=1, size=SIZE, seed=9)
    taken = folder / "photos"
    taken.mkdir()
    longs = sorted(name for name in made.names if "long" in name)
    dark = next(name for name in made.names if "short" in name)
    for number, name in enumerate([*longs, dark]):
        shutil.copy(made.directory / name, taken / f"IMG_{number:04d}.dng")
    shutil.copy(other.directory / other.names[0], taken / "other.dng")
    return taken


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the noise of their camera."""
    path = tmp_path_factory.mktemp("cameras") / "sony.toml"
    write_profile(profile_of(CAMERAS["sid"], ISOS, SIZE), path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return weights that know nothing."""
    return write_untaught(
        tmp_path_factory.mktemp("start") / "start.safetensors", "for looking at only"
    )


@pytest.fixture
def plan(photos: Path, weights: Path, profile: Path, tmp_path: Path) -> AdaptPlan:
    """Return a plan whose folder is new."""
    return plan_adaptation(Workspace(tmp_path), photos, weights, profile=profile)


def test_well_lit_photos_of_the_camera_are_taken_and_the_others_named(
    plan: AdaptPlan, tmp_path: Path
) -> None:
    assert len(plan.found.scenes) == 4
    assert not any(scene.shorts for scene in plan.found.scenes)
    left = {one.name: one.kind for one in plan.found.left_out}
    assert left == {"IMG_0004.dng": "dark", "other.dng": "camera"}
    held = [scene.long.name for scene in plan.found.scenes if scene.held_back]
    assert [(one.long, one.ratio) for one in plan.darks] == [
        (name, ratio) for name in held for ratio in RATIOS
    ]
    assert not list(tmp_path.iterdir())  # a plan writes nothing


def test_a_dark_photo_is_the_long_in_less_light_with_the_noise_of_the_profile(
    plan: AdaptPlan, photos: Path, profile: Path, tmp_path: Path
) -> None:
    camera = read_profile(profile)
    make_darks(plan.darks, photos, tmp_path, camera, max_ram=10**9, progress=SILENT)
    for one in plan.darks:
        with open_raw(photos / one.long) as raw:
            long = raw.image()
        with open_raw(tmp_path / one.name) as raw:
            dark = raw.image()
        assert dark.mosaic == long.mosaic
        assert dark.white_balance.multipliers == pytest.approx(long.white_balance.multipliers)
        assert gain_ratio(dark.exposure, long.exposure) == pytest.approx(one.ratio, rel=1e-3)
        noise = camera.at(one.iso)
        bright, short = (
            pack(image.pixels, image.mosaic.phase).astype(np.float64) for image in (long, dark)
        )
        black = np.array(long.mosaic.black_level)[:, None, None]
        expected = np.clip(bright - black, 0, None) / one.ratio
        sigma = np.sqrt(expected * noise.gain[:, None, None] + noise.sigma[:, None, None] ** 2)
        deviation = (short - black - noise.bias[:, None, None] - expected) / sigma
        assert abs(deviation.mean()) < 0.05
        assert deviation.std() == pytest.approx(1.0, abs=0.05)
    before = {one.name: (tmp_path / one.name).read_bytes() for one in plan.darks}
    (tmp_path / plan.darks[0].name).unlink()
    make_darks(plan.darks, photos, tmp_path, camera, max_ram=10**9, progress=SILENT)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_weights_are_adapted_and_measured_on_photos_held_back(plan: AdaptPlan) -> None:
    report = run_adaptation(
        plan, minutes=0.1, workers=0, settings={"crop": 64, "ms_ssim_weight": 0.0}
    )
    assert report is not None
    assert report.made
    assert report.steps > 0
    assert (report.scenes, report.pairs) == ((3, 1), (3, len(RATIOS)))
    settings = json.loads((report.folder / "runs/adapted/settings.json").read_bytes())
    assert (settings["shorts"], settings["profile"]) == ("synthetic", str(plan.profile))
    if report.adapted:
        assert load_weights(report.weights).licence == TERMS


def test_another_camera_s_profile_finds_nothing(
    photos: Path, weights: Path, profile: Path, tmp_path: Path
) -> None:
    camera: CameraProfile = replace(read_profile(profile), make="Acme", model="Dark 1")
    write_profile(camera, tmp_path / "acme.toml")
    with pytest.raises(SelectionError, match=r"no well-lit scene.*Acme Dark 1"):
        plan_adaptation(Workspace(tmp_path), photos, weights, profile=tmp_path / "acme.toml")
