"""The gain that shorts and their longs tell, against what they were made by."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rawkit
from rawkit.calibrate import Matched, Matching, gain_of_pairs, match
from rawkit.catalog import Selection, load_definition
from rawkit.errors import MissingError
from rawkit.ingest import plan_ingest, run_ingest
from rawkit.noise import CameraProfile, read_profile
from rawkit.synth import CAMERAS, make_collection, make_darkroom, of_look_alike, profile_of
from rawkit.synth.cameras import SONY_A7S2, mosaic_of
from rawkit.synth.noise import expose
from rawkit.synth.scene import paint_scene
from rawkit.workspace import Workspace

ISO = 1600
SIZE = (384, 512)
ROOM = 8
SENSOR = SONY_A7S2.sensor
TRUTH = profile_of(SONY_A7S2, [ISO], SIZE)
GAIN = SENSOR.gain(ISO)
DARK = TRUTH.at(ISO).pixel_sigma ** 2 + 1 / 12
Pixels = NDArray[np.uint16]
Change = Callable[[Pixels], Pixels]


@cache
def painted(key: int) -> NDArray[np.float32]:
    """Paint a scene and look at it through the camera's filters."""
    wide = (SIZE[0] + ROOM, SIZE[1] + ROOM)
    kind = ("indoor", "outdoor")[key % 2]
    return mosaic_of(paint_scene(wide, np.random.default_rng(key), kind=kind), SONY_A7S2)


def pair(
    key: int, ratio: float = 100, *, shift: int = 0, change: Change = lambda one: one,
    light: float = 1.0,
) -> Matched:  # fmt: skip
    """Take a short, moved by some pixels or changed, and a long with all of its noise."""
    rng = np.random.default_rng([key, 1])
    scene = painted(key) * np.float32(light * SENSOR.electrons_at_white(ISO))
    at, to = scene[: SIZE[0], : SIZE[1]], scene[shift : SIZE[0] + shift, shift : SIZE[1] + shift]
    long = expose(at, 1.0, ISO, SENSOR, rng)
    short = change(expose(to, 1 / ratio, ISO, SENSOR, rng))
    white = float(SENSOR.white_level(ISO))
    return match(short, TRUTH.mosaic, long, TRUTH.mosaic, 1.0, (white, white))


def found(pairs: list[Matched], *, darkness: bool = True) -> Matching:
    """Return what is found of them; it has to be something."""
    matching = gain_of_pairs(pairs, DARK if darkness else None)
    assert matching is not None
    return matching


@pytest.fixture(scope="module")
def trials() -> list[list[Matched]]:
    """Return five times four pairs."""
    return [[pair(4 * trial + k) for k in range(4)] for trial in range(5)]


def test_gain_is_that_of_the_sensor_and_its_intervals_cover(trials: list[list[Matched]]) -> None:
    all_found = [found(pairs).transfer for pairs in trials]
    gains = np.array([one.gain for one in all_found])
    errors = np.array([one.error for one in all_found])
    np.testing.assert_allclose(gains.mean(axis=1), GAIN, rtol=0.03)
    assert np.mean(np.abs(gains - GAIN) < 1.96 * errors) >= 0.9
    assert errors.max() < 0.03 * GAIN


def test_without_dark_frames_the_noise_in_the_dark_is_found_as_well(
    trials: list[list[Matched]],
) -> None:
    all_found = [found(pairs, darkness=False) for pairs in trials]
    gains = np.array([one.transfer.gain for one in all_found])
    errors = np.array([one.transfer.error for one in all_found])
    np.testing.assert_allclose(gains.mean(axis=1), GAIN, rtol=0.05)
    assert np.mean(np.abs(gains - GAIN) < 1.96 * errors) >= 0.85
    floors = np.array([one.variance for one in all_found])
    np.testing.assert_allclose(np.sqrt(floors.mean(axis=1)), np.sqrt(DARK.mean()), rtol=0.1)
    np.testing.assert_allclose([one.offset for one in all_found], 0, atol=0.5)


def test_the_noise_of_the_long_is_not_counted() -> None:
    # At a ratio of five the long has a fifth of the short's noise, in the short's units.
    transfer = found([pair(k, ratio=5, light=0.1) for k in range(4)]).transfer
    assert transfer.gain.mean() == pytest.approx(GAIN, rel=0.05)


