"""A camera is calibrated within a study, from dark and flat frames that are made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from rawkit.noise import read_profile
from rawkit.pipeline.artefact import Artefact
from rawkit.pipeline.calibrate_steps import CalibrateStep, DarkroomStep
from rawkit.pipeline.step import Context
from rawkit.progress import SILENT
from rawkit.synth import CAMERAS, profile_of
from rawkit.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

ISOS = (100, 1600)


def test_dark_and_flat_frames_of_a_look_alike_give_back_its_noise(tmp_path: Path) -> None:
    context = Context(Workspace(tmp_path), "study", "0", {}, ours=False, progress=SILENT)
    made = DarkroomStep(collection="sid", folder="dark", isos=ISOS, dark=6)
    found = CalibrateStep(frames="dark", profile="cameras/sid.toml")
    assert made.outputs() == found.inputs() == [Artefact("folder", "dark")]
    made.perform(context)
    found.perform(context)
    profile = read_profile(tmp_path / "cameras/sid.toml")
    known = profile_of(CAMERAS["sid"], ISOS, (480, 640))
    assert profile.camera == known.camera
    for one, other in zip(profile.isos, known.isos, strict=True):
        assert one.iso == other.iso
        assert one.gain.array == pytest.approx(other.gain.array, rel=0.05)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValidationError, match="should be one of"):
        DarkroomStep(collection="nothing", folder="dark", isos=ISOS)
    with pytest.raises(ValidationError, match="toml"):
        CalibrateStep(frames="dark", profile="camera.json")
