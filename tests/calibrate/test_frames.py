"""Frames are told apart by their pixels, and what is missing is said in words."""

from dataclasses import replace

import numpy as np
import pytest

from rawkit.calibrate import Look, agreed, look_at
from rawkit.calibrate.plan import plan_frames
from rawkit.calibrate.work import Unread
from rawkit.errors import MissingError, UsageError
from rawkit.sensor import Exposure, RawImage, WhiteBalance
from rawkit.synth import KnownCamera, known_camera


@pytest.fixture(scope="module")
def camera() -> KnownCamera:
    """Return a small camera."""
    return known_camera("clean", (240, 320))


def look(camera: KnownCamera, light: object, name: str = "a", iso: float = 1600) -> Look:
    """Take a frame and look at it."""
    rng = np.random.default_rng(list(name.encode()))
    pixels = camera.expose(iso, light, rng)  # type: ignore[arg-type]
    image = RawImage(
        pixels, camera.profile.mosaic, WhiteBalance((1.0,) * 4, "unknown"),
        Exposure(None, None, None),
    )  # fmt: skip
    return look_at(image, name, camera.profile.make, camera.profile.model, iso)


def test_kinds_are_told_by_pixels(camera: KnownCamera) -> None:
    view = camera.view(1600, 0.7, np.random.default_rng(1))
    found = {
        "dark": look(camera, 0.0), "flat": look(camera, camera.wall(1600)),
        "clipped": look(camera, camera.wall(1600, 1.4)), "ordinary": look(camera, view),
    }  # fmt: skip
    assert {name: one.kind for name, one in found.items()} == {name: name for name in found}
    assert found["clipped"].saturation == 15600
    assert found["dark"].saturation is None
    assert look(camera, view * 0.01).kind == "ordinary"


def test_a_wall_that_is_lit_from_one_side_is_not_flat(camera: KnownCamera) -> None:
    slope = np.linspace(0.1, 1, 320)[None, :]
    found = look(camera, camera.wall(1600) * slope)
    assert found.kind == "unusable"
    assert "not flat" in found.reason


def test_light_that_gets_in_and_warmth_are_found_among_dark_frames(camera: KnownCamera) -> None:
    corner = np.zeros((240, 320))
    corner[:60, :80] = 4.0
    looks = [look(camera, 0.0, f"{k}") for k in range(6)]
    looks += [look(camera, corner, "leak"), look(camera, 1.5, "warm")]
    judged = {one.name: one for one in agreed(looks)}
    assert [name for name, one in judged.items() if one.kind != "dark"] == ["leak", "warm"]
    assert "light got in" in judged["leak"].reason
    assert "drifted" in judged["warm"].reason


def test_what_is_missing_is_said(camera: KnownCamera) -> None:
    dark = look(camera, 0.0)
    flat = look(camera, camera.wall(1600))
    looks = [replace(dark, name=f"d{iso}{k}", iso=iso) for iso in (400.0, 1600.0) for k in range(3)]
    looks += [replace(flat, name=f"f{k}", iso=400.0) for k in range(2)]
    looks += [replace(flat, name=f"g{k}", iso=100.0) for k in range(2)]
    plan = plan_frames([*looks, Unread("x.txt", "not raw")], "here", None)
    assert "ISO 1600 has no flat frames; K is interpolated" in plan.notes
    assert any("ISO 100 has no dark frames: it is left out" in note for note in plan.notes)
    assert [one.name for one in plan.refused] == ["x.txt"]


def test_frames_that_do_not_suffice_are_refused(camera: KnownCamera) -> None:
    dark, flat = look(camera, 0.0), look(camera, camera.wall(1600))
    with pytest.raises(MissingError, match=r"one dark frame of ISO 1600.*at least two dark"):
        plan_frames([dark, flat], "here", None)
    with pytest.raises(MissingError, match="no two flat frames"):
        plan_frames([dark, replace(dark, name="b")], "here", None)
    with pytest.raises(UsageError, match=r"2 cameras.*--camera"):
        plan_frames([dark, replace(dark, model="Other")], "here", None)
    chosen = [replace(dark, name="b", make="B", model="Other"), dark]
    with pytest.raises(UsageError, match="no frame of a camera 'third'"):
        plan_frames(chosen, "here", "third")