def test_a_camera_that_was_nudged_by_two_pixels_does_no_harm() -> None:
    transfer = found([pair(k, shift=2) for k in range(4)]).transfer
    assert transfer.gain.mean() == pytest.approx(GAIN, rel=0.05)


def test_what_moved_and_what_is_saturated_is_left_out() -> None:
    def moved(short: Pixels) -> Pixels:
        changed = short.copy()
        changed[64:160, 64:200] = np.clip(short[160:256, 264:400] * 1.5, 0, 16383)
        return changed

    transfer = found([pair(k, change=moved, light=3.0) for k in range(6)]).transfer
    assert transfer.gain.mean() == pytest.approx(GAIN, rel=0.05)


def test_a_long_that_is_none_and_a_scene_without_light_tell_nothing() -> None:
    assert not len(pair(1, ratio=2, light=0.3).patches)
    assert gain_of_pairs([pair(1, light=0.0)], DARK) is None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with a store of four scenes."""
    place = tmp_path_factory.mktemp("pairs")
    make_collection("sid", place / "raws", scenes=4, size=SIZE, isos=[ISO], shutters=[0.1])
    workspace = Workspace(place / "workspace")
    plan = plan_ingest(load_definition("sid"), place / "raws", workspace.store("sid"), Selection())
    run_ingest(plan, workers=0)
    return workspace.root


def check(profile: CameraProfile) -> None:
    """Hold the gain of a profile against that of the look-alike's camera."""
    (one,) = profile.isos
    assert one.gain_source == "pairs"
    assert one.gain.array.mean() == pytest.approx(GAIN, rel=0.05)
    within = [low <= GAIN <= high for low, high in zip(one.gain.low, one.gain.high, strict=True)]
    assert sum(within) >= 3


def test_a_store_of_pairs_alone_gives_gain_and_gaussian_noise(store: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.toml"
    profile = rawkit.calibrate("sid", output, workspace=store, workers=0, progress=False)
    check(profile)
    assert any("Gaussian noise of single pixels only" in note for note in profile.notes)
    assert any("K is from 8 pairs of a short and its long" in note for note in profile.notes)
    (one,) = profile.isos
    assert (one.dark_frames, one.flat_frames, profile.ranges) == (0, 0, ())
    np.testing.assert_allclose(one.read_scale.array, TRUTH.at(ISO).read_scale, rtol=0.1)
    again = read_profile(output)
    assert again.notes == profile.notes
    np.testing.assert_allclose(again.at(ISO).gain, profile.at(ISO).gain, rtol=1e-5)
    assert len(again.curves) == 1


def test_dark_frames_beside_a_store_say_the_rest(store: Path, tmp_path: Path) -> None:
    camera = of_look_alike(CAMERAS["sid"], [ISO], SIZE)
    make_darkroom(tmp_path / "dark", camera, frames={"dark": 4, "flat": 0})
    places = ["sid", str(tmp_path / "dark")]
    plan = rawkit.calibrate(places, workspace=store, workers=0, progress=False, dry_run=True)
    (frames,) = plan.frames.isos
    assert (len(frames.dark), len(frames.flat), len(frames.pairs)) == (4, 0, 8)
    profile = rawkit.calibrate(
        places, tmp_path / "x.toml", workspace=store, workers=0, progress=False
    )
    check(profile)
    (one,) = profile.isos
    np.testing.assert_allclose(one.read_scale.array, TRUTH.at(ISO).read_scale, rtol=0.05)
    assert one.row.value[0] == pytest.approx(TRUTH.at(ISO).row, rel=0.15)


def test_shorts_of_a_store_of_scenes_are_no_dark_frames(tmp_path: Path) -> None:
    # The dynamic video has no long, and is as dark as a dark frame.
    make_collection("smid", tmp_path / "raws", scenes=1, size=(128, 192), isos=[800], shots=2)
    workspace = Workspace(tmp_path / "workspace")
    source = tmp_path / "raws"
    plan = plan_ingest(load_definition("smid"), source, workspace.store("smid"), Selection())
    run_ingest(plan, workers=0)
    told = rawkit.calibrate("smid", workspace=workspace.root, workers=0, progress=False,
                            dry_run=True)  # fmt: skip
    assert [len(one.dark) for one in told.frames.isos] == [0]
    with pytest.raises(MissingError, match="no pairs of a short and its long"):
        rawkit.calibrate("smid", workspace=workspace.root, workers=0, progress=False)
