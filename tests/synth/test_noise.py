"""The sensor model against its own prediction, and the scenes it looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.synth import (
    CAMERAS,
    Camera,
    Level,
    SensorModel,
    expose,
    mosaic_of,
    paint_scene,
    predict_flat_patch,
    view_of,
)
from rawkit.synth.noise import ROUNDING_VARIANCE
from rawkit.synth.scene import KINDS, canvas_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (600, 400)
FIRST = {name: CAMERAS[name] for name in ("sid", "mid", "smid")}
SENSORS = {name: camera.sensor for name, camera in FIRST.items()}


def flat(electrons_a_second: float) -> NDArray[np.float32]:
    return np.full(SHAPE, electrons_a_second, np.float32)


@pytest.mark.parametrize("collection", FIRST)
@pytest.mark.parametrize("iso", [100, 400, 1600, 12800])
@pytest.mark.parametrize("electrons", [0.5, 12.0, 60.0, 300.0])
def test_mean_and_variance_are_as_predicted(collection: str, iso: int, electrons: float) -> None:
    sensor, seconds = SENSORS[collection], 0.04
    light = min(electrons, 0.5 * sensor.electrons_at_white(iso)) / seconds
    pixels = expose(flat(light), seconds, iso, sensor, np.random.default_rng(iso)).astype(float)
    mean, variance = predict_flat_patch(light, seconds, iso, sensor)
    row_variance = (sensor.gain(iso) * sensor.row_noise) ** 2
    deviation = np.sqrt(variance / pixels.size + row_variance / SHAPE[0])
    assert abs(pixels.mean() - mean) < 5 * deviation
    # Row offsets are few, so the variance between rows is known less well than that within them.
    assert pixels.var() == pytest.approx(variance, rel=0.02, abs=0.3 * row_variance)


@pytest.mark.parametrize("iso", [100, 400, 1600])
@pytest.mark.parametrize("electrons", [5.0, 500.0, 5000.0])
def test_a_long_has_photon_noise_alone(iso: int, electrons: float) -> None:
    sensor = SENSORS["sid"]
    generator = np.random.default_rng(iso)
    pixels = expose(flat(electrons / 10), 10, iso, sensor, generator, read_noise=False)
    mean, variance = predict_flat_patch(electrons / 10, 10, iso, sensor, read_noise=False)
    # No read noise fills the steps of single electrons, so rounding may go along with them.
    assert pixels.mean() == pytest.approx(mean, abs=0.5)
    assert pixels.std() == pytest.approx(np.sqrt(variance), rel=0.01, abs=0.5)
    assert pixels.mean(axis=1).std() < 3 * np.sqrt(variance / SHAPE[1])


def test_rounding_counts_in_the_variance() -> None:
    sensor = SensorModel(1e5, 100, 0, 0.6, 0, (Level(0, 512),), (Level(0, 16383),), 14)
    pixels = expose(flat(0.5), 1, 100, sensor, np.random.default_rng(0))
    _, variance = predict_flat_patch(0.5, 1, 100, sensor)
    assert variance - ROUNDING_VARIANCE < 0.4
    assert pixels.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("iso", [100, 3200])
def test_row_noise_is_shared_by_a_row(iso: int) -> None:
    sensor = SENSORS["mid"]
    pixels = expose(flat(0), 0.1, iso, replace(sensor, row_noise=8.0), np.random.default_rng(1))
    between_rows = pixels.mean(axis=1).std()
    assert between_rows == pytest.approx(8 * sensor.gain(iso), rel=0.15)
    assert pixels.mean(axis=0).std() < 0.3 * between_rows


def test_gain_follows_iso_and_full_well() -> None:
    sensor = SENSORS["sid"]
    assert sensor.gain(1600) == pytest.approx(16 * sensor.gain(100))
    assert sensor.electrons_at_white(100) == pytest.approx(sensor.full_well)
    assert sensor.electrons_at_white(1600) == pytest.approx(sensor.full_well / 16)


def test_black_and_white_levels_by_iso() -> None:
    sensor = SENSORS["mid"]
    blacks = {iso: sensor.black_level(iso) for iso in (50, 100, 200, 399, 400, 12800)}
    assert blacks == {50: 512, 100: 512, 200: 512, 399: 512, 400: 2048, 12800: 2048}
    assert sensor.white_level(12800) == 16383
    assert SENSORS["sid"].black_level(800) == 512
    assert SENSORS["smid"].black_level(800) == 800
    assert SENSORS["smid"].white_level(800) == 16300


@pytest.mark.parametrize("collection", FIRST)
def test_values_stay_between_zero_and_white(collection: str) -> None:
    sensor = SENSORS[collection]
    noisy = replace(sensor, late_noise=2000.0)
    pixels = expose(flat(0), 1, 100, noisy, np.random.default_rng(2))
    assert pixels.min() == 0
    bright = expose(flat(1e9), 1, 100, sensor, np.random.default_rng(2))
    assert set(np.unique(bright)) == {sensor.white_level(100)}


def test_without_noise_the_mean_is_rounded() -> None:
    sensor = SENSORS["sid"]
    pixels = expose(flat(1000), 0.1, 400, sensor, np.random.default_rng(3), noise=False)
    mean, _ = predict_flat_patch(1000, 0.1, 400, sensor)
    assert set(np.unique(pixels)) == {round(mean)}


def test_the_generator_alone_decides() -> None:
    sensor = SENSORS["sid"]
    pictures = [expose(flat(500), 0.1, 800, sensor, np.random.default_rng(s)) for s in (4, 4, 5)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


def test_bad_sensors_and_exposures_are_refused() -> None:
    sensor = SENSORS["sid"]
    with pytest.raises(UsageError, match="17 bits"):
        replace(sensor, bits=17)
    with pytest.raises(UsageError, match="full_well"):
        replace(sensor, full_well=0)
    with pytest.raises(UsageError, match="lowest ISO first"):
        replace(sensor, black_levels=(Level(400, 2048), Level(0, 512)))
    with pytest.raises(UsageError, match="ISO 0"):
        expose(flat(1), 0.1, 0, sensor, np.random.default_rng(0))
    with pytest.raises(UsageError, match="light of shape"):
        expose(np.zeros((4, 4, 3), np.float32), 1, 100, sensor, np.random.default_rng(0))
    assert (
        SensorModel(1e4, 100, 0, 0, 0, (Level(0, 0),), (Level(0, 9999),), 12).white_level(1) == 4095
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(64, 64), (131, 97), (256, 384)])
def test_scenes_are_middle_toned_and_within_range(kind: str, size: tuple[int, int]) -> None:
    scene = paint_scene(size, np.random.default_rng(6), kind=kind)
    assert scene.shape == (*size, 3)
    assert scene.dtype == np.float32
    assert scene.min() >= 0
    assert scene.max() <= 1
    assert 0.1 < np.median(scene) < 0.3
    low, high = np.quantile(scene, [0.02, 0.98])
    assert high > 5 * low


def test_scenes_follow_their_generator() -> None:
    scenes = [paint_scene((96, 96), np.random.default_rng(seed)) for seed in (7, 7, 8)]
    np.testing.assert_array_equal(scenes[0], scenes[1])
    assert np.abs(scenes[0] - scenes[2]).mean() > 0.02


def test_no_cast_over_many_scenes() -> None:
    means = [
        paint_scene((96, 128), np.random.default_rng(seed), kind=KINDS[seed % 2]).mean(axis=(0, 1))
        for seed in range(24)
    ]
    red, green, blue = np.mean(means, axis=0)
    assert 0.75 < red / green < 1.4
    assert 0.65 < blue / green < 1.3


def test_scenes_are_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="at least 64"):
        paint_scene((63, 100), np.random.default_rng(0))
    with pytest.raises(UsageError, match="'lunar'"):
        paint_scene((64, 64), np.random.default_rng(0), kind="lunar")


def test_views_show_the_same_scene_from_elsewhere() -> None:
    size = (120, 160)
    canvas = paint_scene(canvas_size(size), np.random.default_rng(9))
    middle = view_of(canvas, size)
    top, left = (canvas.shape[0] - 120) // 2, (canvas.shape[1] - 160) // 2
    np.testing.assert_array_equal(middle, canvas[top : top + 120, left : left + 160])
    other = view_of(canvas, size, shift=(0.5, -0.8), turn=(0.4, 0.6))
    assert other.shape == middle.shape
    assert other.mean() == pytest.approx(middle.mean(), rel=0.2)
    assert np.abs(other - middle).mean() > 0.01


@given(
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    turn=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
@settings(max_examples=30, deadline=None)
def test_views_never_look_beyond_the_canvas(
    shift: tuple[float, float], turn: tuple[float, float]
) -> None:
    size = (64, 96)
    canvas = np.ones((*canvas_size(size), 3), np.float32)
    canvas[0], canvas[-1], canvas[:, 0], canvas[:, -1] = 0, 0, 0, 0
    assert view_of(canvas, size, shift=shift, turn=turn).min() > 0


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_neutral_light_gives_the_camera_s_neutral(camera: Camera) -> None:
    size = (64, 96)
    mosaic = mosaic_of(np.full((*size, 3), 0.5, np.float32), camera)
    top, left = camera.margin_pixels(size)
    assert mosaic.shape == (64 + top, 96 + left)
    assert not mosaic[:top].any()
    assert not mosaic[:, :left].any()
    for y in (0, 1):
        for x in (0, 1):
            expected = 0.5 * camera.neutral[camera.pattern[y][x]]
            np.testing.assert_allclose(mosaic[top + y :: 2, left + x :: 2], expected, rtol=1e-5)
    assert max(camera.neutral) == 1


def test_masked_borders_have_the_true_proportions() -> None:
    assert CAMERAS["mid"].margin_pixels((4502, 6744)) == (42, 136)
    assert CAMERAS["mid"].margin_pixels((512, 768)) == (4, 16)
    assert CAMERAS["mid"].margin_pixels((64, 64)) == (2, 2)
    assert CAMERAS["sid"].margin_pixels((512, 768)) == (0, 0)
